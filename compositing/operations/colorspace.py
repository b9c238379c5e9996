"""Images from one colour space to another, and to what a monitor shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compositing.color import convert, display_view, is_computed, resolve, same_space
from compositing.errors import ColorError
from compositing.image import Image
from compositing.lut import Lut
from compositing.operations.alpha import on_straight


def to_space(image: Image, target: str) -> Image:
    """The image in another colour space; straight colour is converted, the premultiplied state is kept.

    Raises ColorError for an unknown space, ImageError for an image without colour.
    """
    if same_space(image.color_space, target):
        return replace(image, color_space=resolve(target))
    # OCIO has its own bands, and is slow to be called.
    formula = is_computed(image.color_space) and is_computed(target)
    return _converted(image, lambda color: convert(color, image.color_space, target), resolve(target), formula)


def through(image: Image, lut: Lut) -> Image:
    """The image through a baked conversion. Raises ColorError where it was baked for another space."""
    if not same_space(image.color_space, lut.source):
        raise ColorError(f"The LUT was baked for {lut.source}, the image is in {image.color_space}; bake another one.")
    return _converted(image, lut.apply, lut.target)


def through_matrix(image: Image, matrix: Tensor) -> Image:
    """R, G and B times a matrix ``[3, 3]``, for light of other primaries; images without the three are given back."""
    if not all(name in image.channels for name in "RGB"):
        return image
    there = matrix.to(image.pixels.device)
    return on_straight(image, lambda color: torch.einsum("ij,jhw->ihw", there, color), linear=True, pointwise=True)


def shown(image: Image) -> NDArray[np.uint8]:
    """The display window as 8-bit sRGB ``[H, W, 3]``: premultiplied colour on black, without a tone curve."""
    return display_view(image.on_display().rgb().cpu(), image.color_space)


def _converted(image: Image, operation: Callable[[Tensor], Tensor], target: str, pointwise: bool = False) -> Image:
    def on_three(color: Tensor) -> Tensor:
        three = operation(color.expand(3, -1, -1).contiguous())
        return three if len(color) == 3 else three[:1]

    return replace(on_straight(image, on_three, pointwise=pointwise), color_space=target)
