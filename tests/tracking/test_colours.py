"""What is tracked must have the colours of what was drawn; objects of which no colours are kept are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_roto.loading import load_model
from sam2_roto.model import CONFIGS
from sam2_roto.model.mask_decoder import Decoded
from sam2_roto.tracking import FramePrompt, Tracker
from sam2_roto.tracking.colours import LEVELS, PARDONED, WEIGHT, counted, doubted, shades_of, unlike
from sam2_roto.tracking.memory import ObjectMemory
from sam2_roto.tracking.objects import TrackedObject
from sam2_roto.tracking.source import ArraySource

RED, BLUE = (200, 40, 30), (30, 60, 200)


def halves(left: tuple[int, ...], right: tuple[int, ...]) -> NDArray[np.uint8]:
    view = np.zeros((64, 64, 3), np.uint8)
    view[:, :32], view[:, 32:] = left, right
    return view


def on_the_left() -> torch.Tensor:
    return torch.where(torch.arange(32) < 16, 5.0, -5.0).expand(32, 32).contiguous()


def known_as(*views: NDArray[np.uint8]) -> TrackedObject:
    entry = TrackedObject("thing", ObjectMemory(CONFIGS["nano"], torch.device("cpu"), torch.float32))
    for frame, view in enumerate(views):
        shades = shades_of(view, on_the_left())
        assert shades is not None
        entry.shades[frame] = shades
    return entry


def offer(rows: int = 1, score: float = 6.0) -> Decoded:
    """Two masks for each row: the left half, and the right half of better predicted IoU."""
    logits = torch.stack([on_the_left(), -on_the_left()]).expand(rows, 2, 32, 32)
    return Decoded(
        logits, torch.tensor([[0.6, 0.9]]).expand(rows, 2), torch.full((rows, 1), score), torch.zeros(rows, 2, 8)
    )


def test_colours_are_counted_as_shares() -> None:
    pixels = np.array([[0, 0, 0], [0, 0, 0], [255, 255, 255], [0, 0, 255]], np.uint8)
    shares = counted(pixels, 4)
    assert (shares[0], shares[3], shares[-1]) == (0.5, 0.25, 0.25)
    assert counted(pixels[:0], 4).sum() == 0


def test_a_colour_counts_for_those_next_to_it_too() -> None:
    step = 256 // LEVELS
    one, beside, far = (shades_of(halves((4 * step, 0, shift * step), BLUE), on_the_left()) for shift in (2, 3, 6))
    assert one is not None
    assert beside is not None
    assert far is not None
    assert one.sum() == pytest.approx(1)
    assert unlike(one, [far, one]) == pytest.approx(0)
    assert unlike(one, [far]) == pytest.approx(1)
    assert 0.2 < unlike(one, [beside]) < 0.6


def test_nothing_to_tell_by_tells_nothing() -> None:
    assert shades_of(halves(RED, BLUE), torch.full((32, 32), -1.0)) is None
    assert unlike(None, [np.ones(1)]) == 0
    assert unlike(np.ones(1), []) == 0


def test_foreign_colours_are_held_against_the_mask_that_is_believed() -> None:
    view, entry = halves(RED, BLUE), known_as(halves(RED, BLUE))
    best = doubted([entry], offer(), None, view)
    assert float(best.score) == pytest.approx(6 - WEIGHT * (1 - PARDONED))
    other = doubted([entry], offer(), torch.tensor([0]), view)
    assert float(other.score) == 6
    assert torch.equal(best.logits, offer().logits)


def test_every_prompted_frame_gives_colours_and_every_row_has_its_own() -> None:
    view = halves(RED, BLUE)
    entries = [known_as(view), known_as(view, halves(BLUE, RED)), known_as()]
    assert [float(score) < 0 for score in doubted(entries, offer(3), None, view).score] == [True, False, False]


def test_without_colours_no_picture_is_looked_at() -> None:
    decoded = offer()
    assert doubted([known_as()], decoded, None, np.zeros((0, 0, 3), np.uint8)) is decoded


def test_published_models_are_not_asked() -> None:
    assert [name for name, config in CONFIGS.items() if config.knows_colours] == ["nano"]


def clip() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A red disc that moves; from the fifth frame on a blue one goes on in its place. And the first disc."""
    rng, frames, masks = np.random.default_rng(0), [], []
    ground = np.kron(rng.integers(90, 140, (24, 24, 1)), np.ones((8, 8, 3))).astype(np.uint8)
    y, x = np.mgrid[:192, :192]
    for frame in range(8):
        disc = np.hypot(x - 70 - 4 * frame, y - 96) < 26
        masks.append(disc)
        frames.append(np.where(disc[..., None], np.array(RED if frame < 4 else BLUE, np.uint8), ground))
    return np.stack(frames), masks[0]


@pytest.mark.parametrize("watched", [True, False])
def test_what_takes_the_place_of_an_object_is_not_taken_for_it(watched: bool) -> None:
    model = load_model("nano", "cpu")
    model.config = replace(model.config, knows_colours=watched)
    frames, mask = clip()
    tracker = Tracker(model, ArraySource(frames))
    tracker.prompt("disc", 0, FramePrompt(mask=mask))
    seen = [result.objects["disc"].present for result in tracker.propagate()]
    assert seen == ([True] * 4 + [False] * 4 if watched else [True] * 8)


def test_what_was_clicked_on_is_not_watched() -> None:
    frames, _ = clip()
    tracker = Tracker(load_model("nano", "cpu"), ArraySource(frames))
    assert tracker.prompt("disc", 0, FramePrompt(points=((70, 96, True),))).present
    assert not tracker.objects["disc"].shades


def test_colours_are_kept_and_taken_back_with_the_prompt_and_restored_alike() -> None:
    frames, mask = clip()
    tracker, other = (Tracker(load_model("nano", "cpu"), ArraySource(frames)) for _ in range(2))
    answer = tracker.prompt("disc", 0, FramePrompt(mask=mask))
    other.restore("disc", 0, FramePrompt(mask=mask), answer)
    kept, restored = tracker.objects["disc"].shades, other.objects["disc"].shades
    assert list(kept) == list(restored) == [0]
    assert np.array_equal(kept[0], restored[0])
    tracker.prompt("disc", 0, FramePrompt(mask=mask & False), clear=True)
    assert not kept  # nothing is shown any more
    tracker.prompt("disc", 0, FramePrompt(mask=mask), clear=True)
    assert list(kept) == [0]
    tracker.clear("disc", 0)
    assert not kept
