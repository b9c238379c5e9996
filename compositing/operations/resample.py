"""Resampling: the filters, scaling along rows and columns, and looking pixels up between pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from compositing.errors import ImageError

Filter = Literal["nearest", "linear", "cubic", "mitchell", "lanczos"]


def _bicubic(b: float, c: float) -> Callable[[Tensor], Tensor]:
    """Mitchell & Netravali, "Reconstruction Filters in Computer Graphics", 1988, equation 8."""

    def weight(x: Tensor) -> Tensor:
        near = ((12 - 9 * b - 6 * c) * x + (-18 + 12 * b + 6 * c)) * x * x + (6 - 2 * b)
        far = (((-b - 6 * c) * x + (6 * b + 30 * c)) * x + (-12 * b - 48 * c)) * x + (8 * b + 24 * c)
        return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x))) / 6

    return weight


def _lanczos(x: Tensor) -> Tensor:
    return torch.where(x < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


# Reach in pixels, and the weight at a distance. Cubic is Keys' with slope -1/2 (Catmull-Rom), Mitchell's b = c = 1/3.
FILTERS: dict[str, tuple[float, Callable[[Tensor], Tensor]]] = {
    "nearest": (0.5, torch.ones_like),
    "linear": (1.0, lambda x: (1 - x).clamp_min(0)),
    "cubic": (2.0, _bicubic(0.0, 0.5)),
    "mitchell": (2.0, _bicubic(1 / 3, 1 / 3)),
    "lanczos": (3.0, _lanczos),
}


def named(name: str) -> tuple[float, Callable[[Tensor], Tensor]]:
    """Reach and weight of a filter. Raises ImageError where there is none of that name."""
    if name not in FILTERS:
        raise ImageError(f"There is no filter {name!r}; there are {', '.join(FILTERS)}.")
    return FILTERS[name]


def taps(positions: Tensor, filter: str, stretch: float = 1.0) -> tuple[Tensor, Tensor]:
    """Which pixels make up the values at ``positions``, and by how much.

    Args:
        positions: float64 ``[...]``, in pixels, where pixel i covers i to i + 1 and its centre is i + 0.5.
        filter: a key of FILTERS.
        stretch: how many source pixels a target pixel covers; above 1 the filter is widened by it.

    Returns:
        First pixel int64 ``[...]`` and weights float32 ``[..., K]`` of it and those that follow, with sum 1.
    """
    reach, weight = named(filter)
    if filter == "nearest":
        return positions.floor().long(), torch.ones((*positions.shape, 1), device=positions.device)
    stretch = max(stretch, 1.0)
    first = torch.ceil(positions - 0.5 - reach * stretch)
    count = math.floor(2 * reach * stretch) + 1
    centres = first[..., None] + torch.arange(count, device=positions.device) + 0.5
    weights = weight((centres - positions[..., None]).abs() / stretch)
    return first.long(), (weights / weights.sum(-1, keepdim=True)).float()


def scale_axis(planes: Tensor, positions: Tensor, filter: str, stretch: float, *, repeat: bool) -> Tensor:
    """Planes ``[C, H, W]`` looked up at ``positions`` along the last axis; ``[C, H, len(positions)]``.

    Beyond the ends lies black, or with ``repeat`` the last pixel.
    """
    first, weights = taps(positions.to(planes.device), filter, stretch)
    size = planes.shape[-1]
    result = planes.new_zeros(*planes.shape[:-1], len(positions))
    for step in range(weights.shape[-1]):
        index, weight = first + step, weights[:, step]
        if not repeat:
            weight = weight * ((index >= 0) & (index < size))
        result.addcmul_(planes.index_select(-1, index.clamp(0, size - 1)), weight)
    return result


def look_up(planes: Tensor, x: Tensor, y: Tensor, filter: str, *, repeat: bool) -> Tensor:
    """Planes ``[C, H, W]`` at points x, y ``[h, w]`` (float64, pixels); ``[C, h, w]``. See ``scale_axis``."""
    (first_x, weights_x), (first_y, weights_y) = taps(x, filter), taps(y, filter)
    height, width = planes.shape[-2:]
    flat = planes.reshape(len(planes), -1)
    result = planes.new_zeros(len(planes), *x.shape)
    for down in range(weights_y.shape[-1]):
        row, row_weight = first_y + down, weights_y[..., down]
        row_inside = (row >= 0) & (row < height)
        for across in range(weights_x.shape[-1]):
            column, weight = first_x + across, row_weight * weights_x[..., across]
            if not repeat:
                weight = weight * (row_inside & (column >= 0) & (column < width))
            index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            result.addcmul_(flat.index_select(1, index.reshape(-1)).reshape(result.shape), weight)
    return result
