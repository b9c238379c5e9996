"""Shadows of a cut-out: its alpha moved, softened and coloured, to lie between it and its background."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations.filter import gaussian
from compositing.operations.transform import transform


def shadow(
    image: Image,
    matrix: Tensor | None = None,
    *,
    softness: float = 8.0,
    opacity: float = 0.5,
    color: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Image:
    """The image's shadow, premultiplied RGBA of the same display window and colour space.

    ``matrix`` casts it: a move for a drop shadow, a skew and squash about the feet for one that lies on the ground
    (see ``affine_matrix``). ``softness`` is the sigma of a gaussian in pixels, ``opacity`` the shadow's densest alpha.
    What the frame cuts off the image casts a shadow, too, as far as it is near. Raises ImageError where the image has
    no alpha or the opacity is not 0 to 1.
    """
    if "A" not in image.channels:
        raise ImageError("The image has no alpha, so it casts no shadow; give it a matte first.")
    if not 0.0 <= opacity <= 1.0:
        raise ImageError(f"The opacity of a shadow is {opacity}; give a number from 0 to 1.")
    cast = replace(image, pixels=image.channel("A")[None].clamp(0, 1), channels=("A",), premultiplied=True)
    reach = int(3 * softness) + 1
    cast = _carried_on(cast, reach + _shift(matrix))
    if matrix is not None:
        cast = transform(cast, matrix, filter="linear", window=image.display.grown(reach))
    cast = gaussian(cast, softness)
    data = cast.data.intersection(image.display)
    alpha = (cast.cropped(data) if data is not None else cast).pixels * opacity
    tint = torch.tensor((*color, 1.0), device=alpha.device)[:, None, None]
    return replace(cast, pixels=tint * alpha, channels=("R", "G", "B", "A"), data=data or cast.data)


def _carried_on(image: Image, margin: int) -> Image:
    """The image with ``margin`` pixels more on every side where the frame cuts it, each as its border is."""
    data, frame = image.data, image.display
    left, right = margin * (data.x0 <= frame.x0), margin * (data.x1 >= frame.x1)
    top, bottom = margin * (data.y0 <= frame.y0), margin * (data.y1 >= frame.y1)
    pixels = F.pad(image.pixels[None], (left, right, top, bottom), mode="replicate")[0]
    return replace(image, pixels=pixels, data=Window(data.x0 - left, data.y0 - top, data.x1 + right, data.y1 + bottom))


def _shift(matrix: Tensor | None) -> int:
    """How far a plain move goes, in pixels; 0 for what turns or scales, which would draw the border out to a streak."""
    if matrix is None or not torch.equal(matrix[:2, :2], torch.eye(2).to(matrix)):
        return 0
    return math.ceil(float(matrix[:2, 2].abs().max()))
