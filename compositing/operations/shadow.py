"""Shadows of a cut-out: its alpha moved, softened and coloured, to lie between it and its background."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image
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
    Raises ImageError where the image has no alpha or the opacity is not 0 to 1.
    """
    if "A" not in image.channels:
        raise ImageError("The image has no alpha, so it casts no shadow; give it a matte first.")
    if not 0.0 <= opacity <= 1.0:
        raise ImageError(f"The opacity of a shadow is {opacity}; give a number from 0 to 1.")
    cast = replace(image, pixels=image.channel("A")[None].clamp(0, 1), channels=("A",), premultiplied=True)
    if matrix is not None:
        reach = int(3 * softness) + 1
        cast = transform(cast, matrix, filter="linear", window=image.display.grown(reach))
    cast = gaussian(cast, softness)
    data = cast.data.intersection(image.display)
    alpha = (cast.cropped(data) if data is not None else cast).pixels * opacity
    tint = torch.tensor((*color, 1.0), device=alpha.device)[:, None, None]
    return replace(cast, pixels=tint * alpha, channels=("R", "G", "B", "A"), data=data or cast.data)
