"""Several objects: what they cover never adds up to more than 1."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sam2_roto.mattes import without_overlap


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=2, max_size=5))
def test_sums_are_one_at_most_and_nothing_grows(values: list[list[float]]) -> None:
    alphas = torch.tensor(values)[..., None]
    apart = without_overlap(alphas)
    assert apart.sum(0).max() <= 1 + 1e-6
    assert apart.min() >= 0
    assert (apart <= alphas + 1e-6).all()


def test_what_does_not_overlap_is_left_alone() -> None:
    alphas = torch.tensor([0.3, 0.0, 1.0, 0.7, 0.2, 0.0]).view(2, 1, 3)
    assert torch.equal(without_overlap(alphas), alphas)


@pytest.mark.parametrize(("pair", "expected"), [((1.0, 1.0), (0.5, 0.5)), ((1.0, 0.5), (1.0, 0.0))])
def test_the_sure_one_keeps_its_pixel(pair: tuple[float, float], expected: tuple[float, float]) -> None:
    apart = without_overlap(torch.tensor(pair).view(2, 1, 1)).flatten()
    assert apart.tolist() == pytest.approx(expected, abs=0.01)


def test_one_object_is_left_alone() -> None:
    alone = torch.ones(1, 4, 4)
    assert without_overlap(alone) is alone
