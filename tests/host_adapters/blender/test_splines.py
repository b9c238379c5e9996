"""Exported splines as shapes of a mask, without Blender."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from host_adapters.blender.extension.errors import SceneError
from host_adapters.blender.extension.frames import FrameMap, clip_map
from host_adapters.blender.extension.splines import read_shapes

SQUARE = [(20, 10), (60, 10), (60, 50), (20, 50)]


def keys_of(*frames: int) -> dict[str, Any]:
    """A square whose corners are points; it goes a pixel to the right with each frame."""
    return {str(frame): [[[x + frame, y]] * 3 for x, y in SQUARE] for frame in frames}


def written(folder: Path, *shapes: dict[str, Any], **fields: Any) -> Path:
    entries = [{"name": f"s{index}", "hole": False, "closed": True, **shape} for index, shape in enumerate(shapes)]
    data = {"format": 1, "kind": "sam2_roto.spline", "width": 100, "height": 100, "shapes": entries, **fields}
    path = folder / "splines.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def left_edge(points: Any) -> float:
    """The least x in pixels, against the half pixel that shapes are drawn in by."""
    return min((place.x - 0.5) * 100 + 50 for _, place, _ in points)


def test_keys_go_to_the_timeline(tmp_path: Path) -> None:
    path = written(tmp_path, {"keys": keys_of(0, 5, 9)})
    (shape,) = read_shapes(path, clip_map(101, 0, 10))
    assert list(shape.keys) == [101, 106, 110]
    assert shape.lives == ((101, 110),)


def test_a_trimmed_strip_gets_keys_on_its_ends(tmp_path: Path) -> None:
    path = written(tmp_path, {"keys": keys_of(0, 5, 9)})
    (shape,) = read_shapes(path, clip_map(101, 2, 6))
    assert list(shape.keys) == [101, 104, 106]
    assert left_edge(shape.keys[101]) == pytest.approx(left_edge(shape.keys[104]) - 3)


def test_a_strip_of_another_speed_gets_a_key_on_every_frame(tmp_path: Path) -> None:
    path = written(tmp_path, {"keys": keys_of(0, 9)})
    (shape,) = read_shapes(path, FrameMap(1, (0, 2, 4, 6)))
    assert list(shape.keys) == [1, 2, 3, 4]
    assert left_edge(shape.keys[4]) - left_edge(shape.keys[1]) == pytest.approx(6)


def test_a_strip_that_runs_backwards_has_a_shape_twice(tmp_path: Path) -> None:
    path = written(tmp_path, {"keys": keys_of(3, 4)})
    (shape,) = read_shapes(path, FrameMap(1, (2, 3, 4, 5, 4, 3)))
    assert shape.lives == ((2, 3), (5, 6))


def test_shapes_outside_the_strip_are_left_out_and_holes_come_last(tmp_path: Path) -> None:
    hole = {"keys": keys_of(0, 5), "hole": True}
    path = written(tmp_path, hole, {"keys": keys_of(0, 5)}, {"keys": keys_of(8, 9)})
    assert [shape.name for shape in read_shapes(path, clip_map(1, 0, 6))] == ["s1", "s0"]


@pytest.mark.parametrize("turned", [False, True])
def test_shapes_are_drawn_in_by_half_a_pixel_whichever_way_they_turn(tmp_path: Path, turned: bool) -> None:
    keys = {frame: points[::-1] if turned else points for frame, points in keys_of(0).items()}
    (shape,) = read_shapes(written(tmp_path, {"keys": keys}), clip_map(1, 0, 1))
    columns = [(place.x - 0.5) * 100 + 50 for _, place, _ in shape.keys[1]]
    rows = [50 - (place.y - 0.5) * 100 for _, place, _ in shape.keys[1]]
    assert min(columns) == pytest.approx(20 + 0.5**1.5)
    assert max(rows) == pytest.approx(50 - 0.5**1.5)


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="of another format"):
        read_shapes(written(tmp_path, format=2), clip_map(1, 0, 1))


def test_what_is_no_spline_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(SceneError, match=r"other\.json cannot be read as splines"):
        read_shapes(path, clip_map(1, 0, 1))
