"""Pieces of tracked masks: what does not look like the object by itself is taken out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sam2_roto.loading import load_model
from sam2_roto.model import NANO, SAM2, ImageFeatures
from sam2_roto.model.mask_decoder import Decoded
from sam2_roto.tracking import ArraySource, FramePrompt, Tracker
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.pieces import MOST, pieces, with_pieces, without_strangers
from sam2_roto.tracking.recognition import Marks, likeness, marks_of

from .conftest import CELLS, two_things

WEIGHTS = (-1.5, 0.0, 1.0, 1.0, 1.0)
ASKED = replace(NANO, recognition=WEIGHTS)


def _features(seed: int = 0) -> ImageFeatures:
    return two_things(3, seed)


def _mask(*boxes: tuple[int, int, int, int]) -> Tensor:
    logits = torch.full((CELLS, CELLS), -20.0)
    for top, bottom, left, right in boxes:
        logits[top:bottom, left:right] = 20.0
    return logits


LARGE, SMALL, OTHER = (0, 30, 0, 16), (36, 48, 0, 16), (0, 20, 32, 48)


def _marks(seed: int = 0) -> Marks:
    answer = ObjectFrame(_mask((0, 48, 0, 16)), 5.0, 0.9, torch.zeros(1), prompted=True)
    marks = marks_of(ASKED, _features(seed), answer)
    assert marks is not None
    return marks


def _offer(*masks: Tensor, score: float = 4.0) -> Decoded:
    """Rows of two masks, of which the second is believed; the first covers everything."""
    rows = len(masks)
    logits = torch.stack([torch.stack((_mask((0, 48, 0, 48)), mask)) for mask in masks])
    iou = torch.tensor([[0.1, 0.9]]).expand(rows, 2)
    return Decoded(logits, iou, torch.full((rows, 1), score), torch.zeros(rows, 2, 1))


def test_pieces_come_by_size_and_cover_the_mask() -> None:
    mask = _mask(SMALL, LARGE, OTHER)
    found = pieces(mask)
    assert [int(part.sum()) for part in found > 0] == [30 * 16, 20 * 16, 12 * 16]
    assert torch.equal((found > 0).any(dim=0), mask > 0)


def test_corners_hold_pieces_together_and_an_empty_mask_has_an_empty_one() -> None:
    assert len(pieces(_mask((0, 4, 0, 4), (4, 8, 4, 8)))) == 1
    nothing = pieces(_mask())
    assert len(nothing) == 1
    assert not (nothing > 0).any()


def test_of_many_pieces_the_largest_are_looked_at() -> None:
    specks = [(2 * row, 2 * row + 1, 2 * column, 2 * column + 1) for row in range(1, 24) for column in range(24)]
    found = pieces(_mask((0, 1, 0, 20), *specks))
    assert len(found) == MOST
    assert int((found[0] > 0).sum()) == 20


def test_pieces_that_are_left_out_are_turned_round() -> None:
    mask = _mask(LARGE, OTHER)
    left = with_pieces(mask, pieces(mask)[:1])
    assert torch.equal(left > 0, _mask(LARGE) > 0)
    assert torch.equal(left.abs(), mask.abs())


def test_what_was_marked_is_more_alike_than_another_thing() -> None:
    alike, other = likeness(WEIGHTS, torch.stack((_mask(SMALL), _mask(OTHER))), _features(1), [_marks()]).tolist()
    assert alike > 2.0  # of 3
    assert other < 0.5 * alike


def test_strangers_leave_and_kin_stays() -> None:
    offer = _offer(_mask(LARGE, SMALL, OTHER))
    found = without_strangers(ASKED, offer, None, _features(1), [[_marks()]])
    assert torch.equal(found.logits[0, 1] > 0, _mask(LARGE, SMALL) > 0)
    assert torch.equal(found.logits[0, 0], offer.logits[0, 0])
    assert (found.logits[0, 1] > 0).sum() < (offer.logits[0, 1] > 0).sum()  # the offer itself is not written to


def test_the_mask_that_is_believed_is_the_one_that_is_judged() -> None:
    offer = _offer(_mask(LARGE, OTHER))
    found = without_strangers(ASKED, offer, torch.tensor([0]), _features(1), [[_marks()]])
    assert torch.equal(found.logits, offer.logits)


def test_the_largest_piece_stays_whatever_it_is() -> None:
    offer = _offer(_mask(OTHER), _mask(OTHER, (40, 44, 20, 24)))
    found = without_strangers(ASKED, offer, None, _features(1), [[_marks()]] * 2)
    assert torch.equal(found.logits[0], offer.logits[0])
    assert (found.logits[1, 1][:20, 32:] > 0).all()


@pytest.mark.parametrize(("score", "marked"), [(-1.0, True), (4.0, False)])
def test_what_is_absent_or_unmarked_is_not_judged(score: float, marked: bool) -> None:
    offer = _offer(_mask(LARGE, OTHER), score=score)
    found = without_strangers(ASKED, offer, None, _features(1), [[_marks()] if marked else []])
    assert torch.equal(found.logits, offer.logits)


def test_a_network_without_recognition_is_believed() -> None:
    offer = _offer(_mask(LARGE, OTHER))
    assert without_strangers(replace(NANO, recognition=None), offer, None, _features(1), [[_marks()]]) is offer


def test_a_tracked_mask_does_not_take_up_what_is_far_and_unlike(monkeypatch: pytest.MonkeyPatch) -> None:
    nano = load_model("nano", device="cpu")
    frames = np.full((4, 192, 192, 3), 90, np.uint8)
    frames[:, 70:130, 20:80] = (230, 60, 40)
    frames[:, 20:60, 130:180] = (40, 80, 220)
    whole = SAM2.decode

    def decode(model: SAM2, embedding: Tensor, features: ImageFeatures, *args: Tensor, **kwargs: Tensor) -> Decoded:
        """As the network decodes, with a piece of the other thing in every mask of a tracked frame."""
        found: Decoded = whole(model, embedding, features, *args, **kwargs)
        if kwargs.get("mask") is not None:
            found.logits[..., 12:28, 68:88] = 8.0
        return found

    tracker = Tracker(nano, ArraySource(frames))
    tracker.prompt("red", 0, FramePrompt(box=(20.0, 70.0, 80.0, 130.0)))
    monkeypatch.setattr(SAM2, "decode", decode)
    tracked = [result.objects["red"] for result in tracker.propagate() if result.frame]
    for seen in tracked:
        assert seen.present
        assert (seen.logits[40:60, 16:36] > 0).float().mean() > 0.9
        assert not (seen.logits[12:28, 68:88] > 0).any()
