"""Objects that move far for their size are found as wholes; what flow explains is left to it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from sam2_roto.tracking.leap import goes_on, leapt, measured

Array = npt.NDArray[Any]

SIDE, CELLS, WIDTH = 384, 48, 32


def _texture(seed: int, side: int, grain: int) -> Array:
    values = np.random.default_rng(seed).uniform(0, 255, (side // grain, side // grain)).astype(np.float32)
    return np.clip(cv2.resize(values, (side, side), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def _scene(x: int, y: int, turned: bool = False) -> Array:
    """A small square of its own texture, its corner at (x, y), before a background that keeps still."""
    picture, object_ = _texture(0, SIDE, 12), _texture(1, WIDTH, 4)
    picture[y : y + WIDTH, x : x + WIDTH] = object_[::-1] if turned else object_
    return picture


def _coverage(x: int, y: int) -> Array:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[y : y + WIDTH, x : x + WIDTH] = 1.0
    return cv2.resize(mask, (CELLS, CELLS), interpolation=cv2.INTER_AREA)


def _seen_at(here: Array, there: Array, guesses: tuple[tuple[float, float], ...] = ()) -> tuple[Array, Array]:
    """The square at (160, 160) of ``there``, carried along by flow alone, and by what was found."""
    flow = measured(here, there, quick=True)
    cover = cv2.resize(_coverage(160, 160), (SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)

    def carried(offsets: Array) -> Array:
        return np.asarray(cv2.remap(cover, columns + offsets[..., 0], rows + offsets[..., 1], cv2.INTER_LINEAR)) > 0.5

    return carried(flow.offsets), carried(leapt(here, there, flow, _coverage(160, 160), guesses).offsets)


def _iou(mask: Array, x: int, y: int) -> float:
    truth = np.zeros((SIDE, SIDE), bool)
    truth[y : y + WIDTH, x : x + WIDTH] = True
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.mark.parametrize(("x", "y"), [(200, 160), (128, 184), (160, 120)])
def test_a_square_that_moves_by_more_than_its_width_is_found(x: int, y: int) -> None:
    by_flow, found = _seen_at(_scene(x, y), _scene(160, 160))
    assert _iou(by_flow, x, y) < 0.5
    assert _iou(found, x, y) > 0.85


def test_one_beyond_reach_is_found_where_it_was_going() -> None:
    here, there = _scene(252, 160), _scene(160, 160)
    assert _iou(_seen_at(here, there)[1], 252, 160) < 0.1
    assert _iou(_seen_at(here, there, ((90 / SIDE, 2 / SIDE),))[1], 252, 160) > 0.75


def test_a_leap_over_the_border_leaves_nothing_behind() -> None:
    here = _texture(0, SIDE, 12)
    _, found = _seen_at(here, _scene(160, 160), ((2.0, 0.0), (-0.5, -0.5)))
    assert found.shape == here.shape


def test_what_flow_explains_is_left_to_it() -> None:
    here, there = _scene(163, 161), _scene(160, 160)
    flow = measured(here, there, quick=True)
    assert leapt(here, there, flow, _coverage(160, 160), [(0.3, 0.0)]) is flow


def test_no_mask_leaves_flow_as_it_is() -> None:
    flow = measured(_scene(160, 160), _scene(160, 160), quick=True)
    assert leapt(_scene(160, 160), _scene(160, 160), flow, np.zeros((CELLS, CELLS), np.float32)) is flow


def test_a_mask_goes_on_as_it_went() -> None:
    earlier, later = (torch.from_numpy(_coverage(x, y)) - 0.5 for x, y in ((160, 160), (176, 152)))
    assert goes_on(earlier, later) == [pytest.approx((16 / SIDE, -8 / SIDE))]
    assert goes_on(earlier, later, 3) == [pytest.approx((48 / SIDE, -24 / SIDE))]
    assert goes_on(earlier, torch.full_like(later, -1.0)) == []
