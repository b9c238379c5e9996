"""Outlines that cross themselves, without Blender."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from host_adapters.blender.extension.affine import Place
from host_adapters.blender.extension.frames import clip_map
from host_adapters.blender.extension.splines import read_shapes
from host_adapters.blender.extension.untangling import Points, untangled

COUNT = 24


def circle(*, moved: dict[int, tuple[float, float]] | None = None) -> list[tuple[Place, Place, Place]]:
    """A circle of straight pieces with a radius of 100, some of its points moved."""
    points = []
    for index in range(COUNT):
        angle = 2 * math.pi * index / COUNT
        x, y = (moved or {}).get(index, (0.0, 0.0))
        points.append((Place(100 * math.cos(angle) + x, 100 * math.sin(angle) + y),) * 3)
    return points


def crossings(points: Points) -> int:
    """How often the lines between the points cross."""
    lines = [(points[index - 1][1], points[index][1]) for index in range(len(points))]
    return sum(crossed(*one, *other) for at, one in enumerate(lines) for other in lines[:at])


def crossed(a: Place, b: Place, c: Place, d: Place) -> bool:
    def side(p: Place, q: Place, r: Place) -> float:
        return 0.0 if r in (p, q) else (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x)

    return side(a, b, c) * side(a, b, d) < 0 > side(c, d, a) * side(c, d, b)


def area(points: Points) -> float:
    places = [point[1] for point in points]
    return sum(a.x * b.y - b.x * a.y for a, b in zip(places, places[1:] + places[:1], strict=True)) / 2


def test_an_outline_that_does_not_cross_itself_is_left_as_it_is() -> None:
    points = circle()
    assert untangled(points) is points


@pytest.mark.parametrize("first", [0, 7, COUNT - 1])
def test_a_small_loop_is_cut_off_and_all_points_stay(first: int) -> None:
    there, then = circle()[first][1], circle()[(first + 1) % COUNT][1]
    ahead, back = (then.x - there.x, then.y - there.y), (there.x - then.x, there.y - then.y)
    tangled = circle(moved={first: ahead, (first + 1) % COUNT: back})  # two neighbours have changed places
    lifted = list(tangled)
    place = lifted[first][1]
    lifted[first] = (Place(place.x * 1.05, place.y * 1.05),) * 3
    assert crossings(lifted) == 1
    simple = untangled(lifted)
    assert crossings(simple) == 0
    assert len(simple) == COUNT
    assert area(simple) == pytest.approx(area(circle()), rel=0.05)
    assert sum(new != old for new, old in zip(simple, lifted, strict=True)) <= 4


def test_handles_that_cross_are_straightened() -> None:
    points = circle()
    (_, here, _), (_, there, _) = points[3], points[4]
    away, along = Place(there.x - here.x, there.y - here.y), 3.0
    points[3] = (here, here, Place(here.x + along * away.x + 20, here.y + along * away.y))
    points[4] = (Place(there.x - along * away.x, there.y - along * away.y + 20), there, there)
    simple = untangled(points)
    assert simple is not points
    assert [point[1] for point in simple] == [point[1] for point in points]
    assert untangled(simple) is simple


def test_a_figure_of_eight_stays() -> None:
    points = [(Place(100 * math.sin(2 * t), 100 * math.sin(t)),) * 3 for t in (0.1 + index / 4 for index in range(25))]
    assert untangled(points) is points


def test_frames_between_keys_are_simple_too(tmp_path: Path) -> None:
    def key(index: int, frame: int) -> list[list[float]]:
        angle = 2 * math.pi * index / COUNT
        radius = 40 if index not in (5, 6) else 40 + frame  # one point passes another on the way
        swing = {5: 0.03 * frame, 6: -0.03 * frame}.get(index, 0.0)
        return [[50 + radius * math.cos(angle + swing), 50 + radius * math.sin(angle + swing)]] * 3

    keys = {str(frame): [key(index, frame) for index in range(COUNT)] for frame in (0, 8)}
    data = {"format": 1, "kind": "sam2_roto.spline", "width": 100, "height": 100}
    path = tmp_path / "splines.json"
    path.write_text(json.dumps({**data, "shapes": [{"name": "s", "hole": False, "closed": True, "keys": keys}]}))
    (shape,) = read_shapes(path, clip_map(101, 0, 9))
    assert len(shape.keys) > 2
    for frame in range(101, 110):
        points = shape.at(frame)
        assert untangled(points) is points, frame
