"""Strokes as prompts."""

from __future__ import annotations

import numpy as np
import pytest

from sam2_roto.errors import PromptError
from sam2_roto.tracking.gestures import stroke_prompt


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
