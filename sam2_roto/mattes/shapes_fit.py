"""Fitting roto splines to mattes: points that persist, and keys only where they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sam2_roto.errors import ExportError
from sam2_roto.mattes.shapes import Points, Shape, Spline, bounds, fill, polyline
from sam2_roto.mattes.shapes_keys import KeyPlan, ways
from sam2_roto.mattes.shapes_outlines import Outline, Track, follow, outlines
from sam2_roto.mattes.shapes_points import COUNTS, carried_points
from sam2_roto.mattes.shapes_solve import Target, blending, solved, target

Array = NDArray[np.float64]

_ROUNDS = 16  # of solving for one choice of keys
_HOPE, _TRUST = 2.0, 0.9  # parts of the tolerance by which plans are judged too coarse, and most likely fine enough
_SHARE = 0.5  # part of the tolerance that outlines of a frame or two may take up where they are left out
_BRIEF = 2  # frames that such outlines last at most


@dataclass(frozen=True)
class _Moving:
    """A track with its points on every frame, ``[T, N, 3, 2]``, and what draws its curves."""

    track: Track
    points: Array
    targets: list[Target]


def fit_spline(
    name: str,
    mattes: Iterable[NDArray[Any]],
    *,
    first: int = 0,
    tolerance: float = 0.5,
    most: int = COUNTS[-1],
    most_keys: int | None = None,
) -> Spline:
    """Fit closed Bézier shapes to the mattes of one object.

    Args:
        name: of the object.
        mattes: alpha ``[H, W]``, 0 to 1, or bool masks, of consecutive frames; read once.
        first: number of the first frame.
        tolerance: largest mean distance in pixels, on any frame, between the matte's edge and the shapes: the area of
            the difference over the length of the edge. Keys are added until it holds, or every frame has one.
        most: points of a shape at most; the fewest of ``COUNTS`` are taken that keep a third of the tolerance.
        most_keys: key frames at most, for mattes too unquiet to be followed; the spline's ``error`` tells how near it
            came. Frames on which shapes begin and end are keys in any case.

    Returns:
        A spline of one shape per outline and unbroken stretch of frames: where an object splits or grows a hole,
        shapes end and others begin. All shapes have their keys on common frames, and their points move in straight
        lines between them.

    Raises:
        ExportError: no frames, mattes of several sizes, fewer than two keys, or a tolerance that is not positive.
    """
    if tolerance <= 0:
        raise ExportError(f"A tolerance of {tolerance:g} px is not possible: give a distance above 0.")
    if most_keys is not None and most_keys < 2:
        raise ExportError(f"Motion cannot be keyed on {most_keys} frames: allow 2 keys or more.")
    found: list[list[Outline]] = []
    size: tuple[int, ...] | None = None
    for matte in mattes:
        if size not in (None, matte.shape):
            raise ExportError(f"The mattes of '{name}' have several sizes; give those of one plate.")
        size = matte.shape
        found.append(outlines(matte))
    if size is None:
        raise ExportError(f"There are no mattes of '{name}' to fit splines to; give at least one frame.")
    tracks = [track for track in follow(found, 0) if not _passing(track, found, tolerance)]
    moving = [_moving(track, tolerance, most) for track in tracks]
    scene = _Scene(name, first, (size[1], size[0]), found, moving)
    shapes, error = _keyed(scene, tolerance, most_keys)
    return Spline(name, size[1], size[0], (first, first + len(found) - 1), shapes, tolerance, error)


def _passing(track: Track, found: Sequence[list[Outline]], tolerance: float) -> bool:
    """Whether a track is a flicker: gone after a frame or two, and too small to matter to the tolerance."""
    return len(track.outlines) <= _BRIEF and all(
        outline.area <= _SHARE * tolerance * sum(other.length for other in found[frame])
        for frame, outline in enumerate(track.outlines, start=track.first)
    )


def _moving(track: Track, tolerance: float, most: int) -> _Moving:
    points = carried_points(track, tolerance, most)
    return _Moving(track, points, [target(outline) for outline in track.outlines])


@dataclass(frozen=True)
class _Scene:
    """The tracks of one object, their frames counted from 0, and what every frame shows."""

    name: str
    first: int
    size: tuple[int, int]
    found: Sequence[list[Outline]]
    moving: Sequence[_Moving]

    def plan(self) -> KeyPlan:
        """Where keys may be."""
        ends = {frame for entry in self.moving for frame in (entry.track.first, entry.track.last)}
        shapes = [ways(entry.track.first, entry.points) for entry in self.moving]
        return KeyPlan(shapes, len(self.found), sorted(ends))

    def shapes(self, keys: Sequence[int], rounds: int, near: Sequence[Shape] = ()) -> tuple[Shape, ...]:
        """The shapes with keys on those of the frames on which they are there, solved for from those of ``near``."""
        return tuple(self._shape(index, keys, rounds, near) for index in range(len(self.moving)))

    def _shape(self, index: int, keys: Sequence[int], rounds: int, near: Sequence[Shape]) -> Shape:
        entry = self.moving[index]
        frames = range(entry.track.first, entry.track.last + 1)
        chosen = [frame for frame in keys if frame in frames]
        points = entry.points
        if near:
            points = np.stack([_there(near[index], frame + self.first) for frame in frames])
        blend = blending(frames, chosen)
        start = np.linalg.lstsq(blend, points.reshape(len(frames), -1), rcond=None)[0]
        placed: Array = start.reshape(len(chosen), *points.shape[1:]).astype(np.float64)
        if rounds:
            placed, _ = solved(placed, blend, entry.targets, rounds)
        values = {frame + self.first: place for frame, place in zip(chosen, placed, strict=True)}
        return Shape(f"{self.name}_{index + 1}", values, entry.track.outlines[0].hole)

    def errors(self, shapes: Sequence[Shape]) -> Array:
        """What :func:`_apart` gives for every frame."""
        result = []
        for frame, present in enumerate(self.found, start=self.first):
            there = [(points, shape.hole) for shape in shapes if (points := shape.at(frame)) is not None]
            result.append(_apart(there, present, self.size))
        return np.array(result)


def _keyed(scene: _Scene, tolerance: float, most_keys: int | None) -> tuple[tuple[Shape, ...], float]:
    """The shapes with the fewest keys that a search finds to hold the tolerance, and their largest error.

    A frame that even its own points miss by more may be missed by a little more than that.
    """
    every = scene.shapes(range(len(scene.found)), 0)
    if not every:
        return (), float(scene.errors(()).max())
    allowed = np.maximum(tolerance, 1.1 * scene.errors(every))
    plan = scene.plan()
    least = plan.fewest(np.inf)
    high = plan.most if most_keys is None else max(least, min(plan.most, most_keys - 1))
    low, count = (min(plan.fewest(part * tolerance), high) for part in (_HOPE, _TRUST))
    best: tuple[Shape, ...] = ()
    while low < high:
        count = min(max(count, low), high - 1)
        shapes = scene.shapes(plan.keys(count), _ROUNDS, best)
        if (scene.errors(shapes) <= allowed).all():
            best, high = shapes, count
        else:
            low = count + 1
        count = (low + high) // 2
    if not best:
        best = every if high == plan.most else scene.shapes(plan.keys(high), _ROUNDS)
    return best, float(scene.errors(best).max())


def _there(shape: Shape, frame: int) -> Points:
    """The shape's points on a frame on which it is there."""
    points = shape.at(frame)
    if points is None:
        raise ValueError(f"{shape.name} is not there on frame {frame}")
    return points


def _apart(curves: Sequence[tuple[Points, bool]], present: Sequence[Outline], size: tuple[int, int]) -> float:
    """Mean distance in pixels between drawn curves and outlines: the area of their difference over the length."""
    drawn = [(polyline(points), hole) for points, hole in curves]
    wanted = [(outline.points, outline.hole) for outline in present]
    box = bounds([points for points, _ in drawn + wanted], *size)
    if box is None:
        return 0.0
    length = sum(outline.length for outline in present)
    return float(np.abs(fill(drawn, box) - fill(wanted, box)).sum() / max(length, 1.0))
