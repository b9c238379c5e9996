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
from sam2_roto.tracking.looks import first_look
from sam2_roto.tracking.window import Box, Window

SIZE, PLATE = 64, (640, 400)


def network(looks_around: bool = False, finest_size: int = 0) -> SAM2:
    sizes = {"image_size": SIZE, "logit_size": SIZE // 4, "finest_size": finest_size}
    return cast(SAM2, SimpleNamespace(config=SimpleNamespace(looks_around=looks_around, **sizes)))


NETWORK = network()
SMALL = network(looks_around=True)
"""A small network, which looks around clicks."""
FINE = network(finest_size=2 * SIZE)
"""One that is shown larger pictures of what is thin."""


def source() -> ArraySource:
    return ArraySource(np.zeros((1, PLATE[1], PLATE[0], 3), np.uint8), first=7)


def scene(monkeypatch: pytest.MonkeyPatch, box: Box) -> list[Window]:
    """Answer every look with what it sees of a square object, and note the looks."""
    seen: list[Window] = []

    def answer(
        _model: SAM2, _source: ArraySource, frame: int, window: Window, _prompt: FramePrompt, side: int
    ) -> ObjectFrame:
        assert frame == 7
        seen.append(window)
        cells = torch.arange(side // 4) + 0.5
        xs, ys = window.x + cells * window.width / len(cells), window.y + cells * window.height / len(cells)
        inside = ((xs > box[0]) & (xs < box[2]))[None] & ((ys > box[1]) & (ys < box[3]))[:, None]
        return ObjectFrame(inside * 20.0 - 10, 5.0, 0.5, torch.zeros(4), True)

    monkeypatch.setattr(looks, "_answer", answer)
    return seen


def click(x: float, y: float) -> FramePrompt:
    return FramePrompt(points=((x, y, True),))


def test_masks_and_boxes_say_how_large_the_object_is() -> None:
    mask = np.zeros((PLATE[1], PLATE[0]), bool)
    assert first_look(NETWORK, source(), 7, FramePrompt(mask=mask)).window is None
    mask[100:122, 200:210] = True
    assert first_look(NETWORK, source(), 7, FramePrompt(mask=mask)).window == Window(172, 80, 64, 64)
    assert first_look(NETWORK, source(), 7, FramePrompt(box=(200, 100, 210, 122))).window == Window(172, 80, 64, 64)
    assert first_look(NETWORK, source(), 7, FramePrompt(box=(100, 20, 500, 380))).window is None


def test_a_click_on_a_small_object_is_looked_at_closer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = scene(monkeypatch, (290, 190, 350, 250))
    window = first_look(NETWORK, source(), 7, click(320, 220)).window
    assert window is not None
    assert 0.25 <= 60 / window.width <= 0.5
    assert seen[0] == Window(0, 0, *PLATE)
    assert len(seen) <= 3


def test_the_whole_plate_suits_a_large_object(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = scene(monkeypatch, (100, 50, 500, 350))
    assert first_look(NETWORK, source(), 7, click(320, 200)).window is None
    assert len(seen) == 1


def test_nothing_found_is_looked_for_on_the_whole_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    scene(monkeypatch, (-9, -9, -1, -1))
    assert first_look(NETWORK, source(), 7, click(320, 200)).window is None


def test_specks_elsewhere_do_not_make_the_object_large() -> None:
    logits = torch.full((16, 16), -10.0)
    logits[4:8, 4:8] = 10
    logits[14, 15] = 10
    whole = Window(0, 0, 64, 64)
    alone = looks.clicked(logits, click(22, 22), whole)
    assert whole.box_of(alone) == (16, 16, 32, 32)
    assert torch.equal(looks.clicked(logits, click(2, 2), whole), logits)  # the click is on nothing: all of it stays


def looking_around(monkeypatch: pytest.MonkeyPatch, box: Box) -> list[list[Window]]:
    """Have looks agree on a square object, and note where they look."""
    seen: list[list[Window]] = []

    def glimpses(_model: SAM2, _view: NDArray[np.uint8], windows: list[Window]) -> list[Window]:
        seen.append(windows)
        return windows

    def agreed(
        _model: SAM2, glimpsed: list[Window], _prompt: FramePrompt, windows: list[Window], plate: tuple[int, int]
    ) -> torch.Tensor:
        assert (glimpsed, plate) == (windows, PLATE)
        widest, cells = windows[0], torch.arange(64) + 0.5
        xs, ys = widest.x + cells * widest.width / 64, widest.y + cells * widest.height / 64
        inside = ((xs > box[0]) & (xs < box[2]))[None] & ((ys > box[1]) & (ys < box[3]))[:, None]
        return inside * 20.0 - 10

    monkeypatch.setattr(looks, "glimpses", glimpses)
    monkeypatch.setattr(looks, "agreed", agreed)
    return seen


@pytest.mark.parametrize("box", [(290, 190, 350, 250), (100, 50, 500, 350)])
def test_what_looks_agree_on_is_where_the_answer_starts(monkeypatch: pytest.MonkeyPatch, box: Box) -> None:
    seen = looking_around(monkeypatch, box)
    window, prompt, _ = first_look(SMALL, source(), 7, click(320, 220))
    assert len(seen) == 1
    assert prompt.guess is not None
    assert prompt.guess.shape == (SIZE // 4, SIZE // 4)
    place = window or Window(0, 0, *PLATE)
    cell = max(place.width, place.height) / (SIZE // 4)
    assert place.box_of(prompt.guess) == pytest.approx(box, abs=cell + 10)
    assert (window is None) == (box[0] == 100)


def test_looks_go_on_where_the_object_is_much_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = looking_around(monkeypatch, (312, 212, 328, 228))
    window, *_ = first_look(SMALL, source(), 7, click(320, 220))
    assert len(seen) == 2
    assert seen[1][0].longest < seen[0][-1].longest
    assert window is not None
    assert window.longest <= seen[1][0].longest


def test_what_is_not_found_is_asked_on_the_whole_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    looking_around(monkeypatch, (-9, -9, -1, -1))
    assert first_look(SMALL, source(), 7, click(320, 200)) == (None, click(320, 200), SIZE)


def test_only_positive_clicks_are_looked_around(monkeypatch: pytest.MonkeyPatch) -> None:
    around = looking_around(monkeypatch, (290, 190, 350, 250))
    scene(monkeypatch, (290, 190, 350, 250))
    first_look(SMALL, source(), 7, FramePrompt(points=((320, 220, False),)))
    first_look(SMALL, source(), 7, FramePrompt(box=(290, 190, 350, 250)))
    assert not around


def test_a_thin_mask_is_shown_in_a_larger_picture_even_of_the_whole_plate() -> None:
    mask = np.zeros((PLATE[1], PLATE[0]), bool)
    mask[195:205, 20:620] = True
    whole = Window(0, 0, *PLATE)
    assert first_look(FINE, source(), 7, FramePrompt(mask=mask)) == (whole, FramePrompt(mask=mask), 2 * SIZE)
    mask[50:350, 20:620] = True
    assert first_look(FINE, source(), 7, FramePrompt(mask=mask))[::2] == (None, SIZE)


@pytest.mark.parametrize("prompt", [click(320, 200), FramePrompt(box=(20, 190, 620, 210))])
def test_what_is_answered_thinly_is_answered_anew_from_there(
    monkeypatch: pytest.MonkeyPatch, prompt: FramePrompt
) -> None:
    seen = scene(monkeypatch, (20, 150, 620, 210))
    window, said, side = first_look(FINE, source(), 7, prompt)
    assert (window, side) == (Window(0, 0, *PLATE), 2 * SIZE)
    assert said.guess is not None
    assert said.guess.shape == (SIZE // 2, SIZE // 2)
    assert window is not None
    assert window.box_of(said.guess) == pytest.approx((20, 150, 620, 210), abs=40)
    assert set(seen) == {window}


def test_a_thick_thing_in_a_box_is_answered_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    scene(monkeypatch, (100, 50, 540, 350))
    assert first_look(FINE, source(), 7, FramePrompt(box=(100, 50, 540, 350)))[::2] == (None, SIZE)
    assert first_look(FINE, source(), 7, FramePrompt(box=(100, 50, 540, 350))).prompt.guess is None


def test_a_click_starts_from_its_own_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    scene(monkeypatch, (100, 50, 540, 350))
    window, said, side = first_look(FINE, source(), 7, click(320, 200))
    assert (window, side) == (None, SIZE)
    assert said.guess is not None
    assert Window(0, 0, *PLATE).box_of(said.guess) == pytest.approx((100, 50, 540, 350), abs=40)
