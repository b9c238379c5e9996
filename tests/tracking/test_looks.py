"""Where the network is shown what a prompt marks; its answers are those of a scene of one square object."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_roto.model import SAM2
from sam2_roto.tracking import ArraySource, FramePrompt, ObjectFrame, looks
from sam2_roto.tracking.looks import first_window
from sam2_roto.tracking.window import Box, Window

SIZE, PLATE = 64, (640, 400)
NETWORK = cast(SAM2, SimpleNamespace(config=SimpleNamespace(image_size=SIZE)))


def source() -> ArraySource:
    return ArraySource(np.zeros((1, PLATE[1], PLATE[0], 3), np.uint8), first=7)


def scene(monkeypatch: pytest.MonkeyPatch, box: Box) -> list[Window]:
    """Answer every look with what it sees of a square object, and note the looks."""
    seen: list[Window] = []

    def answer(_model: SAM2, _view: NDArray[np.uint8], window: Window, _prompt: FramePrompt) -> ObjectFrame:
        seen.append(window)
        cells = torch.arange(SIZE // 4) + 0.5
        xs, ys = window.x + cells * window.width / len(cells), window.y + cells * window.height / len(cells)
        inside = ((xs > box[0]) & (xs < box[2]))[None] & ((ys > box[1]) & (ys < box[3]))[:, None]
        return ObjectFrame(inside * 20.0 - 10, 5.0, 0.5, torch.zeros(4), True)

    monkeypatch.setattr(looks, "_answer", answer)
    return seen


def click(x: float, y: float) -> FramePrompt:
    return FramePrompt(points=((x, y, True),))


def test_masks_and_boxes_say_how_large_the_object_is() -> None:
    mask = np.zeros((PLATE[1], PLATE[0]), bool)
    assert first_window(NETWORK, source(), 7, FramePrompt(mask=mask)) is None
    mask[100:122, 200:210] = True
    assert first_window(NETWORK, source(), 7, FramePrompt(mask=mask)) == Window(172, 80, 64, 64)
    assert first_window(NETWORK, source(), 7, FramePrompt(box=(200, 100, 210, 122))) == Window(172, 80, 64, 64)
    assert first_window(NETWORK, source(), 7, FramePrompt(box=(100, 20, 500, 380))) is None


def test_a_click_on_a_small_object_is_looked_at_closer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = scene(monkeypatch, (290, 190, 350, 250))
    window = first_window(NETWORK, source(), 7, click(320, 220))
    assert window is not None
    assert 0.25 <= 60 / window.width <= 0.5
    assert seen[0] == Window(0, 0, *PLATE)
    assert len(seen) <= 3


def test_the_whole_plate_suits_a_large_object(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = scene(monkeypatch, (100, 50, 500, 350))
    assert first_window(NETWORK, source(), 7, click(320, 200)) is None
    assert len(seen) == 1


def test_nothing_found_is_looked_for_on_the_whole_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    scene(monkeypatch, (-9, -9, -1, -1))
    assert first_window(NETWORK, source(), 7, click(320, 200)) is None


def test_specks_elsewhere_do_not_make_the_object_large() -> None:
    logits = torch.full((16, 16), -10.0)
    logits[4:8, 4:8] = 10
    logits[14, 15] = 10
    whole = Window(0, 0, 64, 64)
    alone = looks.clicked(logits, click(22, 22), whole)
    assert whole.box_of(alone) == (16, 16, 32, 32)
    assert torch.equal(looks.clicked(logits, click(2, 2), whole), logits)  # the click is on nothing: all of it stays
