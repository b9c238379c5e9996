"""Graphs: pictures by frame and region, time, keys, what is kept, and the JSON they are saved as."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from compositing.errors import FrameRangeError, GraphError, OutputError
from compositing.footage.frames import FrameRange
from compositing.footage.sequence import SequenceFootage
from compositing.graph import Evaluator, Keys, Node, digest, load, read, save, source
from compositing.graph.cache import ImageCache
from compositing.graph.document import from_json, to_json
from compositing.graph.kinds import KINDS
from compositing.image import Image, Window

WIDTH, HEIGHT = 96, 64
REGION = Window(30, 20, 55, 41)


@pytest.fixture
def plates(tmp_path: Path, write: Callable[..., Path]) -> Path:
    """Ten frames, 1001 to 1010, of smooth noise with alpha; their level is a tenth of the last digit."""
    noise = torch.rand(1, 4, 16, 24, generator=torch.Generator().manual_seed(3))
    smooth = torch.nn.functional.interpolate(noise, (HEIGHT, WIDTH), mode="bicubic")[0].permute(1, 2, 0).numpy()
    for frame in range(1001, 1011):
        pixels = smooth * (frame - 1000) / 10
        write(tmp_path / "p" / f"plate.{frame}.exr" if _folder(tmp_path / "p") else tmp_path, pixels.astype(np.float32))
    return tmp_path / "p"


def _folder(path: Path) -> bool:
    path.mkdir(exist_ok=True)
    return True


def chains(plate: Node) -> dict[str, Node]:
    other = source("checker", width=WIDTH, height=HEIGHT, first=(0.9, 0.1, 0.2), second=(0.1, 0.4, 0.8), size=7)
    return {
        "gaussian": plate.then("gaussian", sigma=2.5),
        "repeat": other.then("gaussian", sigma=2.5, edges="repeat"),
        "defocus": plate.then("defocus", radius=3.5, edges="repeat"),
        "erode": plate.then("erode", radius=1.5).then("dilate", radius=2.0),
        "grade": plate.then("grade", gain=(1.2, 1.0, 0.8), gamma=1.3).then("saturation", amount=0.5),
        "shrunk": plate.then("transform", rotate=12.0, scale=0.6, centre=(48.0, 32.0)),
        "transform": plate.then("transform", rotate=12.0, scale=1.3, translate=(9.5, 3.25), centre=(48.0, 32.0)),
        "corner_pin": plate.then("corner_pin", corners=((3.0, 5.0), (90.0, 0.0), (96.0, 60.0), (0.0, 64.0))),
        "crop": plate.then("crop", box=(25, 10, 70, 50)),
        "reframed": plate.then("crop", box=(5, 6, 90, 60), reframe=True),
        "over": plate.then("over", other),
        "light_wrap": plate.then("light_wrap", other, sigma=2.0),
        "shadow": plate.then("shadow", translate=(3.0, 4.0), softness=2.0),
        "deep": plate.then("over", other.then("box", width=5.0, edges="repeat")).then("gaussian", sigma=1.0),
        "choose": plate.then("choose", channels=("A",)),
        "blend": plate.then("blend", other, mode="soft-light"),
        "space": plate.then("to_space", target="ACEScg"),
        "reframe": plate.then("reframe", box=(10.5, 8.25, 80.5, 60.75), width=80, height=60),
    }


@pytest.mark.parametrize("name", sorted(chains(source("constant", width=2, height=2, color=(0, 0, 0)))))
def test_a_region_is_what_the_whole_has_there(name: str, plates: Path) -> None:
    node = chains(read(str(plates)))[name]
    with Evaluator() as evaluator:
        whole = evaluator.image(node, 1007)
    with Evaluator() as evaluator:
        part = evaluator.image(node, 1007, REGION)
        assert evaluator.display(node, 1007) == part.display == whole.display
    assert REGION.contains(part.data)
    torch.testing.assert_close(part.cropped(REGION).pixels, whole.cropped(REGION).pixels, atol=2e-6, rtol=1e-5)


def test_a_region_beside_the_picture_is_empty(plates: Path) -> None:
    node = read(str(plates)).then("over", source("constant", width=WIDTH, height=HEIGHT, color=(1, 0, 0)))
    with Evaluator() as evaluator:
        aside = evaluator.image(node, 1001, Window(200, 0, 210, 5))
    assert aside.cropped(Window(200, 0, 210, 5)).pixels.abs().max() == 0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that were read from sequences, in order."""
    frames: list[int] = []
    plain = SequenceFootage.read

    def counted(self: SequenceFootage, frame: int) -> Image:
        frames.append(frame)
        return plain(self, frame)

    monkeypatch.setattr(SequenceFootage, "read", counted)
    return frames


