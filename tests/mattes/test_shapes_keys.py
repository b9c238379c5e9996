"""Key frames chosen for a shape's motion, and keys solved for over all frames."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from sam2_roto.mattes.shapes import Points, fill, polyline
from sam2_roto.mattes.shapes_keys import KeyPlan, Ways, ways
from sam2_roto.mattes.shapes_outlines import outlines
from sam2_roto.mattes.shapes_solve import blending, solved, target

Array = NDArray[np.float64]


def oval(x: float, y: float, wide: float, tall: float, count: int = 12, turn: float = 0.0) -> Points:
    """An ellipse of Bézier points about x, y, its first point ``turn`` radians round."""
    angle = np.arange(count) * 2 * np.pi / count + turn
    reach = 4 / 3 * np.tan(np.pi / 2 / count)
    place = np.stack([x + wide * np.cos(angle), y + tall * np.sin(angle)], axis=1)
    along = reach * np.stack([-wide * np.sin(angle), tall * np.cos(angle)], axis=1)
    return np.stack([place - along, place, place + along], axis=1)


def moving(centres: Array) -> Ways:
    return ways(0, np.stack([oval(x, 50, 20, 12) for x in centres]))


def test_keys_lie_where_the_motion_bends() -> None:
    centres = np.interp(np.arange(31), [0, 9, 20, 30], [40, 90, 30, 60])
    plan = KeyPlan([moving(centres)], 31, [0, 30])
    assert plan.keys(3) == [0, 9, 20, 30]
    assert plan.cost(3) == pytest.approx(0, abs=1e-9)
    assert plan.fewest(0.01) == 3
    assert plan.cost(2) > 1


def test_no_other_choice_of_keys_is_better() -> None:
    centres = 50 + 12 * np.sin(np.arange(12) * 0.9) + np.arange(12)
    shape = moving(centres)
    plan = KeyPlan([shape], 12, [0, 11])

    def worst(keys: tuple[int, ...]) -> float:
        return max(KeyPlan([shape], 12, pair).cost(1) for pair in pairwise(keys))

    assert plan.cost(4) == pytest.approx(min(worst((0, *inner, 11)) for inner in combinations(range(1, 11), 3)))
    assert worst(tuple(plan.keys(4))) == pytest.approx(plan.cost(4))


def test_needed_frames_are_keys() -> None:
    plan = KeyPlan([moving(np.arange(20.0))], 20, [0, 7, 8, 19])
    assert plan.fewest(np.inf) == 3
    assert plan.keys(3) == [0, 7, 8, 19]
    with pytest.raises(ValueError, match="2 spans"):
        plan.keys(2)


def test_sliding_along_the_edge_costs_little() -> None:
    turning = np.stack([oval(50, 50, 20, 20, 48, turn=0.002 * frame**2) for frame in range(12)])
    drifting = np.stack([oval(50 + 0.04 * frame**2, 50, 20, 20, 48) for frame in range(12)])
    slid, moved = (KeyPlan([ways(0, points)], 12, [0, 11]).cost(1) for points in (turning, drifting))
    assert slid < 0.3 * moved  # not nothing, as the edge is bent


def test_keys_are_solved_for_over_all_frames() -> None:
    """A swing between two keys is met halfway, and on every frame better than by keys from their own frames."""
    frames = np.arange(9)
    centres = 60 + 3 * np.sin(np.pi * frames / 8)
    goals = [target(outlines(fill([(polyline(oval(x, 50, 30, 20)), False)], (0, 0, 120, 100)))[0]) for x in centres]
    blend = blending(range(9), [0, 8])
    start = np.stack([oval(60, 50, 30, 20)] * 2)
    _, before = solved(start, blend, goals, 0)
    keys, after = solved(start, blend, goals, 16)
    assert before.max() > 1.4  # 3 px sideways at the middle, half of that across the edge
    assert after.max() < 0.65 * before.max()
    ends = polyline(keys[0])[:, 0]
    assert (ends.min() + ends.max()) / 2 - 60 == pytest.approx(1.5, abs=0.5)


def test_solving_finds_a_shape_from_aside() -> None:
    mask = fill([(polyline(oval(60, 50, 30, 20)), False)], (0, 0, 120, 100))
    keys, apart = solved(oval(64, 47, 27, 23)[None], np.ones((1, 1)), [target(outlines(mask)[0])], 12)
    assert apart.max() < 0.1
    assert np.abs(fill([(polyline(keys[0]), False)], (0, 0, 120, 100)) - mask).sum() < 0.01 * mask.sum()


def test_blending_is_a_straight_line() -> None:
    np.testing.assert_allclose(blending([2, 3, 4, 6], [2, 4, 6]), [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(blending([5], [5]), [[1]])
