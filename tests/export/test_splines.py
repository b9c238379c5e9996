"""Roto splines as files for other programs."""

from __future__ import annotations

import ast
import json
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
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
    half = (0.5, -0.5)  # against MLT's own
    np.testing.assert_allclose(np.array(keys["5"]) * (200, 100), ring(35, 90) + half, atol=1e-3)
    assert np.array(list(json.loads(empty["spline"]).values())).max() < 0
    assert list(json.loads(to_mlt(SPLINE, start=991)[1]["spline"])) == ["10", "15", "19"]


@dataclass
class Key:
    """Stands for Nuke's key of a curve; a fresh one has no type of its own."""

    time: float
    value: float
    interpolationType: int = 256


class Curve:
    """Stands for Nuke's curve: straight where both ends of a span have the type ``linear``, else held."""

    def __init__(self, linear: int) -> None:
        self.linear = linear
        self.keys: list[Key] = []

    def addKey(self, time: float, value: float) -> None:
        self.keys = sorted([*self.keys, Key(time, value)], key=lambda key: key.time)

    def getNumberOfKeys(self) -> int:
        return len(self.keys)

    def getKey(self, index: int) -> Key:
        return self.keys[index]

    def evaluate(self, time: float) -> float:
        before = [key for key in self.keys if key.time <= time][-1]
        after = next((key for key in self.keys if key.time >= time), before)
        if before is after or self.linear not in (before.interpolationType, after.interpolationType):
            return before.value
        return before.value + (after.value - before.value) * (time - before.time) / (after.time - before.time)


class Part:
    """Stands for an animated place: a point or one of its tangents."""

    def __init__(self, linear: int) -> None:
        self.curves = (Curve(linear), Curve(linear))

    def addPositionKey(self, time: float, place: tuple[float, float]) -> None:
        for curve, value in zip(self.curves, place, strict=True):
            curve.addKey(time, value)

    def getPositionAnimCurve(self, axis: int) -> Curve:
        return self.curves[axis]

    def at(self, frame: float) -> tuple[float, float]:
        return self.curves[0].evaluate(frame), self.curves[1].evaluate(frame)


class Recorder:
    """Stands for Nuke's lists of shapes and points, and keeps their attributes."""

    def __init__(self) -> None:
        self.points: list[Any] = []
        self.attributes: dict[str, float] = {}
        self.name = ""

    def append(self, item: Any) -> None:
        self.points.append(item)

    def getAttributes(self) -> Any:
        def put(frame: int, key: str, value: float) -> None:
            assert frame >= 1001
            self.attributes[key] = value

        names = {f"kLifeTime{part}Attribute": part for part in ("Type", "M", "N")}
        return SimpleNamespace(set=put, **names)


PARTS = ("center", "leftTangent", "rightTangent", "featherCenter", "featherLeftTangent", "featherRightTangent")


@pytest.mark.parametrize(("linear", "keyed"), [(2, 3), (1, 3), (77, 10)], ids=["from 1", "from 0", "never"])
def test_nuke_script_builds_animated_shapes(monkeypatch: pytest.MonkeyPatch, linear: int, keyed: int) -> None:
    """Shapes are drawn as measured here, whichever number Nuke gives to straight lines, and where it has none."""
    layers: dict[str, Recorder] = {}
    merged: list[dict[str, Any]] = []

    def roto(name: str) -> dict[str, Any]:
        layers[name] = Recorder()
        return {"curves": SimpleNamespace(rootLayer=layers[name], changed=lambda: None)}

    rotopaint = SimpleNamespace(
        Shape=lambda curves: Recorder(),  # noqa: ARG005
        ShapeControlPoint=lambda: SimpleNamespace(**{part: Part(linear) for part in PARTS}),
        InterpolationType=SimpleNamespace(eLinearInterpolationType=1),
    )
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
    assert shape.points[1].center.curves[0].getNumberOfKeys() == keyed
    for frame in range(1001, 1011):
        wanted = SPLINE.shapes[0].at(frame)
        assert wanted is not None
        for point, (before, place, after) in zip(shape.points, wanted, strict=True):
            np.testing.assert_allclose(point.center.at(frame), (place[0], 100 - place[1]), atol=2e-3)
            for part, handle in ((point.leftTangent, before), (point.featherRightTangent, after)):
                np.testing.assert_allclose(part.at(frame), (handle - place) * (1, -1), atol=2e-3)
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
