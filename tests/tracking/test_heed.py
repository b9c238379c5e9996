"""Clicks that a network ignored are heeded, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_roto.model import CONFIGS, Prediction
from sam2_roto.tracking import FramePrompt
from sam2_roto.tracking.heed import heeded

SIZE = (192, 96)  # width, height; two pixels of the plate to a cell across, one down


def plate() -> NDArray[np.uint8]:
    """Red on the left, blue on the right."""
    view = np.zeros((96, 192, 3), np.uint8)
    view[:, :96, 0] = view[:, 96:, 2] = 250
    return view


def answer(value: float, score: float = 5.0) -> Prediction:
    logits = torch.full((1, 1, 96, 96), value)
    return Prediction(logits, torch.tensor([0.9]), torch.tensor([score]), torch.zeros(1, 8))


def told(found: Prediction, *points: tuple[float, float, bool]) -> torch.Tensor:
    return heeded(found, FramePrompt(points=points), SIZE, plate).logits[0, 0]


def never() -> NDArray[np.uint8]:
    raise AssertionError("the picture is asked for")


@pytest.mark.parametrize("positive", [True, False])
def test_an_ignored_click_gets_its_sign_and_what_is_alike_nearby_follows(positive: bool) -> None:
    side = 1 if positive else -1
    logits = told(answer(-1.0 * side), (90, 48, positive)) * side
    assert logits[48, 45] == pytest.approx(2)
    assert logits[50, 45] > 0  # near and of its colour
    assert logits[48, 49] < -0.9  # as near, of another colour
    assert logits[10, 10] == pytest.approx(-1)


def test_what_the_network_is_surer_of_keeps_its_sign() -> None:
    found = answer(1.0)
    found.logits[..., 50:, :] = 8.0
    logits = told(found, (40, 48, False))
    assert logits[48, 20] < 0
    assert (logits[50:] > 4).all()


def test_clicks_of_the_other_kind_hold_their_ground() -> None:
    logits = told(answer(3.0), (40, 48, False), (40, 52, True))
    assert logits[48, 20] < 0 < logits[52, 20]


def test_heeded_clicks_and_absent_objects_are_left_alone() -> None:
    for found, points in ((answer(3.0), ((40.0, 48.0, True),)), (answer(3.0, score=-1.0), ((40.0, 48.0, False),))):
        assert torch.equal(heeded(found, FramePrompt(points=points), SIZE, never).logits, found.logits)
    box = FramePrompt(box=(2, 2, 50, 50))
    assert heeded(answer(-3.0), box, SIZE, never).logits.max() == -3


def test_published_models_say_what_they_say() -> None:
    assert [name for name, config in CONFIGS.items() if config.heeds_clicks] == ["nano"]
