"""The guided filter: a matte drawn to the edges of its plate (He, Sun & Tang 2013; subsampled as He & Sun 2015)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_TAPS = 4  # the window's radius after subsampling
_FLOOR = 0.02
_HAZE = 0.05  # what the filter leaves of the background's pattern round the object, and of the object's in it


def guided_filter(alpha: Tensor, guide: Tensor, radius: float, *, epsilon: float = 1e-4) -> Tensor:
    """Alpha as a locally linear function of the plate's colour.

    Args:
        alpha: float32 ``[H, W]``, 0 to 1.
        guide: the plate, float32 ``[3, H, W]``, 0 to 1.
        radius: of the windows in which alpha is linear in colour, in pixels.
        epsilon: variance of colour below which a window counts as flat and its alpha is averaged.

    Returns:
        float32 ``[H, W]`` in 0 to 1; what comes within 0.05 of 0 or 1 is 0 or 1.
    """
    height, width = alpha.shape
    step = max(1, round(radius / _TAPS))
    size = (max(1, height // step), max(1, width // step))
    small = F.interpolate(torch.cat([guide, alpha[None]])[None], size=size, mode="area")[0]
    factors = _linear_model(small[:3] - 0.5, small[3], max(1, round(radius / step)), epsilon)
    full = F.interpolate(factors[None], size=(height, width), mode="bilinear", align_corners=False)[0]
    matte = (guide - 0.5).mul_(full[:3]).sum(0).add_(full[3])
    return matte.sub_(_HAZE).div_(1 - 2 * _HAZE).clamp_(0, 1)


def within_band(alpha: Tensor, drawn: Tensor, cell: float) -> Tensor:
    """``drawn`` near the soft edge of ``alpha``, and alpha itself where it is sure of itself: all ``[H, W]``.

    Colours inside an object differ as well (an eye, a pattern), and what lies outside may have its colour. So what is 1
    farther than a cell from the edge stays 1, and what is 0 farther than two cells stays 0, with soft passages.
    """
    core = _inner((alpha >= 1 - _FLOOR).float(), cell)
    void = _inner((alpha <= _FLOOR).float(), 2 * cell)
    return torch.maximum(drawn, core) * (1 - void)


def _inner(mask: Tensor, depth: float) -> Tensor:
    """1 farther than 1.5 times ``depth`` inside a mask ``[H, W]``, 0 within half of it; float32."""
    taps, blur = max(1, round(depth)), max(1, round(depth / 2))
    lowest = -F.max_pool2d(-mask[None, None], (2 * taps + 1, 1), 1, (taps, 0))
    lowest = -F.max_pool2d(-lowest, (1, 2 * taps + 1), 1, (0, taps))
    return _box(lowest[0], blur)[0]


def _linear_model(guide: Tensor, alpha: Tensor, taps: int, epsilon: float) -> Tensor:
    """Slopes and offset ``[4, h, w]`` of alpha over colour, by least squares in each window, then averaged."""
    red, green, blue = guide
    products = torch.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue])
    means = _box(torch.cat([guide, alpha[None], products, guide * alpha]), taps)
    center, level = means[:3], means[3]
    rr, rg, rb, gg, gb, bb = means[4:10] - torch.stack(
        [center[i] * center[j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))]
    )
    slopes = _solve(rr + epsilon, rg, rb, gg + epsilon, gb, bb + epsilon, means[10:13] - center * level)
    offset = level - (slopes * center).sum(0)
    return _box(torch.cat([slopes, offset[None]]), taps)


def _solve(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor, f: Tensor, right: Tensor) -> Tensor:
    """Solve the symmetric systems [[a b c] [b d e] [c e f]] x = right ``[3, h, w]``, by cofactors."""
    aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
    bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = (a * aa + b * ab + c * ac).clamp(min=1e-14)
    x, y, z = right
    return torch.stack([aa * x + ab * y + ac * z, ab * x + bb * y + bc * z, ac * x + bc * y + cc * z]) / determinant


def _box(planes: Tensor, taps: int) -> Tensor:
    """Means of ``[C, h, w]`` over windows of 2 taps + 1; at the border over the part that is there."""
    return _running_mean(_running_mean(planes, taps).mT, taps).mT


def _running_mean(planes: Tensor, taps: int) -> Tensor:
    """Means along the last axis. Values round 0 keep the running sums small, so that float32 is enough."""
    length = planes.shape[-1]
    sums = F.pad(planes.cumsum(-1), (1, 0))
    place = torch.arange(length, device=planes.device)
    low, high = (place - taps).clamp(min=0), (place + taps + 1).clamp(max=length)
    return (sums.index_select(-1, high) - sums.index_select(-1, low)) / (high - low)
