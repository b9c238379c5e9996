"""The tracker's promises: prompts at any time, bounded memory, batches equal to single objects, streaming."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_roto import build_model
from sam2_roto.errors import PromptError, RotoError
from sam2_roto.model import SAM2
from sam2_roto.tracking import ArraySource, FramePrompt, ObjectFrame, Tracker

SIZE = 64
CLICK = FramePrompt(points=((40.0, 30.0, True),))
BOX = FramePrompt(box=(10.0, 10.0, 50.0, 40.0))


@pytest.fixture(scope="module")
def model() -> SAM2:
    torch.manual_seed(1)
    network = build_model("nano", image_size=SIZE).eval()
    network.config = replace(network.config, recognition=None)  # noise is recognised nowhere
    with torch.no_grad():
        network.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(1.0)  # present everywhere
    return network


def clip(frames: int = 24) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (frames, 60, 100, 3), dtype=np.uint8)


class Pulled(ArraySource):
    """Notes the frames that were asked for."""

    def __init__(self, views: NDArray[np.uint8], first: int = 0) -> None:
        super().__init__(views, first=first)
        self.asked: list[int] = []

    def view(self, frame: int) -> NDArray[np.uint8]:
        self.asked.append(frame)
        return super().view(frame)

    def views(self, frames: Iterable[int], look_ahead: int = 0) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        assert look_ahead >= 0
        return ((frame, self.view(frame)) for frame in frames)


class Kept(dict[tuple[str, int], ObjectFrame]):
    """An archive in memory, with logits as the disk keeps them."""

    def write(self, name: str, frame: int, result: ObjectFrame) -> None:
        self[name, frame] = result._replace(logits=result.logits.half().float())

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        return self.get((name, frame))


def run(tracker: Tracker, **words: object) -> dict[int, dict[str, ObjectFrame]]:
    return {result.frame: result.objects for result in tracker.propagate(**words)}  # type: ignore[arg-type]


def test_batched_objects_equal_single_ones(model: SAM2) -> None:
    prompts = {"a": (0, CLICK), "b": (0, BOX), "c": (5, CLICK), "d": (2, BOX)}
    together = Tracker(model, ArraySource(clip()))
    for name, (frame, prompt) in prompts.items():
        together.prompt(name, frame, prompt)
    batched = run(together, start=0)
    for name, (frame, prompt) in prompts.items():
        alone = Tracker(model, ArraySource(clip()))
        alone.prompt(name, frame, prompt)
        for number, objects in run(alone, start=0).items():
            torch.testing.assert_close(objects[name].logits, batched[number][name].logits, rtol=1e-3, atol=1e-3)


def test_frames_are_pulled_one_at_a_time(model: SAM2) -> None:
    source = Pulled(clip(), first=1001)
    tracker = Tracker(model, source)
    tracker.prompt("a", 1001, CLICK)
    source.asked.clear()
    for result in tracker.propagate():
        if result.frame == 1005:
            break
    assert source.asked == [1001, 1002, 1003, 1004, 1005]


def test_memory_is_bounded_and_preallocated(model: SAM2) -> None:
    tracker = Tracker(model, ArraySource(clip(60)))
    tracker.prompt("a", 0, CLICK)
    memory = tracker.objects["a"].memory
    addresses = {memory._spatial.data_ptr(), memory._pointer.data_ptr()}
    run(tracker)
    assert {memory._spatial.data_ptr(), memory._pointer.data_ptr()} == addresses
    assert sum(frame in memory for frame in range(60)) == model.config.pointers + 1
    assert len(tracker.objects["a"].recent) <= 16


def test_objects_come_and_go_without_touching_others(model: SAM2) -> None:
    tracker = Tracker(model, ArraySource(clip()))
    tracker.prompt("a", 0, CLICK)
    for result in tracker.propagate():
        if result.frame == 10:
            break
    tracker.prompt("b", 11, BOX)
    rest = run(tracker, start=11)
    assert set(rest[12]) == {"a", "b"}
    tracker.remove("b")
    alone = Tracker(model, ArraySource(clip()))
    alone.prompt("a", 0, CLICK)
    whole = run(alone)
    torch.testing.assert_close(rest[20]["a"].logits, whole[20]["a"].logits, rtol=1e-3, atol=1e-3)
    with pytest.raises(PromptError, match="no object 'b'"):
        tracker.clear("b", 11)


def test_corrections_stay_when_the_pass_comes_again(model: SAM2) -> None:
    tracker = Tracker(model, ArraySource(clip()))
    tracker.prompt("a", 0, CLICK)
    before = run(tracker)
    fixed = tracker.prompt("a", 12, FramePrompt(points=((80.0, 50.0, True),)))
    again = run(tracker)
    assert torch.equal(again[12]["a"].logits, fixed.logits)
    assert again[12]["a"].prompted
    assert not torch.equal(again[13]["a"].logits, before[13]["a"].logits)
    tracker.clear("a", 12)
    torch.testing.assert_close(run(tracker)[13]["a"].logits, before[13]["a"].logits)


def test_clicks_on_a_frame_add_up_unless_cleared(model: SAM2) -> None:
    tracker = Tracker(model, ArraySource(clip()))
    tracker.prompt("a", 0, CLICK)
    tracker.prompt("a", 0, FramePrompt(points=((70.0, 20.0, False),)))
    assert len(tracker.objects["a"].prompts[0].points) == 2
    tracker.prompt("a", 0, BOX, clear=True)
    assert tracker.objects["a"].prompts[0] == BOX


def test_reverse_pass_and_joining(model: SAM2) -> None:
    tracker = Tracker(model, ArraySource(clip()))
    tracker.prompt("a", 8, CLICK)
    tracker.prompt("b", 15, BOX)
    forward = run(tracker, joins={"a": 8, "b": 15})
    assert list(forward) == list(range(8, 24))
    assert set(forward[14]) == {"a"}
    backward = run(tracker, reverse=True, joins={"a": 8, "b": 15})
    assert list(backward) == list(range(15, -1, -1))
    assert set(backward[9]) == {"b"}
    assert set(backward[0]) == {"a", "b"}


@pytest.mark.parametrize("reverse", [False, True])
def test_a_pass_goes_on_from_the_archive_as_if_never_stopped(model: SAM2, reverse: bool) -> None:
    first = 20 if reverse else 3
    stopped_at = 6 if reverse else 17
    archive, whole = Kept(), Kept()
    tracker = Tracker(model, ArraySource(clip()), archive=whole)
    tracker.prompt("a", first, CLICK)
    run(tracker, reverse=reverse)
    step = -1 if reverse else 1
    archive.update({key: kept for key, kept in whole.items() if (key[1] - stopped_at) * step < 0})
    resumed = Tracker(model, ArraySource(clip()), archive=archive)
    resumed.prompt("a", first, CLICK)
    run(resumed, start=stopped_at, reverse=reverse)
    assert archive.keys() == whole.keys()
    for key, kept in whole.items():
        assert torch.equal(archive[key].logits, kept.logits), key
        assert torch.equal(archive[key].pointer, kept.pointer)


def test_a_mask_is_taken_at_its_word(model: SAM2) -> None:
    mask = np.zeros((60, 100), dtype=bool)
    mask[20:40, 30:70] = True
    tracker = Tracker(model, ArraySource(clip()))
    result = tracker.prompt("a", 4, FramePrompt(mask=mask))
    inside = result.logits > 0
    assert result.present
    assert 0.9 < inside.float().mean() / mask.mean() < 1.1
    empty = tracker.prompt("b", 4, FramePrompt(mask=np.zeros((60, 100), dtype=bool)))
    assert not empty.present


def test_absence_is_reported() -> None:
    torch.manual_seed(2)
    blind = build_model("nano", image_size=SIZE).eval()
    with torch.no_grad():
        blind.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(-50.0)
    tracker = Tracker(blind, ArraySource(clip(3)))
    tracker.prompt("a", 0, CLICK)
    results = run(tracker)
    assert not results[2]["a"].present
    assert (results[2]["a"].logits == -1024).all()


def test_cancel_ends_the_pass(model: SAM2) -> None:
    tracker = Tracker(model, ArraySource(clip()))
    tracker.prompt("a", 0, CLICK)
    asked = iter(range(24))
    results = tracker.propagate(cancelled=lambda: next(asked) == 5)
    assert [result.frame for result in results] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("frame", "prompt", "words"),
    [
        (99, CLICK, "frame 99 is not in the clip, which has 0-23"),
        (0, FramePrompt(points=((100.0, 10.0, True),)), "lies outside the plate of 100×60"),
        (0, FramePrompt(box=(200.0, 0.0, 300.0, 50.0)), "box of 'a' on frame 0 lies outside"),
        (0, FramePrompt(mask=np.zeros((4, 4), dtype=bool)), "the mask of 'a' on frame 0 is 4×4 pixels"),
    ],
)
def test_wrong_prompts_are_refused(model: SAM2, frame: int, prompt: FramePrompt, words: str) -> None:
    tracker = Tracker(model, ArraySource(clip()))
    with pytest.raises(PromptError, match=words):
        tracker.prompt("a", frame, prompt)
    assert not tracker.objects


def test_wrong_passes_are_refused(model: SAM2) -> None:
    tracker = Tracker(model, ArraySource(clip()))
    with pytest.raises(PromptError, match="nothing to track"):
        next(tracker.propagate())
    tracker.prompt("a", 5, CLICK)
    with pytest.raises(RotoError, match="lies behind"):
        next(tracker.propagate(start=9, stop=3))
    tracker.clear("a", 5)
    with pytest.raises(PromptError, match="'a' has no prompt"):
        next(tracker.propagate())
