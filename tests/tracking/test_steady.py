"""Keeping the device busy: no values asked for in the loop, constant shapes, frames ahead, short memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sam2_roto import build_model
from sam2_roto.errors import ModelError
from sam2_roto.model import SAM2, Memory
from sam2_roto.tracking import ArraySource, FramePrompt, ObjectFrame, Tracker
from sam2_roto.tracking.memory import FrameMemory, ObjectMemory
from sam2_roto.tracking.source import MEAN, STD, prepare, resize
from sam2_roto.tracking.steady import WARM, Function, Replay

SIZE = 64
PROMPTS = {"a": FramePrompt(points=((40.0, 30.0, True),)), "b": FramePrompt(box=(10.0, 10.0, 50.0, 40.0))}
FORBIDDEN = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "unique", "masked_select")
"""Operations that wait for the device, or whose shape depends on values."""

ASKING = ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__")


@pytest.fixture(scope="module")
def model() -> SAM2:
    torch.manual_seed(1)
    return build_model("sam2.1_hiera_tiny", image_size=SIZE).eval()


def tracker(model: SAM2, frames: int = 8, **words: Any) -> Tracker:
    views = np.random.default_rng(0).integers(0, 255, (frames, 60, 100, 3), dtype=np.uint8)
    made = Tracker(model, ArraySource(views), **words)
    for name, prompt in PROMPTS.items():
        made.prompt(name, 0, prompt)
    return made


def logits(made: Tracker) -> list[Tensor]:
    return [item.logits.clone() for result in made.propagate() for item in result.objects.values()]


def assert_same(some: Sequence[Tensor], others: Sequence[Tensor]) -> None:
    for one, other in zip(some, others, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


class Watch(TorchDispatchMode):
    """Fails where a forbidden operation runs; notes the shapes that the operations give."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[str, tuple[int, ...]]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.overloadpacket.__name__
        assert name not in FORBIDDEN, f"{name} waits for the device"
        made = function(*args, **(kwargs or {}))
        if isinstance(made, Tensor):
            self.shapes.append((name, tuple(made.shape)))
        return made


@contextmanager
def nothing_asked(patch: pytest.MonkeyPatch) -> Iterator[Watch]:
    def asked(*_: object) -> None:
        raise AssertionError("a value was asked of the device")

    with patch.context() as within, Watch() as watch:
        for name in ASKING:
            within.setattr(Tensor, name, asked)
        yield watch


def test_the_frame_loop_asks_the_device_for_nothing(model: SAM2, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tracker(model, frames=20, ahead=True)
    launch: Callable[..., Any] = made._launch
    seen: list[list[tuple[str, tuple[int, ...]]]] = []

    def watched(*words: Any) -> Any:
        with nothing_asked(monkeypatch) as watch:
            flight = launch(*words)
        seen.append(watch.shapes)
        return flight

    monkeypatch.setattr(made, "_launch", watched)
    assert len(logits(made)) == 40
    full = seen[17:]
    assert len(full) == 3
    assert all(shapes == full[0] for shapes in full), "shapes change although the bank is full"


def test_the_watch_notices_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="asked"), nothing_asked(monkeypatch):
        torch.ones(1).item()
    with pytest.raises(AssertionError, match="waits"), nothing_asked(monkeypatch):
        torch.nonzero(torch.ones(2))


def test_frames_ahead_give_the_same_results(model: SAM2) -> None:
    assert_same(logits(tracker(model)), logits(tracker(model, ahead=True)))


def test_what_is_said_meanwhile_counts_from_the_next_frame(model: SAM2) -> None:
    found: list[list[ObjectFrame]] = []
    for ahead in (False, True):
        made = tracker(model, ahead=ahead)
        items = []
        for result in made.propagate():
            items.append(result.objects["a"])
            if result.frame == 3:
                made.prompt("a", 3, FramePrompt(points=((70.0, 50.0, True),)))
        found.append(items)
    assert_same(*([item.logits for item in items] for items in found))


def short_of_memory(model: SAM2, most: int, spilled: bool = False) -> Callable[[Tensor, Memory | None], Tensor]:
    """``condition`` on a device that has room for ``most`` objects, and for any once memories are with the host."""
    condition = model.condition

    def tried(top: Tensor, memory: Memory | None) -> Tensor:
        if memory is not None and len(memory.spatial) > most and not spilled:
            raise torch.OutOfMemoryError("out of memory")
        return condition(top, memory)

    return tried


