"""Which place of one outline is which of the next: what makes points persist.

Outlines are laid over each other by the cyclic shift of least squared distance (found with a Fourier transform), then
warped by dynamic programming over position and direction (dynamic time warping: Sakoe & Chiba 1978).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sam2_roto.mattes.shapes_outlines import Outline

Array = NDArray[np.float64]

SAMPLES = 240
"""Places on an outline that are matched."""

_BAND = SAMPLES // 8  # how far the warp may stray from an even pace
_DIRECTION = 0.03  # weight of direction against position, as part of the outline's length
_PAUSE = 0.02  # cost of a step on one outline alone, in the same measure
_SMOOTH = 7  # samples over which the warp is averaged


def carried(places: Array, old: Outline, new: Outline) -> Array:
    """The places on ``new`` of what is at ``places`` on ``old``: ascending, as parts of the way round."""
    even = np.arange(SAMPLES) / SAMPLES
    warp = _warp(old.at(even), new.at(even), old.length)
    around = np.concatenate([warp - SAMPLES, warp, warp + SAMPLES])
    index = np.arange(-SAMPLES, 2 * SAMPLES)
    turns = np.floor(places[0])
    return np.asarray(np.interp((places - turns) * SAMPLES, index, around) / SAMPLES + turns)


def spaced(places: Array, least: float) -> Array:
    """Ascending places with gaps round the outline of ``least`` or more, moved as little as that needs."""
    gaps = np.maximum(np.diff(places, append=places[0] + 1), least)
    gaps /= gaps.sum()
    moved = np.concatenate([[0.0], gaps[:-1].cumsum()])
    return np.asarray(moved + (places - moved).mean())


def _warp(old: Array, new: Array, length: float) -> Array:
    """For every sample of ``old`` the sample of ``new``, ascending, unwrapped: ``[SAMPLES]``."""
    old, new = old - old.mean(axis=0), new - new.mean(axis=0)
    shift = _shift(old, new)
    rolled = np.roll(new, -shift, axis=0)
    heading_old, heading_new = _heading(old), _heading(rolled)
    apart = ((old - rolled) ** 2).sum(axis=1) + (_DIRECTION * length) ** 2 * ((heading_old - heading_new) ** 2).sum(1)
    start = int(np.argmin(apart))
    path = _path(
        *(np.roll(values, -start, axis=0) for values in (old, rolled, heading_old, heading_new)), length=length
    )
    lead = np.roll(path - np.arange(SAMPLES), start)
    wrapped = np.concatenate([lead[-_SMOOTH:], lead, lead[:_SMOOTH]])
    smooth = np.convolve(wrapped, np.full(_SMOOTH, 1 / _SMOOTH), "same")[_SMOOTH:-_SMOOTH]
    return np.asarray(np.arange(SAMPLES) + shift + smooth)


def _shift(old: Array, new: Array) -> int:
    """The k for which ``old[i]`` is nearest to ``new[i + k]`` in the sum of squares, between ± half the samples."""
    first, second = (np.fft.fft(points[:, 0] + 1j * points[:, 1]) for points in (old, new))
    best = int(np.argmax(np.fft.ifft(first.conj() * second).real))
    return best - SAMPLES if best > SAMPLES // 2 else best


def _heading(points: Array) -> Array:
    step = np.roll(points, -2, axis=0) - np.roll(points, 2, axis=0)
    return np.asarray(step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9))


def _path(old: Array, new: Array, heading_old: Array, heading_new: Array, *, length: float) -> Array:
    """The cheapest monotone walk from the shared start round to it again: the mean match of each sample."""
    place = ((old[:, None] - new[None]) ** 2).sum(axis=2)
    turn = ((heading_old[:, None] - heading_new[None]) ** 2).sum(axis=2)
    cost = place + (_DIRECTION * length) ** 2 * turn
    pause = (_PAUSE * length) ** 2
    total = np.full((SAMPLES + 1, SAMPLES + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(2, 2 * SAMPLES + 1):  # cells of an antidiagonal do not depend on one another
        rows = np.arange(
            max(1, (diagonal - _BAND + 1) // 2, diagonal - SAMPLES), min(SAMPLES, (diagonal + _BAND) // 2) + 1
        )
        rows = rows[rows < diagonal]
        columns = diagonal - rows
        best = np.minimum(total[rows - 1, columns], total[rows, columns - 1]) + pause
        total[rows, columns] = cost[rows - 1, columns - 1] + np.minimum(best, total[rows - 1, columns - 1])
    return _walked_back(total, pause)


def _walked_back(total: Array, pause: float) -> Array:
    sums, counts = np.zeros(SAMPLES), np.zeros(SAMPLES)
    row = column = SAMPLES
    while row > 0 and column > 0:
        sums[row - 1] += column - 1
        counts[row - 1] += 1
        ways = (total[row - 1, column - 1], total[row - 1, column] + pause, total[row, column - 1] + pause)
        way = int(np.argmin(ways))
        row, column = row - (way != 2), column - (way != 1)
    return np.asarray(sums / counts)
