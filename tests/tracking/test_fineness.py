"""How thick things are, and how large the picture that they need."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from sam2_roto.model import CONFIGS
from sam2_roto.tracking.fineness import THICK, Coverage, covered, side_for, thickness

LARGE = 1920  # pixels of the plate, more than any picture shows
NANO, TINY = CONFIGS["nano"], CONFIGS["sam2.1_hiera_tiny"]


def strip(width: float, cells: int = 96) -> Coverage:
    """A long strip of so many cells of width, drawn in fine pixels."""
    fine = np.zeros((cells * 10, cells * 10), bool)
    start = fine.shape[0] // 2
    fine[start : start + round(width * 10), :] = True
    return covered(fine, cells)


@pytest.mark.parametrize("width", [2.0, 4.5, 12.0])
def test_a_strip_is_as_thick_as_it_is_wide(width: float) -> None:
    assert thickness(strip(width)) == pytest.approx(width, rel=0.15)


def test_a_disc_is_as_thick_as_its_radius() -> None:
    fine = np.zeros((960, 960), np.uint8)
    cv2.circle(fine, (480, 480), 200, 1, -1)
    assert thickness(covered(fine > 0, 96)) == pytest.approx(20, rel=0.15)


def test_soft_edges_do_not_make_it_thinner() -> None:
    hard = strip(12.0)
    assert thickness(cv2.GaussianBlur(hard, (9, 9), 2.0)) == pytest.approx(thickness(hard), rel=0.1)


def test_thinner_things_get_larger_pictures() -> None:
    sides = [side_for(strip(width), LARGE, NANO) for width in (1.0, 3.5, 4.5, 2 * THICK)]
    assert sides == sorted(sides, reverse=True)
    assert sides[0] == NANO.finest_size
    assert sides[-1] == NANO.image_size
    assert len(set(sides)) == 4
    assert not any(side % 32 for side in sides)


def test_an_answer_in_a_larger_picture_asks_for_the_same() -> None:
    assert side_for(strip(5.0, 120), LARGE, NANO) == side_for(strip(4.0), LARGE, NANO)


def test_nothing_and_other_networks_need_no_larger_picture() -> None:
    assert side_for(np.zeros((96, 96), np.float32), LARGE, NANO) == NANO.image_size
    assert side_for(strip(1.0), LARGE, TINY) == TINY.image_size
    assert side_for(strip(1.0), LARGE, NANO.with_image_size(256)) == 256
    assert side_for(strip(1.0), LARGE, replace(NANO, finest_size=0)) == NANO.image_size


def test_a_picture_is_no_larger_than_what_the_plate_has_to_show() -> None:
    assert [side_for(strip(1.0), shown, NANO) for shown in (136, 192, 272, 320)] == [384, 384, 544, 640]
