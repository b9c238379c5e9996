"""Simulated prompts: where they lie, and that a seed decides them."""

from __future__ import annotations

import pytest
import torch

from sam2_roto.training.config import Prompting
from sam2_roto.training.plan import MASK, draw_plan
from sam2_roto.training.prompts import (
    bounding_box,
    central_pixel,
    corrective_click,
    depth,
    first_click,
    noisy_box,
    random_pixel,
)

SIZE = 64


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def masks() -> torch.Tensor:
    """A disc, a thin line, a ring and nothing: bool [4, 64, 64]."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    radius = ((x - 20) ** 2 + (y - 40) ** 2).sqrt()
    line = (y == 10) & (x > 5) & (x < 50)
    return torch.stack([radius < 15, line, (radius < 18) & (radius > 12), torch.zeros_like(line)])


def inside(masks: torch.Tensor, coords: torch.Tensor) -> list[bool]:
    columns, rows = coords.long().unbind(1)
    return [bool(found) for found in masks[torch.arange(len(masks)), rows, columns]]


@pytest.mark.parametrize("seed", range(5))
def test_pixels_are_drawn_inside(masks: torch.Tensor, seed: int) -> None:
    assert inside(masks[:3], random_pixel(masks[:3], generator(seed))) == [True] * 3
    assert inside(masks[:3], central_pixel(masks[:3], generator(seed))) == [True] * 3


def test_random_pixels_reach_the_whole_region(masks: torch.Tensor) -> None:
    many = random_pixel(masks[:1].expand(12000, -1, -1), generator())
    assert len(many.unique(dim=0)) == int(masks[0].sum())


def test_the_deepest_pixel_of_a_disc_is_its_centre(masks: torch.Tensor) -> None:
    centre = central_pixel(masks[:1], generator())[0]
    assert (centre - torch.tensor([20.0, 40.0])).norm() < 6.0
    assert depth(masks[:1]).max() == pytest.approx(15 / 4, abs=1.3)


def test_first_click_is_positive_inside_and_negative_where_nothing_is(masks: torch.Tensor) -> None:
    click = first_click(masks, generator(1))
    assert click.labels[:, 0].tolist() == [1, 1, 1, 0]
    assert inside(masks[:3], click.coords[:3, 0]) == [True] * 3


def test_boxes_stay_near_the_object_and_inside_the_picture(masks: torch.Tensor) -> None:
    assert bounding_box(masks[:2]).tolist() == [[6.0, 26.0, 34.0, 54.0], [6.0, 10.0, 49.0, 10.0]]
    box = noisy_box(masks, generator(2))
    assert box.labels.tolist() == [[2, 3], [2, 3], [2, 3], [0, -1]]
    moved = (box.coords[:2].flatten(1) - bounding_box(masks[:2])).abs()
    assert moved.max() <= SIZE * 20 / 1024
    assert moved[1, 1] == moved[1, 3] == 0.0
    assert box.coords.min() >= 0
    assert box.coords.max() <= SIZE - 1


@pytest.mark.parametrize("seed", range(5))
def test_corrections_say_what_is_wrong(masks: torch.Tensor, seed: int) -> None:
    disc, nothing = masks[:1], masks[3:]
    missed = corrective_click(disc, nothing, generator(seed), truth_share=0.0)
    assert missed.labels.item() == 1
    assert inside(disc, missed.coords[:, 0]) == [True]
    extra = corrective_click(nothing, disc, generator(seed), truth_share=0.0)
    assert extra.labels.item() == 0
    assert inside(disc, extra.coords[:, 0]) == [True]
    perfect = corrective_click(disc, disc, generator(seed), truth_share=0.0)
    assert perfect.labels.item() == 0
    assert inside(disc, perfect.coords[:, 0]) == [False]


def test_a_seed_decides_every_prompt(masks: torch.Tensor) -> None:
    for draw in (first_click, noisy_box):
        once, again, other = (draw(masks, generator(seed)) for seed in (3, 3, 4))
        assert torch.equal(once.coords, again.coords)
        assert not torch.equal(once.coords, other.coords)


def test_plans_follow_the_published_shares() -> None:
    plans = [draw_plan(8, 8, Prompting(), generator(seed)) for seed in range(300)]
    kinds = torch.cat([plan.kinds for plan in plans])
    assert (kinds == MASK).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert all(plan.prompted[0] == 0 and len(set(plan.prompted)) in (1, 2) for plan in plans)
    assert {len(plan.corrected) for plan in plans} == {1, 2}
    assert all(sorted(plan.order(8)) == list(range(8)) for plan in plans)
