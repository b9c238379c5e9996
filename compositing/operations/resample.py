"""Resampling: the filters, scaling along rows and columns, and looking pixels up between pixels.

Both are weighted sums of rows of a table, which torch's ``embedding_bag`` works out in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
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
    # The difference is small, so that floats of 32 bits hold it; the positions themselves need 64.
    offset = (positions - 0.5 - first).float()
    # Taps come first in memory, so that each step runs along many positions.
    steps = torch.arange(count, dtype=torch.float32, device=positions.device)
    weights = weight((steps.reshape(-1, *[1] * offset.ndim) - offset).abs_().div_(stretch))
    return first.long(), weights.div_(weights.sum(0)).movedim(0, -1)


def scale_rows(planes: Tensor, positions: Tensor, filter: str, stretch: float, *, repeat: bool) -> Tensor:
    """Planes ``[C, H, W]`` looked up at ``positions`` down their columns; ``[C, len(positions), W]``.

    Beyond the ends lies black, or with ``repeat`` the last pixel.
    """
    first, weights = taps(positions.to(planes.device), filter, stretch)
    taken = first[:, None] + torch.arange(weights.shape[-1], device=first.device)
    index = taken.clamp(0, planes.shape[1] - 1)
    if not repeat:
        weights = weights * (index == taken)
    return torch.stack([F.embedding_bag(index, plane, mode="sum", per_sample_weights=weights) for plane in planes])


def scale(
    planes: Tensor, columns: Tensor, rows: Tensor, stretch: tuple[float, float], filter: str, *, repeat: bool
) -> Tensor:
    """Planes ``[C, H, W]`` at the points of a grid, ``[C, len(rows), len(columns)]``; ``stretch`` is across and down.

    The axis that shrinks most is scaled first, so that less is left for the other. See ``scale_rows``.
    """
    if stretch[1] >= stretch[0]:
        planes = scale_rows(planes, rows, filter, stretch[1], repeat=repeat)
    planes = planes.transpose(1, 2).contiguous()
    planes = scale_rows(planes, columns, filter, stretch[0], repeat=repeat).transpose(1, 2).contiguous()
    return planes if stretch[1] >= stretch[0] else scale_rows(planes, rows, filter, stretch[1], repeat=repeat)


def look_up(table: Tensor, size: tuple[int, int], x: Tensor, y: Tensor, filter: str) -> Tensor:
    """Pixels at points x, y ``[N]`` (float64, in pixels of the picture), black beyond it; ``[N, C]``.

    ``table`` is the picture as ``bordered`` gives it for that filter, ``size`` its width and height.
    """
    (left, across), (top, down) = taps(x, filter), taps(y, filter)
    count, device = across.shape[-1], table.device
    columns, rows = size[0] + 2 * count, torch.arange(count, device=device)
    first = (top.clamp_(-count, size[1]) + count) * columns + (left.clamp_(-count, size[0]) + count)
    index = first[:, None] + (rows[:, None] * columns + rows).flatten()
    # Products with ones and zeros repeat the weights: whole rows of them, and each of them in place.
    ones = torch.eye(count, device=device)
    weights = (down @ ones.repeat_interleave(count, 1)).mul_(across @ ones.repeat(1, count))
    return F.embedding_bag(index, table, mode="sum", per_sample_weights=weights)


def bordered(planes: Tensor, filter: str) -> Tensor:
    """Planes ``[C, H, W]`` in black as wide as the filter, as a table with a row for each pixel, row after row."""
    count = taps(torch.zeros(1, dtype=torch.float64), filter)[1].shape[-1]
    return F.pad(planes, (count,) * 4).flatten(1).T.contiguous()
