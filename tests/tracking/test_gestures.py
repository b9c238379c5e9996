"""Boxes, strokes and lassos as prompts."""

from __future__ import annotations

import numpy as np
import pytest

from sam2_roto.errors import PromptError
from sam2_roto.tracking.gestures import box_prompt, lasso_prompt, stroke_prompt


def test_a_box_may_be_drawn_from_any_corner() -> None:
    assert box_prompt((30, 40), (10, 5)).box == (10, 5, 30, 40)
    assert box_prompt((10, 40), (30, 5)).box == (10, 5, 30, 40)
    with pytest.raises(PromptError, match="one line"):
        box_prompt((10, 5), (10, 50))


def test_clicks_lie_on_the_stroke_and_apart() -> None:
    prompt = stroke_prompt([([(0, 10), (100, 10)], True), ([(50, 60)], False)], most=5)
    positive = sorted(x for x, y, kind in prompt.points if kind and y == 10)
    assert len(positive) == 5
    assert positive[0] == 0
    assert positive[-1] == 100
    assert min(np.diff(positive)) > 15
    assert [point for point in prompt.points if not point[2]] == [(50, 60, False)]


def test_a_dab_is_one_click() -> None:
    assert stroke_prompt([([(7, 8), (7.2, 8.1)], True)]).points[0][2]
    assert len(stroke_prompt([([(7, 8)], True)]).points) == 1
    with pytest.raises(PromptError, match="at least one point"):
        stroke_prompt([])


def test_a_lasso_is_a_mask() -> None:
    prompt = lasso_prompt([(10, 10), (30, 10), (30, 20), (10, 20)], 64, 48)
    assert prompt.mask is not None
    assert prompt.mask.shape == (48, 64)
    assert prompt.mask[15, 20]
    assert not prompt.mask[15, 40]
    assert 200 <= prompt.mask.sum() <= 231
    with pytest.raises(PromptError, match="no pixel"):
        lasso_prompt([(10, 10), (30, 10)], 64, 48)
