"""What several looks at a click agree on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sam2_roto.loading import load_model
from sam2_roto.model import CONFIGS, SAM2
from sam2_roto.tracking import FramePrompt
from sam2_roto.tracking.consensus import LOOKS, agreed, consensus, glimpses, windows_about
from sam2_roto.tracking.window import Window

PLATE, SIDE = (640, 400), 64
WHOLE = Window(0, 0, *PLATE)


def square(start: int, stop: int, sure: float = 8.0) -> Tensor:
    """Logits of a square on a grid of 32 cells."""
    cells = torch.arange(32)
    inside = (cells >= start) & (cells < stop)
    return torch.where(inside[None] & inside[:, None], sure, -sure)


def said(*points: tuple[float, float, bool]) -> FramePrompt:
    return FramePrompt(points=points)


def test_windows_are_about_the_click_and_smaller_from_look_to_look() -> None:
    windows = windows_about(said((500, 300, True)), WHOLE, PLATE, SIDE)
    assert windows[0] == WHOLE
    assert len(windows) == LOOKS
    sizes = [window.longest for window in windows]
    assert sizes == pytest.approx([640 * 2 ** (-step / 2) for step in range(LOOKS)], abs=1)
    assert all(window.shows(500, 300, PLATE) for window in windows)
    assert all(window.x + window.width <= 640 and window.y + window.height <= 400 for window in windows)


def test_windows_hold_all_positive_clicks_and_need_not_hold_the_others() -> None:
    wide = windows_about(said((100, 200, True), (540, 200, True)), WHOLE, PLATE, SIDE)
    assert wide == [WHOLE]
    far = windows_about(said((300, 200, True), (20, 20, False)), WHOLE, PLATE, SIDE)
    assert len(far) == LOOKS


def test_the_mask_is_taken_that_the_others_agree_with() -> None:
    alone, alike = square(0, 30), [square(8, 20), square(8, 21), square(9, 20)]
    logits = torch.stack([torch.stack([look]) for look in (alone, *alike)])
    mask = consensus(logits, torch.tensor([[0.9], [0.8], [0.8], [0.8]])) > 0
    assert torch.equal(mask, square(8, 20) > 0)


def test_the_surer_of_two_masks_is_taken_where_no_other_says_more() -> None:
    logits = torch.stack([square(2, 10), square(15, 30)])[None]
    assert torch.equal(consensus(logits, torch.tensor([[0.9, 0.3]])), logits[0, 0])
    assert torch.equal(consensus(logits, torch.tensor([[0.3, 0.9]])), logits[0, 1])


def test_each_look_gives_its_nearest_mask_and_empty_ones_are_no_majority() -> None:
    empty = torch.full((32, 32), -8.0)
    logits = torch.stack([torch.stack([square(8, 20), empty]), torch.stack([empty, square(8, 20)])])
    found = consensus(logits, torch.full((2, 2), 0.5))
    assert torch.equal(found > 0, square(8, 20) > 0)


@pytest.fixture(scope="module")
def nano() -> SAM2:
    return load_model("nano", device="cpu")


def test_looks_find_a_disc_where_it_is(nano: SAM2) -> None:
    rows, columns = np.ogrid[:360, :640]
    disc = (rows - 200) ** 2 + (columns - 420) ** 2 < 40**2
    view = np.full((360, 640, 3), (70, 90, 60), np.uint8)
    view[disc] = (220, 60, 40)
    whole = Window(0, 0, 640, 360)
    prompt = said((420, 200, True))
    windows = windows_about(prompt, whole, (640, 360), nano.config.image_size)
    logits = agreed(nano, glimpses(nano, view, windows), prompt, windows, (640, 360))
    found = whole.box_of(logits)
    assert found == pytest.approx((380, 160, 460, 240), abs=8)
    assert logits.min() >= -10
    assert nano.config.image_size == 384  # the small twin is another network


def test_looks_follow_weights_that_change(nano: SAM2) -> None:
    view = np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8)
    prompt, windows = said((48, 48, True)), [Window(0, 0, 96, 96)]

    def found() -> Tensor:
        return agreed(nano, glimpses(nano, view, windows), prompt, windows, (96, 96))

    before = found()
    kept = nano.no_mem_embed.detach().clone()
    with torch.no_grad():
        nano.no_mem_embed += 1
    try:
        assert not torch.equal(found(), before)
    finally:
        nano.no_mem_embed.copy_(kept)
    assert torch.equal(found(), before)


def test_published_models_do_not_look_around() -> None:
    assert [name for name, config in CONFIGS.items() if config.looks_around] == ["nano"]
