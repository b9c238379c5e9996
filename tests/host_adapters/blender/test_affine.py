"""Places in viewers, without Blender."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_adapters.blender.extension.affine import Affine, Place, StripFrame, backdrop, clip_view, mask_place

NUMBERS = st.floats(-500, 500)
SCALES = st.floats(0.2, 4)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, SCALES, SCALES, st.floats(-3, 3), st.booleans(), st.booleans())
def test_the_way_back_ends_where_it_began(
    x: float, y: float, right: float, up: float, wide: float, high: float, turn: float, mirror: bool, upset: bool
) -> None:
    frame = StripFrame(640, 360, (right, up), (wide, high), turn, (0.2, 0.7), (mirror, upset))
    way = frame.plate_to_view()
    assert way.inverse()(*way(x, y)) == pytest.approx((x, y), abs=1e-6)


def test_a_strip_that_is_left_alone_lies_in_the_middle() -> None:
    way = StripFrame(640, 360).plate_to_view()
    assert way(0, 0) == (-320, 180)
    assert way(320, 180) == (0, 0)
    assert way(640, 360) == (320, -180)


def test_the_clip_editor_counts_from_the_lower_left_corner() -> None:
    way = clip_view(640, 360)
    assert way(0, 360) == pytest.approx((0, 0))
    assert way(640, 0) == pytest.approx((1, 1))


def test_the_backdrop_lies_about_the_middle_of_the_region() -> None:
    way = backdrop((1000, 600), 0.5, (10, -20), (640, 360), (1280, 720))
    assert way(640, 360) == pytest.approx((510, 280))
    assert way(1280, 0) == pytest.approx((510 + 160, 280 + 90))


def test_a_view_is_measured_at_three_places() -> None:
    way = Affine.through(Place(5, 6), Place(25, 6), Place(5, -4), span=10)
    assert way(1, 1) == pytest.approx((7, 5))


def test_maps_are_done_one_after_the_other() -> None:
    grown, moved = Affine(a=2, e=3), Affine(c=5, f=7)
    assert grown.then(moved)(1, 1) == pytest.approx((7, 10))
    assert moved.then(grown)(1, 1) == pytest.approx((12, 24))


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1080, 1920)])
def test_masks_measure_by_the_longer_side(width: int, height: int) -> None:
    assert mask_place(width / 2, height / 2, width, height) == (0.5, 0.5)
    corner = mask_place(0, 0, width, height)
    assert corner == pytest.approx((0.5 - width / 3840, 0.5 + height / 3840))
    assert math.isclose(max(abs(corner.x - 0.5), abs(corner.y - 0.5)), 0.5)
