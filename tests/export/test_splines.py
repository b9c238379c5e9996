"""Roto splines as files for other programs."""

from __future__ import annotations

import ast
import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sam2_roto.errors import ExportError
from sam2_roto.export.splines import from_json, to_json, to_mlt, to_nuke, to_svg, write_spline
from sam2_roto.mattes.shapes import Points, Shape, Spline


def ring(radius: float, x: float) -> Points:
    """A circle of four points about x, 50."""
    angle = np.arange(4) * np.pi / 2
    outward, along = np.stack([np.cos(angle), np.sin(angle)], 1), np.stack([-np.sin(angle), np.cos(angle)], 1)
    centre, reach = np.array([x, 50.0]), 0.5523 * radius
    place = centre + radius * outward
    return np.stack([place - reach * along, place, place + reach * along], axis=1)


SPLINE = Spline(
    "dog & co",
    200,
    100,
    (1001, 1010),
    (
        Shape("dog_1", {1001: ring(30, 60), 1006: ring(35, 90), 1010: ring(30, 120)}),
        Shape("dog_2", {1003: ring(10, 75), 1005: ring(10, 84)}, hole=True),
    ),
    0.5,
    0.31,
)


def test_neutral_json_comes_back() -> None:
    found = from_json(json.loads(json.dumps(to_json(SPLINE, rate=24.0))))
    assert (found.name, found.frames, found.keyframes) == (SPLINE.name, SPLINE.frames, SPLINE.keyframes)
    for frame in range(1001, 1011):
        np.testing.assert_allclose(found.draw(frame), SPLINE.draw(frame), atol=2e-3)


def test_json_of_others_is_refused() -> None:
    with pytest.raises(ExportError, match="cannot be read"):
        from_json({"format": 1})
    with pytest.raises(ExportError, match="format 9"):
        from_json({"format": 9})
    broken = to_json(SPLINE)
    broken["shapes"][0]["keys"]["1006"].pop()
    with pytest.raises(ExportError, match="differ in their points"):
        from_json(broken)


def test_mlt_counts_from_the_clip_and_in_parts_of_the_frame() -> None:
    empty, outer, hole = to_mlt(SPLINE)
    assert [entry["alpha_operation"] for entry in (empty, outer, hole)] == ["clear", "add", "sub"]
    assert (outer["in"], outer["out"], hole["in"], hole["out"]) == ("0", "9", "2", "4")
    keys = json.loads(outer["spline"])
    assert list(keys) == ["0", "5", "9"]
    np.testing.assert_allclose(np.array(keys["5"]) * (200, 100), ring(35, 90), atol=1e-3)
    assert np.array(list(json.loads(empty["spline"]).values())).max() < 0
    assert list(json.loads(to_mlt(SPLINE, start=991)[1]["spline"])) == ["10", "15", "19"]


class Recorder:
    """Stands for Nuke's modules: keeps what a script does with a Roto node."""

    def __init__(self) -> None:
        self.keys: list[tuple[int, tuple[float, float]]] = []
        self.points: list[Any] = []
        self.attributes: dict[str, float] = {}
        self.name = ""

    def control_point(self) -> Any:
        parts = ("center", "leftTangent", "rightTangent", "featherCenter", "featherLeftTangent", "featherRightTangent")
        made = {part: Recorder() for part in parts}
        for recorder in made.values():
            recorder.addPositionKey = lambda frame, place, kept=recorder.keys: kept.append((frame, place))  # type: ignore[attr-defined]
        return SimpleNamespace(**made)

    def append(self, item: Any) -> None:
        self.points.append(item)

    def getAttributes(self) -> Any:
        def put(frame: int, key: str, value: float) -> None:
            assert frame >= 1001
            self.attributes[key] = value

        names = {f"kLifeTime{part}Attribute": part for part in ("Type", "M", "N")}
        return SimpleNamespace(set=put, **names)


def test_nuke_script_builds_animated_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    layers: dict[str, Recorder] = {}
    merged: list[dict[str, Any]] = []

    def roto(name: str) -> dict[str, Any]:
        layers[name] = Recorder()
        return {"curves": SimpleNamespace(rootLayer=layers[name], changed=lambda: None)}

    rotopaint = SimpleNamespace(Shape=lambda curves: Recorder(), ShapeControlPoint=Recorder().control_point)  # noqa: ARG005
    nodes = SimpleNamespace(Roto=roto, Merge2=lambda **knobs: merged.append(knobs))
    nuke = SimpleNamespace(nodes=nodes, rotopaint=rotopaint)
    monkeypatch.setitem(sys.modules, "nuke", nuke)
    monkeypatch.setitem(sys.modules, "nuke.rotopaint", rotopaint)
    text = to_nuke(SPLINE)
    ast.parse(text)
    exec(compile(text, "roto.py", "exec"), {})
    (shape,) = layers["Roto_dog___co"].points
    assert shape.name == "dog_1"
    assert shape.attributes == {"Type": 4, "M": 1001, "N": 1010}
    assert len(shape.points) == 4
    frames, places = zip(*shape.points[1].center.keys, strict=True)
    assert frames == (1001, 1006, 1010)
    np.testing.assert_allclose(places[0], (60, 100 - 80), atol=1e-3)
    np.testing.assert_allclose(shape.points[1].leftTangent.keys[0][1], (0.5523 * 30, 0), atol=1e-2)
    assert len(layers["Roto_dog___co_holes"].points) == 1
    assert merged[0]["operation"] == "stencil"


def test_svg_of_a_frame_and_of_all() -> None:
    space = "{http://www.w3.org/2000/svg}"
    still = ElementTree.fromstring(to_svg(SPLINE, 1004))
    assert [path.get("fill") for path in still.iter(f"{space}path")] == ["white", "black"]
    assert len(list(ElementTree.fromstring(to_svg(SPLINE, 1009)).iter(f"{space}path"))) == 1
    moving = ElementTree.fromstring(to_svg(SPLINE, rate=25))
    for animation in moving.iter(f"{space}animate"):
        times = [float(time) for time in animation.get("keyTimes", "").split(";")]
        assert len(times) == len(animation.get("values", "").split(";"))
        assert times == sorted(times)
        assert times[0] == 0
        assert animation.get("dur") == "0.4s"


@pytest.mark.parametrize("ending", [".json", ".py", ".mlt", ".svg"])
def test_files(tmp_path: Path, ending: str) -> None:
    write_spline(tmp_path / f"dog{ending}", SPLINE, rate=24.0)
    assert [path.name for path in tmp_path.iterdir()] == [f"dog{ending}"]
    if ending in (".mlt", ".svg"):
        ElementTree.parse(tmp_path / f"dog{ending}")


def test_other_endings(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"\.fxs"):
        write_spline(tmp_path / "dog.fxs", SPLINE)
