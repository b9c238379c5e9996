"""Outlines that cross themselves, made simple. Knows nothing of Blender.

Blender fills masks by a triangulation that crossings confuse: for a frame all of the shape can be gone but its edge.
Crossings are small where splines are fitted to a matte, a loop of a pixel in a sharp corner: it is cut off, straight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from .affine import Place

Points = Sequence[tuple[Place, Place, Place]]
"""Of each point its left handle, itself, its right handle."""

_PIECES = 12
"""Straight pieces that a curve is looked at in."""

_ROUNDS = 8
_LARGEST = 8
"""A loop of more than this part of all points is no accident, and stays."""

Box = tuple[float, float, float, float]
Piece = tuple[Place, Place, Box]


def untangled(points: Points) -> Points:
    """The outline without its small loops; the same object where it has none. The number of points stays."""
    for _ in range(_ROUNDS):
        loops = sorted(_loops(points), key=lambda loop: loop[1])
        if not loops:
            return points
        for first, count in loops:
            points = _cut(points, first, count)
    return points


def _loops(points: Points) -> Iterator[tuple[int, int]]:
    """For each crossing the curve in which its loop begins, and how many curves follow up to its end."""
    total = len(points)
    drawn = [_drawn(points[index], points[(index + 1) % total]) for index in range(total)]
    boxes = [_box(places) for places in drawn]
    curves = [[(a, b, _box((a, b))) for a, b in pairwise(places)] for places in drawn]
    for one in range(total):
        for other in range(one, total):
            if _meet(boxes[one], boxes[other]) and _cross(curves[one], curves[other], same=one == other):
                first, count = (one, other - one) if 2 * (other - one) <= total else (other, total - other + one)
                if count <= max(total // _LARGEST, 2):
                    yield first, count


def _cut(points: Points, first: int, count: int) -> Points:
    """Let the curves from ``first`` on, and ``count`` more, run straight; their points are spread evenly."""
    total = len(points)
    made = list(points)
    start, end = points[first][1], points[(first + count + 1) % total][1]
    step = Place((end.x - start.x) / (count + 1) / 3, (end.y - start.y) / (count + 1) / 3)
    for index in range(count + 2):
        before, place, after = made[(first + index) % total]
        if 0 < index <= count:
            place = Place(start.x + 3 * index * step.x, start.y + 3 * index * step.y)
        before = Place(place.x - step.x, place.y - step.y) if index else before
        after = Place(place.x + step.x, place.y + step.y) if index <= count else after
        made[(first + index) % total] = (before, place, after)
    return made


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


def _cross(one: Sequence[Piece], other: Sequence[Piece], *, same: bool) -> bool:
    """Whether pieces of two curves cross each other; that they touch at their ends is no crossing."""
    for index, (a, b, box) in enumerate(one):
        for c, d, near in other[index + 2 if same else 0 :]:
            if _meet(box, near) and _side(a, b, c) * _side(a, b, d) < 0 > _side(c, d, a) * _side(c, d, b):
                return True
    return False


def _side(a: Place, b: Place, c: Place) -> float:
    """Above 0 where c lies on one side of the line from a to b, below it on the other, 0 on it."""
    if c in (a, b):
        return 0.0
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
