"""The guided filter: a matte drawn to the edges of its plate (He, Sun & Tang 2013; subsampled as He & Sun 2015).

It is believed as far as colour tells the object from what is beside it. White fur before a white floor is told by its
pattern alone, and a filter that follows that tears the matte: there the matte stays as it was. Where something else has
told of the object, pixel by pixel and more or less surely, the filter follows that by its weight.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_TAPS = 4  # the window's radius after subsampling
_FLOOR = 0.02
_HAZE = 0.05  # what the filter leaves of the background's pattern round the object, and of the object's in it

_AROUND = 2  # radii of the filter's windows in which colours are compared
_ERROR = 0.02  # of a plate's codes, 0 to 1, by compression
_DOUBTED, _BELIEVED = 0.3, 0.65  # the part of alpha's variance that colour explains there
_UNSURE = 0.05  # weight there of an alpha of one half; that of 0 and 1 is one more
_LIGHTEST = 1e-6  # weight that a pixel has at least
_LEAST = 1e-4  # variance of alpha below which there is no edge to be explained


def guided_filter(alpha: Tensor, guide: Tensor, radius: float, *, epsilon: float = 1e-4) -> Tensor:
    """Alpha as a locally linear function of the plate's colour, where colour tells inside from outside.

    Args:
        alpha: float32 ``[H, W]``, 0 to 1.
        guide: the plate's light, codes squared, float32 ``[3, H, W]``, 0 to 1.
        radius: of the windows in which alpha is linear in colour, in pixels.
        epsilon: variance of colour below which a window counts as flat and its alpha is averaged.

    Returns:
        float32 ``[H, W]`` in 0 to 1; what comes within 0.05 of 0 or 1 is 0 or 1.
    """
    small, taps = _subsampled(torch.cat([guide, alpha[None]]), radius)
    color, level = small[:3] - 0.5, small[3]
    trust = _told_by_color(color, level, _AROUND * taps, epsilon)
    drawn, share = _applied(_line(_moments(color, level, taps), epsilon), trust, taps, guide)
    return _without_haze(drawn.addcmul_(1 - share, alpha))


def weighted_filter(alpha: Tensor, guide: Tensor, weight: Tensor, radius: float, *, epsilon: float = 1e-5) -> Tensor:
    """Alpha as a locally linear function of the plate's colour, as those pixels say that have weight.

    Each window counts by the weight in it, so that what is known of a few strands is said of those beside them.

    Args:
        alpha: float32 ``[H, W]``, 0 to 1.
        guide: the plate's codes, float32 ``[3, H, W]``, 0 to 1.
        weight: of each pixel, float32 ``[H, W]``, above 0.
        radius, epsilon: as in :func:`guided_filter`.

    Returns:
        As :func:`guided_filter`.
    """
    small, taps = _subsampled(torch.cat([torch.cat([guide - 0.5, alpha[None]]) * weight, weight[None]]), radius)
    share = small[4].clamp(min=_LIGHTEST)
    seen = _moments(small[:3] / share, small[3] / share, taps, share)
    drawn, total = _applied(_line(seen, epsilon), _box(share[None], taps), taps, guide)
    return _without_haze(drawn.div_(total))


def _subsampled(planes: Tensor, radius: float) -> tuple[Tensor, int]:
    """Planes ``[C, H, W]`` so reduced that ``radius`` is a few pixels, and how many."""
    step = max(1, round(radius / _TAPS))
    size = (max(1, planes.shape[1] // step), max(1, planes.shape[2] // step))
    return F.interpolate(planes[None], size=size, mode="area")[0], max(1, round(radius / step))


def _applied(line: Tensor, share: Tensor, taps: int, guide: Tensor) -> tuple[Tensor, Tensor]:
    """The lines ``[4, h, w]`` of all windows over a pixel, by their ``share [1, h, w]``, at the plate's colours.

    Two of ``[H, W]``: their sum, and that of their shares.
    """
    factors = _box(torch.cat([share * line, share]), taps)
    full = F.interpolate(factors[None], size=guide.shape[1:], mode="bilinear", align_corners=False)[0]
    return (guide - 0.5).mul_(full[:3]).sum(0).add_(full[3]), full[4]


def _without_haze(matte: Tensor) -> Tensor:
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


class _Moments(NamedTuple):
    """Of colour and alpha in each window of ``[h, w]``: means, variances, and covariances."""

    color: Tensor
    """``[3, h, w]``"""
    alpha: Tensor
    """``[h, w]``"""
    spread: tuple[Tensor, ...]
    """Of colour with itself, each ``[h, w]``: rr, rg, rb, gg, gb, bb."""
    shared: Tensor
    """Of colour with alpha, ``[3, h, w]``."""
    change: Tensor
    """Of alpha with itself, ``[h, w]``."""


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def _moments(color: Tensor, alpha: Tensor, taps: int, weight: Tensor | None = None) -> _Moments:
    """The moments of ``[3, h, w]`` and ``[h, w]`` in windows of 2 taps + 1, all pixels alike or by their weight."""
    planes = torch.cat([color, alpha[None]])
    products = torch.stack([*(color[i] * color[j] for i, j in _PAIRS), *(color * alpha), alpha * alpha])
    every = torch.cat([planes, products])
    means = _box(every, taps) if weight is None else _box(every * weight, taps) / _box(weight[None], taps)
    center, level = means[:3], means[3]
    spread = tuple(means[4 + k] - center[i] * center[j] for k, (i, j) in enumerate(_PAIRS))
    return _Moments(center, level, spread, means[10:13] - center * level, means[13] - level * level)


def _line(seen: _Moments, epsilon: float) -> Tensor:
    """Slopes and offset ``[4, h, w]`` of alpha over colour, by least squares in each window."""
    slopes = _slopes(seen, epsilon)
    return torch.cat([slopes, (seen.alpha - (slopes * seen.color).sum(0))[None]])


def _slopes(seen: _Moments, epsilon: float | Tensor) -> Tensor:
    rr, rg, rb, gg, gb, bb = seen.spread
    return _solve(rr + epsilon, rg, rb, gg + epsilon, gb, bb + epsilon, seen.shared)


def _told_by_color(color: Tensor, alpha: Tensor, taps: int, epsilon: float) -> Tensor:
    """How far colour tells the object from its surroundings, ``[1, h, w]`` in 0 to 1.

    That is the part of alpha's variance that a line over colour explains, of which codes' errors explain nothing;
    pixels that are sure count most.
    """
    seen = _moments(color, alpha, taps, (2 * alpha - 1).square_().add_(_UNSURE))
    light = (seen.color.mean(0) + 0.5).clamp_(min=0)
    error = 4 * _ERROR**2 * light  # light is the square of a code: its error grows with the code
    explained = (_slopes(seen, epsilon + error) * seen.shared).sum(0) / seen.change.clamp(min=_LEAST)
    return explained.sub_(_DOUBTED).div_(_BELIEVED - _DOUBTED).clamp_(0, 1)[None]


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
