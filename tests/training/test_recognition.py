"""The fit of recognition: who is watched, what is kept, and what counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sam2_roto.evaluation.prompts import first_prompt
from sam2_roto.loading import load_model
from sam2_roto.model import SAM2
from sam2_roto.tracking.crop_tracker import CropMemory
from sam2_roto.tracking.source import ArraySource
from sam2_roto.training.clips import Clip
from sam2_roto.training.recognition import LOST, Mode, WatchedTracker, Witness, chosen_objects, fitted


@pytest.fixture(scope="module")
def model() -> SAM2:
    network = load_model("nano", device="cpu")
    network.config = replace(network.config, recognition=(1.0, 0.0, 0.0, 0.0, 0.0))
    return network


def _clip() -> Clip:
    """A large thing that stays, and one that is gone from frame 2 on."""
    labels = np.zeros((4, 96, 96), np.uint8)
    labels[:, 50:90, 10:60] = 1
    labels[:2, 10:40, 50:80] = 2
    frames = np.array([[60, 70, 60], [220, 180, 30], [40, 60, 210]], np.uint8)[labels]
    return Clip(frames, labels, 2, np.array([[True] * 4, [True, True, False, False]]))


def test_those_that_are_gone_at_times_are_watched_first() -> None:
    clip, rng = _clip(), np.random.default_rng(0)
    assert chosen_objects(clip, rng) == [2]
    stays = Clip(clip.frames, np.minimum(clip.labels, 1), 1, np.ones((1, 4), bool))
    assert chosen_objects(stays, rng) == [1]


@pytest.mark.parametrize("mode", ["own", "told", "judged"])
def test_every_tracked_frame_has_its_say(model: SAM2, mode: Mode) -> None:
    clip = _clip()
    truth = clip.labels == 2
    tracker = WatchedTracker(model, ArraySource(clip.frames), CropMemory(), truth, mode)
    tracker.prompt("object", 0, first_prompt(truth[0], "mask"))
    found = list(tracker.witnesses())
    assert [witness.there for witness in found] == [True, False, False]
    assert all(witness.evidence.shape == (4,) for witness in found)
    assert found[0].overlap > 0.5
    assert found[0].evidence[1:].min() > found[1].evidence[1:].min()


def test_the_fit_finds_what_tells() -> None:
    rng = np.random.default_rng(1)
    there = rng.random(600) < 0.8
    x = rng.normal(size=(600, 4))
    x[:, 2] += 2.0 * there
    found = fitted([Witness(row, bool(is_there), 0.9 * is_there) for row, is_there in zip(x, there, strict=True)])
    assert found[3] > 1.0
    assert max(abs(found[k]) for k in (1, 2, 4)) < 0.4


def test_masks_of_another_thing_count_as_gone() -> None:
    rng = np.random.default_rng(2)
    lost = rng.random(400) < 0.3
    x = rng.normal(size=(400, 4)) - 2.0 * lost[:, None]
    overlaps = np.where(lost, LOST / 2, 0.8)
    found = fitted([Witness(row, True, float(overlap)) for row, overlap in zip(x, overlaps, strict=True)])
    assert min(found[1:]) > 0.3
