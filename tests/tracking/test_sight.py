"""What was seen through one window, as it lies in another."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sam2_roto.tracking import ObjectFrame
from sam2_roto.tracking.sight import Sight
from sam2_roto.tracking.window import OUTSIDE, Window, reaching

PLATE, SIDE, CELLS = (320, 200), 64, 16
HERE = Window(64, 40, 64, 64)


def sight(logits: Tensor, window: Window | None = HERE) -> Sight:
    return Sight(ObjectFrame(logits, 5.0, 0.8, torch.zeros(4), prompted=False), window)


def square(left: int, top: int, size: int = 5) -> Tensor:
    """Logits ``[16, 16]`` of a square, in cells."""
    logits = torch.full((CELLS, CELLS), -8.0)
    logits[top : top + size, left : left + size] = 8.0
    return logits


def test_the_same_window_shows_the_same_bits() -> None:
    seen = sight(torch.randn(CELLS, CELLS))
    assert seen.through(HERE, CELLS, PLATE) is seen.result
    whole = sight(torch.randn(CELLS, CELLS), None)
    assert whole.through(None, CELLS, PLATE) is whole.result
    assert whole.on_plate(PLATE) is whole.result


def test_windows_that_lie_on_cells_show_the_same_values() -> None:
    logits = torch.randn(CELLS, CELLS)
    moved = sight(logits).through(HERE._replace(x=HERE.x + 12, y=HERE.y - 8), CELLS, PLATE).logits
    assert torch.allclose(moved[2:, :-3], logits[:-2, 3:], atol=1e-5)
    assert (moved[:2] == OUTSIDE).all()
    assert (moved[:, -3:] == OUTSIDE).all()


@pytest.mark.parametrize("window", [None, Window(32, 0, 181, 181), Window(72, 48, 45, 45)])
def test_a_mask_keeps_its_place_and_its_size(window: Window | None) -> None:
    seen = sight(square(5, 5, 6), Window(60, 40, 64, 64))
    found = seen.through(window, CELLS, PLATE).logits > 0
    place = window or Window(0, 0, *PLATE)
    rows, columns = (found.any(dim).nonzero().flatten() for dim in (1, 0))
    width, height = place.width / CELLS, place.height / CELLS
    left, right = place.x + int(columns[0]) * width, place.x + (int(columns[-1]) + 1) * width
    assert abs(left - 80) <= width
    assert abs(right - 104) <= width
    assert abs(place.y + int(rows[0]) * height - 60) <= height


def test_what_is_seen_of_a_network_of_another_size_is_resampled() -> None:
    smaller = sight(square(4, 4), None).through(None, 24, PLATE).logits
    assert smaller.shape == (24, 24)
    assert torch.equal((smaller > 0).nonzero().float().mean(0), torch.tensor([9.0, 9.0]))


def test_clicks_well_inside_keep_the_window() -> None:
    assert reaching(HERE, [(96, 72)], PLATE, SIDE) == HERE
    corner = Window(0, 0, 64, 64)
    assert reaching(corner, [(0, 0)], PLATE, SIDE) == corner  # the plate ends there
    assert reaching(corner, [(63, 30)], PLATE, SIDE) != corner


def test_clicks_elsewhere_take_the_window_along_and_make_it_no_larger_than_need_be() -> None:
    moved = reaching(HERE, [(220, 150)], PLATE, SIDE)
    assert moved is not None
    assert (moved.width, moved.height) == (64, 64)
    assert moved.shows(220, 150, PLATE)
    both = reaching(HERE, [(100, 70), (190, 70)], PLATE, SIDE)
    assert both is not None
    assert both.width == 128
    assert reaching(HERE, [(2, 2), (318, 198)], PLATE, SIDE) is None
