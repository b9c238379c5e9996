"""Outlines that cross themselves, made simple. Knows nothing of Blender.

Blender fills masks by a triangulation that crossings confuse: for a frame all of the shape can be gone but its edge.
Crossings are small where splines are fitted to a matte, a loop of a pixel in a sharp corner. Handles that reach too far
make most of them, so handles are shortened first; a loop that stays is cut off where it begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .affine import Place

Points = Sequence[tuple[Place, Place, Place]]
"""Of each point its left handle, itself, its right handle."""

_PIECES = 12
"""Straight pieces that a curve is looked at in."""

_ROUNDS = 8
_GENTLE = 2
"""Rounds in which handles are halved, before loops are cut."""

_SPREAD = 0.05
"""Distance of points that are gathered at a crossing, as a part of that between the points on its sides."""

_LARGEST = 8
"""A loop of more than this part of all points is no accident, and stays."""

Box = tuple[float, float, float, float]
Piece = tuple[Place, Place, Box]


def untangled(points: Points) -> Points:
    """The outline without its small loops; the same object where it has none. The number of points stays."""
    for turn in range(_ROUNDS):
        loops = sorted(_loops(points), key=lambda loop: loop[1])
        if not loops:
            return points
        for first, count, crossing in loops:
            points = _shortened(points, first, count) if turn < _GENTLE else _cut(points, first, count, crossing)
    return points


def _loops(points: Points) -> Iterator[tuple[int, int, Place]]:
    """For each crossing the curve in which its loop begins, how many curves follow up to its end, and its place."""
    total = len(points)
    drawn = [_drawn(points[index], points[(index + 1) % total]) for index in range(total)]
    boxes = [_box(places) for places in drawn]
    curves = [[(a, b, _box((a, b))) for a, b in pairwise(places)] for places in drawn]
    for one in range(total):
        for other in range(one, total):
            met = _meet(boxes[one], boxes[other])
            crossing = _crossing(curves[one], curves[other], same=one == other) if met else None
            if crossing is not None:
                first, count = (one, other - one) if 2 * (other - one) <= total else (other, total - other + one)
                if count <= max(total // _LARGEST, 2):
                    yield first, count, crossing


def _shortened(points: Points, first: int, count: int) -> Points:
    """Halve the handles of the curves from ``first`` on, and of ``count`` more; the points stay where they are."""
    total = len(points)
    made = list(points)
    for index in range(count + 2):
        before, place, after = made[(first + index) % total]
        before = _middle(before, place) if index else before
        after = _middle(after, place) if index <= count else after
        made[(first + index) % total] = (before, place, after)
    return made


def _middle(one: Place, other: Place) -> Place:
    return Place((one.x + other.x) / 2, (one.y + other.y) / 2)


def _cut(points: Points, first: int, count: int, crossing: Place) -> Points:
    """Lead the curves that cross to their crossing, and gather there the points of the loop between them.

    A curve that crosses itself has no points in its loop, and runs straight.
    """
    total = len(points)
    made = list(points)
    start, end = first % total, (first + count + 1) % total
    one, other = points[start][1], points[end][1]
    step = Place(
        (other.x - one.x) * _SPREAD, (other.y - one.y) * _SPREAD
    )  # points on one place confuse the filling too
    for index in range(1, count + 1):
        part = index - (count + 1) / 2
        place = Place(crossing.x + part * step.x, crossing.y + part * step.y)
        before, after = (
            Place(place.x - step.x / 3, place.y - step.y / 3),
            Place(place.x + step.x / 3, place.y + step.y / 3),
        )
        made[(first + index) % total] = (before, place, after)
    before, place, after = made[start]
    reach = _reach(place, crossing, points[(first + 1) % total][1]) if count else 0.0
    made[start] = (before, place, _toward(place, after, reach))
    before, place, after = made[end]
    reach = _reach(place, crossing, points[(first + count) % total][1]) if count else 0.0
    made[end] = (_toward(place, before, reach), place, after)
    return made


def _reach(place: Place, crossing: Place, other: Place) -> float:
    """The part of the way to the other end of a curve that is left up to the crossing."""
    whole = math.hypot(other.x - place.x, other.y - place.y)
    return min(math.hypot(crossing.x - place.x, crossing.y - place.y) / whole, 1.0) if whole else 0.0


def _toward(place: Place, handle: Place, part: float) -> Place:
    return Place(place.x + (handle.x - place.x) * part, place.y + (handle.y - place.y) * part)


def _drawn(one: tuple[Place, Place, Place], other: tuple[Place, Place, Place]) -> list[Place]:
    """A curve from one point to the other in straight pieces."""
    a, b, c, d = one[1], one[2], other[0], other[1]
    drawn = []
    for piece in range(_PIECES + 1):
        t = piece / _PIECES
        w = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
        x = w[0] * a.x + w[1] * b.x + w[2] * c.x + w[3] * d.x
        y = w[0] * a.y + w[1] * b.y + w[2] * c.y + w[3] * d.y
        drawn.append(Place(x, y))
    return drawn


def _box(places: Sequence[Place]) -> Box:
    across, down = [place.x for place in places], [place.y for place in places]
    return min(across), min(down), max(across), max(down)


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _crossing(one: Sequence[Piece], other: Sequence[Piece], *, same: bool) -> Place | None:
    """Where pieces of two curves first cross each other, if they do; that they touch at their ends is no crossing."""
    for index, (a, b, box) in enumerate(one):
        for c, d, near in other[index + 2 if same else 0 :]:
            if _meet(box, near) and _side(a, b, c) * _side(a, b, d) < 0 > _side(c, d, a) * _side(c, d, b):
                before, beyond = _side(c, d, a), _side(c, d, b)
                return _toward(a, b, before / (before - beyond))
    return None


def _side(a: Place, b: Place, c: Place) -> float:
    """Above 0 where c lies on one side of the line from a to b, below it on the other, 0 on it."""
    if c in (a, b):
        return 0.0
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
