"""Points on outlines: how many, where, with which handles, and which is which from frame to frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sam2_roto.mattes.shapes import Points, bernstein, bounds, fill, polyline
from sam2_roto.mattes.shapes_match import carried, spaced
from sam2_roto.mattes.shapes_outlines import Outline, Track

Array = NDArray[np.float64]

COUNTS = (8, 12, 16, 24, 32, 48, 64, 96)
"""Numbers of points that are tried, fewest first."""

_STEPS = 24  # places between two points at which a curve is laid on the outline
_PULL = 0.05  # weight that draws handles to thirds of the way where the outline says nothing
_LEAST = 0.2  # smallest gap between points, as part of the mean gap
_TRIED = 6  # frames of a track on which a number of points is tried


def carried_points(track: Track, tolerance: float, most: int) -> Array:
    """The track's points on every frame, ``[T, N, 3, 2]``: set where the longest outline bends, and carried from there.

    N is the fewest of ``COUNTS``, at most ``most``, that keep a third of the tolerance (mean distance in pixels).
    """
    middle = int(np.argmax([outline.length for outline in track.outlines]))
    count = _enough(track, tolerance, most)
    places = {middle: _bends(track.outlines[middle], count)}
    for step in (1, -1):
        end = len(track.outlines) if step > 0 else -1
        for index in range(middle + step, end, step):
            moved = carried(places[index - step], track.outlines[index - step], track.outlines[index])
            places[index] = spaced(moved, _LEAST / count)
    return np.stack([_curve(outline, places[index]) for index, outline in enumerate(track.outlines)])


def _enough(track: Track, tolerance: float, most: int) -> int:
    """How many points keep a third of the tolerance on some of the track's frames, each with points of its own."""
    tried = np.unique(np.linspace(0, len(track.outlines) - 1, _TRIED).round().astype(int))
    for count in [count for count in COUNTS if count < most]:
        if max(_own_error(track.outlines[index], count) for index in tried) <= tolerance / 3:
            return count
    return most


def _own_error(outline: Outline, count: int) -> float:
    """Mean distance between an outline and the curve of ``count`` points laid on it."""
    curve = polyline(_curve(outline, _bends(outline, count)))
    box = bounds([curve, outline.points], 1 << 20, 1 << 20)
    if box is None:
        return 0.0
    apart = np.abs(fill([(curve, False)], box) - fill([(outline.points, False)], box))
    return float(apart.sum() / max(outline.length, 1.0))


def _bends(outline: Outline, count: int) -> Array:
    """Places for ``count`` points, denser where the outline bends."""
    even = np.arange(512) / 512
    points = outline.at(even)
    reach = 4
    ahead, behind = np.roll(points, -reach, axis=0) - points, points - np.roll(points, reach, axis=0)
    cross = ahead[:, 0] * behind[:, 1] - ahead[:, 1] * behind[:, 0]
    bend = np.abs(np.arctan2(cross, (ahead * behind).sum(axis=1)))
    density = bend + bend.mean() + 1e-6
    way = np.concatenate([[0.0], density.cumsum()])
    return np.asarray(np.interp(np.arange(count) / count * way[-1], way, np.arange(513) / 512))


def _curve(outline: Outline, places: Array) -> Points:
    """The Bézier through ``places`` of the outline whose handles lay it on the outline by least squares."""
    ends = np.append(places[1:], places[0] + 1)
    part = np.arange(_STEPS + 1) / _STEPS
    samples = outline.at(places[:, None] + (ends - places)[:, None] * part)  # [N, steps + 1, 2]
    start, stop = samples[:, :1], samples[:, -1:]
    basis = bernstein(part)
    thirds = np.concatenate([start + (stop - start) / 3, stop - (stop - start) / 3], axis=1)
    rest = samples - basis[:, :1] * start - basis[:, 3:] * stop - np.einsum("sk,nkc->nsc", basis[:, 1:3], thirds)
    inner = basis[:, 1:3]
    solver = np.linalg.solve(inner.T @ inner + _PULL * np.eye(2), inner.T)
    handles = thirds + np.einsum("ks,nsc->nkc", solver, rest)
    return np.stack([np.roll(handles[:, 1], 1, axis=0), samples[:, 0], handles[:, 0]], axis=1)
