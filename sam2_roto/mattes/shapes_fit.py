"""Fitting roto splines to mattes: points that persist, and keys only where they are needed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sam2_roto.errors import ExportError
from sam2_roto.mattes.shapes import Points, Shape, Spline, bernstein, bounds, fill, polyline
from sam2_roto.mattes.shapes_match import carried, spaced
from sam2_roto.mattes.shapes_outlines import Outline, Track, follow, outlines

Array = NDArray[np.float64]

COUNTS = (8, 12, 16, 24, 32, 48, 64, 96)
"""Numbers of points that are tried, fewest first."""

_STEPS = 24  # places between two points at which a curve is laid on the outline
_PULL = 0.05  # weight that draws handles to thirds of the way where the outline says nothing
_LEAST = 0.2  # smallest gap between points, as part of the mean gap
_TRIED = 6  # frames of a track on which a number of points is tried


@dataclass(frozen=True)
class _Moving:
    """A track with its points on every frame, ``[T, N, 3, 2]``."""

    track: Track
    points: Array


def fit_spline(
    name: str, mattes: Iterable[NDArray[Any]], *, first: int = 0, tolerance: float = 0.5, most: int = COUNTS[-1]
) -> Spline:
    """Fit closed Bézier shapes to the mattes of one object.

    Args:
        name: of the object.
        mattes: alpha ``[H, W]``, 0 to 1, or bool masks, of consecutive frames; read once.
        first: number of the first frame.
        tolerance: largest mean distance in pixels, on any frame, between the matte's edge and the shapes: the area of
            the difference over the length of the edge. Keys are added until it holds, or every frame has one.
        most: points of a shape at most; the fewest of ``COUNTS`` are taken that keep a third of the tolerance.

    Returns:
        A spline of one shape per outline and unbroken stretch of frames: where an object splits or grows a hole,
        shapes end and others begin. All shapes have their keys on common frames.

    Raises:
        ExportError: no frames, mattes of several sizes, or a tolerance that is not positive.
    """
    if tolerance <= 0:
        raise ExportError(f"A tolerance of {tolerance:g} px is not possible: give a distance above 0.")
    found: list[list[Outline]] = []
    size: tuple[int, ...] | None = None
    for matte in mattes:
        if size not in (None, matte.shape):
            raise ExportError(f"The mattes of '{name}' have several sizes; give those of one plate.")
        size = matte.shape
        found.append(outlines(matte))
    if size is None:
        raise ExportError(f"There are no mattes of '{name}' to fit splines to; give at least one frame.")
    moving = [_fit_track(track, tolerance, most) for track in follow(found, first)]
    shapes, error = _keyed(_Scene(name, first, (size[1], size[0]), found, moving), tolerance)
    return Spline(name, size[1], size[0], (first, first + len(found) - 1), shapes, tolerance, error)


def _fit_track(track: Track, tolerance: float, most: int) -> _Moving:
    """Points of a track on every frame, as few as keep a third of the tolerance on some of its frames."""
    tried = np.unique(np.linspace(0, len(track.outlines) - 1, _TRIED).round().astype(int))
    counts = [count for count in COUNTS if count <= most] or [most]
    for count in counts:
        points = _carry(track, count)
        worst = max(_apart([(points[index], False)], [_solid(track.outlines[index])]) for index in tried)
        if worst <= tolerance / 3:
            break
    return _Moving(track, points)


def _solid(outline: Outline) -> Outline:
    return Outline(outline.points, outline.area, hole=False)


def _carry(track: Track, count: int) -> Array:
    """``count`` points, set where the longest outline bends, and carried from there to both ends of the track."""
    middle = int(np.argmax([outline.length for outline in track.outlines]))
    places = {middle: _bends(track.outlines[middle], count)}
    for step in (1, -1):
        end = len(track.outlines) if step > 0 else -1
        for index in range(middle + step, end, step):
            moved = carried(places[index - step], track.outlines[index - step], track.outlines[index])
            places[index] = spaced(moved, _LEAST / count)
    return np.stack([_curve(outline, places[index]) for index, outline in enumerate(track.outlines)])


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


@dataclass(frozen=True)
class _Scene:
    """The tracks of one object with their points, and what every frame shows."""

    name: str
    first: int
    size: tuple[int, int]
    found: Sequence[list[Outline]]
    moving: Sequence[_Moving]

    def shapes(self, keys: Sequence[int]) -> tuple[Shape, ...]:
        """The shapes with keys on those of the frames on which they are there."""
        return tuple(_shape(f"{self.name}_{index + 1}", entry, keys) for index, entry in enumerate(self.moving))

    def errors(self, shapes: Sequence[Shape]) -> Array:
        """What :func:`_apart` gives for every frame."""
        result = []
        for frame, present in enumerate(self.found, start=self.first):
            there = [(points, shape.hole) for shape in shapes if (points := shape.at(frame)) is not None]
            result.append(_apart(there, present, self.size))
        return np.array(result)

    def turns(self) -> Array:
        """How densely each frame wants keys: the root of its points' acceleration, as a chord's error goes with it."""
        total = np.zeros(len(self.found))
        for entry in self.moving:
            bent = np.abs(np.diff(entry.points[:, :, 1], n=2, axis=0)).mean(axis=(1, 2))
            start = entry.track.first - self.first + 1
            total[start : start + len(bent)] += bent
        return np.sqrt(total) + 0.05

    def marks(self, spans: int) -> list[int]:
        """Keys for about that many spans: both ends of every track, and between them as ``turns`` has it."""
        ends = {frame for entry in self.moving for frame in (entry.track.first, entry.track.last)}
        way = np.concatenate([[0.0], self.turns().cumsum()])
        way *= spans / max(way[-1], 1e-9)
        chosen = set(ends)
        for before, after in pairwise(sorted(ends)):
            inside = way[before - self.first : after - self.first + 1]
            parts = max(1, math.ceil(inside[-1] - inside[0] - 1e-9))
            steps = np.interp(np.linspace(inside[0], inside[-1], parts + 1), inside, np.arange(before, after + 1))
            chosen |= {int(frame) for frame in steps.round()}
        return sorted(chosen)


def _keyed(scene: _Scene, tolerance: float) -> tuple[tuple[Shape, ...], float]:
    """The shapes with the fewest keys that bisection finds to hold the tolerance, and their largest error.

    A frame that even its own points miss by more may be missed by a little more than that.
    """
    every = scene.shapes(range(scene.first, scene.first + len(scene.found)))
    allowed = np.maximum(tolerance, 1.1 * scene.errors(every))
    low, high = 0, len(scene.found)
    best, error = every, scene.errors(every)
    while high - low > 1:
        middle = (low + high) // 2
        shapes = scene.shapes(scene.marks(middle))
        errors = scene.errors(shapes)
        if (errors <= allowed).all():
            best, error, high = shapes, errors, middle
        else:
            low = middle
    return best, float(error.max())


def _shape(name: str, entry: _Moving, keys: Sequence[int]) -> Shape:
    """The shape whose keys, joined by straight lines, come nearest to its points on all frames (least squares)."""
    frames = np.arange(entry.track.first, entry.track.last + 1)
    chosen = [frame for frame in keys if frames[0] <= frame <= frames[-1]]
    weights = np.stack([np.interp(frames, chosen, row) for row in np.eye(len(chosen))], axis=1)
    values = np.linalg.lstsq(weights, entry.points.reshape(len(frames), -1), rcond=None)[0]
    solved = values.reshape(len(chosen), *entry.points.shape[1:])
    return Shape(name, dict(zip(chosen, solved, strict=True)), entry.track.outlines[0].hole)


def _apart(
    curves: Sequence[tuple[Points, bool]], present: Sequence[Outline], size: tuple[int, int] = (1 << 20, 1 << 20)
) -> float:
    """Mean distance in pixels between drawn curves and outlines: the area of their difference over the length."""
    drawn = [(polyline(points), hole) for points, hole in curves]
    wanted = [(outline.points, outline.hole) for outline in present]
    box = bounds([points for points, _ in drawn + wanted], *size)
    if box is None:
        return 0.0
    length = sum(outline.length for outline in present)
    return float(np.abs(fill(drawn, box) - fill(wanted, box)).sum() / max(length, 1.0))