def test_short_memory_takes_fewer_objects_at_a_time(model: SAM2, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = logits(tracker(model))
    made = tracker(model)
    monkeypatch.setattr(model, "condition", short_of_memory(model, most=1))
    assert_same(logits(made), plain)
    assert made.notes == ["the device's memory is short: 1 of 2 objects go side by side"]


def test_then_memories_go_to_the_host(model: SAM2, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = logits(tracker(model))
    made = tracker(model)
    condition = model.condition

    def tried(top: Tensor, memory: Memory | None) -> Tensor:
        if memory is not None and not all(entry.memory.spilled for entry in made.objects.values()):
            raise torch.OutOfMemoryError("out of memory")
        return condition(top, memory)

    monkeypatch.setattr(model, "condition", tried)
    assert_same(logits(made), plain)
    assert len(made.notes) == 2
    assert made.notes[1].endswith("kept by the host, which is slower")


def test_too_little_memory_for_one_object_is_told(model: SAM2, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tracker(model)
    monkeypatch.setattr(model, "condition", short_of_memory(model, most=0))
    with pytest.raises(ModelError, match="choose a smaller image size or model"):
        logits(made)


class Rerun:
    """A recording that runs the function anew, into the outputs of the first time."""

    made = 0

    def __init__(self, function: Function, inputs: Sequence[Tensor]) -> None:
        Rerun.made += 1
        self._function, self._inputs = function, inputs
        self.outputs = tuple(x.clone() for x in function(*inputs))

    def replay(self) -> None:
        for fixed, fresh in zip(self.outputs, self._function(*self._inputs), strict=True):
            fixed.copy_(fresh)


def test_replay_records_once_for_a_shape() -> None:
    Rerun.made = 0
    calls: list[Tensor] = []

    def double(x: Tensor) -> tuple[Tensor, ...]:
        calls.append(x)
        return (2 * x,)

    replay = Replay(double, Rerun)
    results = [replay(torch.full((2,), float(number)))[0] for number in range(WARM + 3)]
    assert Rerun.made == 1
    assert [result.tolist() for result in results] == [[2.0 * number] * 2 for number in range(WARM + 3)]
    assert replay(torch.ones(3))[0].tolist() == [2.0] * 3
    assert calls[-1].shape == (3,)
    assert Rerun.made == 1


@pytest.mark.parametrize(("width", "height"), [(192, 108), (48, 80), (30, 40), (64, 64)])
def test_resizing_equals_pil_to_one_level(width: int, height: int) -> None:
    """On a device, and on the CPU."""
    view = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(view).resize((SIZE, SIZE), Image.Resampling.BICUBIC)).astype(np.float32)
    made = resize(torch.from_numpy(view).permute(2, 0, 1)[None], SIZE)[0].permute(1, 2, 0).numpy()
    assert np.abs(made - expected).max() <= 1
    prepared = prepare(view, SIZE)[0].permute(1, 2, 0).numpy()
    mean, std = (np.array(values, np.float32) for values in (MEAN, STD))
    levels = 2 if width < SIZE < height else 1
    assert np.abs((prepared * std + mean) * 255 - expected).max() < levels + 0.01


@pytest.mark.parametrize("taken_back", ["clear", "remove", "restore"])
def test_what_is_taken_back_meanwhile_counts_from_the_next_frame(model: SAM2, taken_back: str) -> None:
    found: list[list[ObjectFrame]] = []
    for ahead in (False, True):
        made = tracker(model, ahead=ahead)
        click = FramePrompt(points=((70.0, 50.0, True),))
        answer = made.prompt("a", 4, click)
        items = []
        for result in made.propagate():
            items.append(result.objects["a"])
            if result.frame == 3 and taken_back == "clear":
                made.clear("a", 4)
            elif result.frame == 3 and taken_back == "restore":
                made.restore("a", 5, click, answer)
            elif result.frame == 3:
                made.remove("b")
        assert len(items) == 8
        found.append(items)
    assert_same(*([item.logits for item in items] for items in found))
    assert [item.prompted for item in found[0]] == [item.prompted for item in found[1]]


def test_a_frame_that_was_cleared_in_flight_lands_without_it(model: SAM2, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tracker(model)
    made.prompt("a", 4, PROMPTS["a"])
    launch: Callable[..., Any] = made._launch

    def cleared(active: Any, index: int, *words: Any) -> Any:
        flight = launch(active, index, *words)
        if index == 4:
            made.clear("a", 4)
        return flight

    monkeypatch.setattr(made, "_launch", cleared)
    assert [sorted(result.objects) for result in made.propagate()][3:6] == [["a", "b"], ["b"], ["a", "b"]]


def test_a_new_object_remembers_where_the_others_do(model: SAM2) -> None:
    made = tracker(model)
    for entry in made.objects.values():
        entry.memory.spill()
    made.prompt("c", 0, PROMPTS["a"])
    assert made.objects["c"].memory.spilled


def test_what_is_held_comes_to_where_memories_are(model: SAM2) -> None:
    memory = ObjectMemory(model.config, torch.device("meta"))
    grid = model.config.grid
    spatial = torch.zeros(model.config.memory_width, grid, grid)
    memory.hold_as(3, FrameMemory(spatial, torch.zeros(model.config.width)))
    assert memory[3].spatial.is_meta


def test_a_click_makes_no_memory_for_a_known_object(model: SAM2, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tracker(model)

    def unwanted(*_: object) -> None:
        raise AssertionError("another memory was made")

    monkeypatch.setattr("sam2_roto.tracking.tracker.ObjectMemory", unwanted)
    made.prompt("a", 1, PROMPTS["a"])
