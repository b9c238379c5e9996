"""What is kept warm between the prompts on a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_roto.loading import load_model
from sam2_roto.model import SAM2, ImageFeatures
from sam2_roto.shot import answering
from sam2_roto.shot.answering import Answerer
from sam2_roto.tracking import ArraySource, FramePrompt
from sam2_roto.tracking.consensus import LOOKS
from sam2_roto.tracking.looks import first_look
from sam2_roto.tracking.window import Window


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    """Windows of small pictures that were encoded."""
    noted: list[Window] = []
    plain = answering.glimpses

    def glimpses(model: SAM2, view: NDArray[np.uint8], windows: Sequence[Window]) -> ImageFeatures:
        noted.extend(windows)
        return plain(model, view, windows)

    monkeypatch.setattr(answering, "glimpses", glimpses)
    return noted


def test_a_click_where_the_pointer_was_needs_no_new_look(seen: list[Window]) -> None:
    view = np.full((360, 640, 3), (70, 90, 60), np.uint8)
    view[150:250, 370:470] = (220, 60, 40)
    model, source = load_model("nano", device="cpu"), ArraySource(view[None])
    answerer, click = Answerer(model, source), FramePrompt(points=((420, 200, True),))
    answerer.warm(0)
    assert seen == [Window(0, 0, 640, 360)]
    hovered = answerer.first_look(0, click)
    assert len(seen) == len(set(seen)) == LOOKS
    clicked, plain = answerer.first_look(0, click), first_look(model, source, 0, click)
    assert len(seen) == LOOKS
    assert hovered.window == clicked.window == plain.window
    assert hovered.prompt.guess is not None
    assert clicked.prompt.guess is not None
    assert plain.prompt.guess is not None
    assert torch.equal(hovered.prompt.guess, clicked.prompt.guess)
    torch.testing.assert_close(plain.prompt.guess, clicked.prompt.guess, atol=0.02, rtol=0)


def test_old_looks_go_while_a_known_one_is_looked_at_again() -> None:
    view = np.zeros((64, 96, 3), np.uint8)
    answerer = Answerer(load_model("nano", device="cpu"), ArraySource(view[None]))
    windows = [Window(left, 0, 32, 32) for left in range(LOOKS * answering.WARM + 1)]
    for window in windows[:-1]:
        answerer._glance(0, [window])
    answerer._glance(0, [windows[-1], windows[0]])
    assert (0, windows[0]) in answerer._glimpses
    assert len(answerer._glimpses) == LOOKS * answering.WARM