def test_only_what_is_asked_for_is_read(plates: Path, asked: list[int]) -> None:
    plate = read(str(plates))
    with Evaluator() as evaluator:
        assert evaluator.frames(plate) == FrameRange(1001, 1010)
        assert asked == []
        evaluator.image(plate.then("shift", by=2).then("exposure", stops=1.0), 1005)
        assert asked == [1003]


def test_what_stays_the_same_is_worked_out_once(
    plates: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    kind = KINDS["gaussian"]

    def counted(image: Image, sigma: float) -> Image:
        worked.append("gaussian")
        result: Image = kind.operation(image, sigma)
        return result

    monkeypatch.setitem(KINDS, "gaussian", replace(kind, operation=counted))  # type: ignore[arg-type]
    still = read(str(plates)).then("hold", frame=1002).then("gaussian", sigma=2.0)
    moving = read(str(plates))
    with Evaluator(remember=False) as evaluator:
        for frame in range(1001, 1006):
            evaluator.image(moving.then("over", still), frame)
    assert worked == ["gaussian"]
    assert asked.count(1002) == 2
    assert len(asked) == 6


def test_a_node_with_several_takers_is_worked_out_once(plates: Path, asked: list[int]) -> None:
    plate = read(str(plates)).then("exposure", stops=1.0)
    both = plate.then("gaussian", sigma=1.0).then("plus", plate)
    with Evaluator(remember=False) as evaluator:
        evaluator.image(both, 1004)
    assert asked == [1004]


def test_the_cache_is_bounded_and_drops_the_oldest() -> None:
    picture = Image.from_pixels(torch.zeros(1, 10, 10))  # 400 bytes
    cache = ImageCache(1000)
    for key in "abc":
        cache.keep(key, None, picture)
        cache.find("a", None)
    assert [cache.find(key, None) is not None for key in "abc"] == [True, False, True]
    assert cache.size == 800
    cache.keep("large", None, Image.from_pixels(torch.zeros(1, 20, 20)))
    assert cache.find("large", None) is None
    cache.keep("part", Window(0, 0, 4, 4), picture)
    assert cache.find("part", Window(1, 1, 3, 3)) is not None
    assert cache.find("part", Window(1, 1, 5, 3)) is None
    assert cache.find("part", None) is None


@pytest.mark.parametrize(
    ("kind", "settings", "shown"),
    [
        ("shift", {"by": 3}, {1004: 1001, 1013: 1010}),
        ("hold", {"frame": 1005}, {-7: 1005, 4000: 1005}),
        ("clamp", {}, {900: 1001, 1006: 1006, 1099: 1010}),
        ("loop", {}, {1001: 1001, 1011: 1001, 1025: 1005, 1000: 1010, 991: 1001}),
        ("retime", {"speed": 2.0}, {1001: 1001, 1002: 1003, 1005: 1009}),
        ("retime", {"speed": 0.5}, {1001: 1001, 1002: 1001, 1003: 1002, 1005: 1003}),
    ],
)
def test_time(kind: str, settings: dict[str, int], shown: dict[int, int], plates: Path) -> None:
    plate = read(str(plates))
    node = plate.then(kind, **settings)
    with Evaluator() as evaluator:
        for frame, other in shown.items():
            assert torch.equal(evaluator.image(node, frame).pixels, evaluator.image(plate, other).pixels)


def test_ranges(plates: Path) -> None:
    plate = read(str(plates))
    with Evaluator() as evaluator:
        assert evaluator.frames(plate.then("shift", by=5)) == FrameRange(1006, 1015)
        assert evaluator.frames(plate.then("over", plate.then("shift", by=5))) == FrameRange(1006, 1010)
        assert evaluator.frames(plate.then("loop")) is None
        assert evaluator.frames(plate.then("retime", speed=2.0)) == FrameRange(1001, 1005)
        assert evaluator.frames(plate.then("retime", speed=0.5)) == FrameRange(1001, 1020)
        with pytest.raises(GraphError, match="no frame in common"):
            evaluator.frames(plate.then("over", plate.then("shift", by=50)))
        with pytest.raises(FrameRangeError, match="Frame 1011 is outside"):
            evaluator.image(plate, 1011)


def test_every_frame_of_a_range_of_retime_is_there(plates: Path) -> None:
    with Evaluator() as evaluator:
        for speed in (0.3, 0.999, 1.25, 1.6, 3.0, 24000 / 1001 / 25):
            node = read(str(plates)).then("retime", speed=speed)
            frames = evaluator.frames(node)
            assert frames is not None
            assert evaluator.image(node, frames.last).data.width == WIDTH
            with pytest.raises(FrameRangeError):
                evaluator.image(node, frames.last + 1)


def test_keys() -> None:
    keys = Keys({10: 4.0, 0: 2.0})
    assert [keys.at(frame) for frame in (-5, 0, 2.5, 10, 99)] == [2.0, 2.0, 2.5, 4.0, 4.0]
    assert Keys({0: (0.0, 1.0), 4: (2.0, 5.0)}).at(1) == (0.5, 2.0)
    with pytest.raises(GraphError, match="same number of values"):
        Keys({0: 1.0, 1: (1.0, 2.0)})
    with pytest.raises(GraphError, match="at least one frame"):
        Keys({})


def test_settings_move_with_keys() -> None:
    grey = source("constant", width=4, height=4, color=(0.5, 0.5, 0.5))
    node = grey.then("exposure", stops=Keys({0: 0.0, 10: 2.0}))
    with Evaluator() as evaluator:
        levels = [float(evaluator.image(node, frame).pixels[0, 0, 0]) for frame in (0, 5, 10, 20)]
    assert levels == pytest.approx([0.5, 1.0, 2.0, 2.0])


def test_a_still_is_there_on_every_frame(tmp_path: Path, write: Callable[..., Path]) -> None:
    still = read(str(write(tmp_path / "still.exr", np.ones((4, 6, 3), np.float32))))
    with Evaluator() as evaluator:
        assert evaluator.frames(still) is None
        assert evaluator.image(still, 4711).display == Window.sized(6, 4)


def test_json_gives_the_same_pictures(plates: Path, tmp_path: Path) -> None:
    plate = read(str(plates))
    shared = plate.then("transform", translate=(1.5, 0.0), rotate=Keys({1001: 0.0, 1010: 20.0}))
    result = shared.then("gaussian", sigma=1.5).then("over", shared.then("shift", by=0))
    save(tmp_path / "comp.json", result=result, plate=plate)
    loaded = load(tmp_path / "comp.json")
    assert set(loaded) == {"result", "plate"}
    assert digest(loaded["result"]) == digest(result) != digest(plate)
    assert len(json.loads((tmp_path / "comp.json").read_text())["nodes"]) == 5
    with Evaluator() as one, Evaluator() as other:
        assert torch.equal(one.image(result, 1006).pixels, other.image(loaded["result"], 1006).pixels)


def test_saving_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        save(tmp_path / "none" / "comp.json", node=source("constant", width=1, height=1, color=(0, 0, 0)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nothing", "is no JSON"),
        ("[]", "no graph of format 1"),
        ('{"format": 2}', "no graph of format 1"),
        ('{"format": 1, "nodes": [{"kind": "blurr"}], "roots": {}}', "no kind of node 'blurr'"),
        ('{"format": 1, "nodes": [{"kind": "loop", "inputs": [0]}], "roots": {}}', "do not come before it"),
        ('{"format": 1, "nodes": [{"kind": "read"}], "roots": {}}', "needs the setting 'path'"),
        ('{"format": 1, "nodes": [{}], "roots": {}}', "damaged"),
        ('{"format": 1, "nodes": [], "roots": {"a": 0}}', "damaged"),
    ],
)
def test_a_damaged_graph_is_told_of(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "comp.json").write_text(text)
    with pytest.raises(GraphError, match=rf"^comp\.json.*{told}"):
        load(tmp_path / "comp.json")


def test_nodes_that_make_no_sense() -> None:
    grey = source("constant", width=4, height=4, color=(0.5, 0.5, 0.5))
    with pytest.raises(GraphError, match="no setting 'sigmas'; it has sigma, edges"):
        grey.then("gaussian", sigmas=1.0)
    with pytest.raises(GraphError, match="needs the setting 'sigma'"):
        grey.then("gaussian")
    with pytest.raises(GraphError, match="over takes 2 inputs, not 1"):
        grey.then("over")
    with pytest.raises(GraphError, match="cannot be saved"):
        to_json(node=grey.then("exposure", stops=float("nan")))


def test_every_kind_can_be_saved_by_its_name() -> None:
    for name, kind in KINDS.items():
        assert kind.inputs >= 0
        assert all(isinstance(setting, str) for setting in kind.parameters()), name
    assert from_json(to_json()) == {}
