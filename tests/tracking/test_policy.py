"""Memory policies: what each believes, remembers and reads, and that a pass taken up again is the same pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_roto import load_model
from sam2_roto.errors import PromptError
from sam2_roto.masklets import MaskletStore
from sam2_roto.model import CONFIGS, SAM2
from sam2_roto.shot.document import TrackingSettings
from sam2_roto.tracking import ArraySource, FramePrompt, ObjectFrame, Tracker, distractor_policy
from sam2_roto.tracking.distractor_policy import DistractorPolicy
from sam2_roto.tracking.kalman import BoxFilter, box_iou, mask_box
from sam2_roto.tracking.motion_policy import MotionPolicy
from sam2_roto.tracking.policies import POLICIES, find_policy
from sam2_roto.tracking.policy import Candidates, latest
from sam2_roto.tracking.window import Window

CONFIG = CONFIGS["nano"]
BOX = FramePrompt(box=(12.0, 20.0, 36.0, 44.0))
VIEW = np.zeros((8, 8, 3), np.uint8)
WHOLE = Window(0, 0, 128, 128)


@pytest.fixture(scope="module")
def model(random_weights: Path) -> SAM2:
    return load_model(str(random_weights), "cpu", 64)


def square(left: int, side: int = 8) -> NDArray[np.float32]:
    """Logits ``[32, 32]`` of a square."""
    logits = np.full((32, 32), -5, np.float32)
    logits[10 : 10 + side, left : left + side] = 5
    return logits


def result(logits: NDArray[np.float32], iou: float = 0.9, score: float = 5.0) -> ObjectFrame:
    return ObjectFrame(torch.from_numpy(logits), score, iou, torch.zeros(4), prompted=False)


def seen(frame: int, *logits: NDArray[np.float32], iou: tuple[float, ...]) -> Candidates:
    return Candidates(frame, 1, VIEW, WHOLE, np.stack(logits), np.array(iou, np.float32), 5.0)


def test_a_filter_learns_a_steady_motion() -> None:
    follow = BoxFilter((0, 0, 10, 10))
    for step in range(1, 20):
        follow.predict()
        follow.update((3.0 * step, step, 10 + 3.0 * step, 10 + step))
    assert follow.predict() == pytest.approx((60, 20, 70, 30), abs=1)


def test_boxes_of_masks_overlap_as_they_should() -> None:
    assert mask_box(square(4) > 0) == (4, 10, 12, 18)
    assert mask_box(square(4) > 9) is None
    assert box_iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 1, 1), (5, 5, 6, 6)) == 0


def test_only_remembered_frames_behind_are_read() -> None:
    assert latest(10, 1, 4, {7, 9, 11}) == [9, 7]
    assert latest(10, -1, 4, {7, 9, 11}) == [11]


def test_a_frame_with_a_distractor_is_held() -> None:
    policy = DistractorPolicy(CONFIG)
    policy.begin(0, 1, result(square(4)), WHOLE)
    both = np.maximum(square(4), square(22))
    quiet = policy.note(7, result(square(4)), WHOLE, seen(7, square(4), square(4, 9), iou=(0.9, 0.5)))
    told = policy.note(8, result(square(4)), WHOLE, seen(8, square(4), both, iou=(0.9, 0.5)))
    soon = policy.note(10, result(square(4)), WHOLE, seen(10, square(4), both, iou=(0.9, 0.5)))
    unsure = policy.note(20, result(square(4), iou=0.5), WHOLE, seen(20, square(4), both, iou=(0.5, 0.4)))
    grown = policy.note(21, result(square(4, 16)), WHOLE, seen(21, square(4, 16), both, iou=(0.9, 0.5)))
    assert (quiet, told, soon, unsure, grown) == (False, True, False, False, False)
    assert 8 in policy.held
    reading = policy.read(40, {8, 20, 39})
    assert reading.spatial[0] == (39, 0)
    assert (8, CONFIG.memories - 1) in reading.spatial


def test_a_mask_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(distractor_policy, "_area", lambda *_: asked.append(1) or 64)
    policy = DistractorPolicy(CONFIG)
    policy.begin(0, 1, result(square(4)), WHOLE)
    asked.clear()
    policy.note(8, result(square(4)), WHOLE, seen(8, square(4), square(22), iou=(0.9, 0.5)))
    assert asked == [1]


def test_distractor_memory_is_bounded_and_sparse() -> None:
    policy = DistractorPolicy(CONFIG)
    policy.begin(0, 1, result(square(4)), WHOLE)
    both = np.maximum(square(4), square(22))
    for frame in range(1, 200):
        policy.note(frame, result(square(4)), WHOLE, seen(frame, square(4), both, iou=(0.9, 0.5)))
    assert len(policy.held) <= policy.HELD + policy.RECENT
    reading = policy.read(200, set(policy.held) | {199})
    assert len(reading.spatial) < CONFIG.memories
    assert [slot for _, slot in reading.spatial[:3]] == [0, 1, 2]


def test_motion_overrules_a_sure_mask_in_the_wrong_place() -> None:
    policy = MotionPolicy(CONFIG)
    policy.begin(0, 1, result(square(4)), WHOLE)
    offer = (square(22), square(4))
    assert policy.choose(seen(1, *offer, iou=(0.6, 0.55))) == 0
    policy.begin(0, 1, result(square(4)), WHOLE)
    for frame in range(1, 20):
        assert policy.note(frame, result(square(4)), WHOLE, None)
    assert policy.choose(seen(20, *offer, iou=(0.6, 0.55))) == 1


def test_a_window_that_moves_moves_no_box() -> None:
    policy = MotionPolicy(CONFIG)
    policy.begin(0, 1, result(square(4)), WHOLE)
    for frame in range(1, 20):  # 4 pixels of the plate are a cell
        assert policy.note(frame, result(square(20 - frame)), Window(4 * (frame - 16), 0, 128, 128), None)
    offer = seen(20, square(0), square(4), iou=(0.6, 0.55))._replace(window=Window(16, 0, 128, 128))
    assert policy.choose(offer) == 0
    assert policy.choose(offer._replace(window=WHOLE)) == 1


def test_a_closer_window_makes_no_object_larger() -> None:
    policy = DistractorPolicy(CONFIG)
    policy.begin(0, 1, result(square(4)), WHOLE)
    closer, near = Window(16, 32, 64, 64), square(4, 16)
    both = np.maximum(near, square(22))
    offer = seen(8, near, both, iou=(0.9, 0.5))._replace(window=closer)
    assert policy.note(8, result(near), closer, offer)


def test_motion_does_not_read_doubtful_frames_again() -> None:
    policy = MotionPolicy(CONFIG)
    policy.begin(0, 1, result(square(4)), WHOLE)
    trusted = [
        policy.note(
            frame, result(square(4), iou=0.3 if frame == 5 else 0.9, score=-1.0 if frame == 6 else 5.0), WHOLE, None
        )
        for frame in range(1, 10)
    ]
    assert trusted == [frame not in (5, 6) for frame in range(1, 10)]
    read = [frame for frame, _ in policy.read(10, set(range(1, 10))).spatial]
    assert read == [9, 8, 7, 4, 3, 2]


def test_an_unknown_policy_is_named_with_those_there_are() -> None:
    assert TrackingSettings().policy in POLICIES
    with pytest.raises(PromptError, match=r"'clever'.*plain, distractor, motion"):
        find_policy("clever")


@pytest.mark.parametrize("name", list(POLICIES))
@pytest.mark.parametrize("reverse", [False, True])
def test_a_pass_taken_up_again_ends_in_the_same_bits(
    model: SAM2, shot_views: NDArray[np.uint8], tmp_path: Path, name: str, reverse: bool
) -> None:
    start, middle, stop = (19, 8, 0) if reverse else (0, 11, 19)
    policy = find_policy(name)

    def tracker(store: MaskletStore) -> Tracker:
        made = Tracker(model, ArraySource(shot_views), archive=store, policy=policy)
        made.prompt("a", start, BOX)
        return made

    with MaskletStore(tmp_path / "whole", range(20), model.config, {}) as whole:
        list(tracker(whole).propagate(start, stop, reverse=reverse))
        with MaskletStore(tmp_path / "parts", range(20), model.config, {}) as parts:
            list(tracker(parts).propagate(start, middle, reverse=reverse))
            next_frame = middle + (-1 if reverse else 1)
            list(tracker(parts).propagate(next_frame, stop, reverse=reverse))
            for frame in range(20):
                one, other = whole.read("a", frame), parts.read("a", frame)
                assert one is not None
                assert other is not None
                assert torch.equal(one.logits, other.logits)
                assert one.held == other.held


@pytest.mark.parametrize("name", [name for name, made in POLICIES.items() if made])
def test_a_policy_keeps_memory_bounded(model: SAM2, shot_views: NDArray[np.uint8], name: str) -> None:
    views = np.concatenate([shot_views] * 3)
    tracker = Tracker(model, ArraySource(views), policy=find_policy(name))
    tracker.prompt("a", 0, BOX)
    counts = {len(tracker.objects["a"].memory.tracked) for _ in tracker.propagate(0)}
    assert max(counts) <= model.config.pointers + model.config.memories
