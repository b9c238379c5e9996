"""Holes and islands: small ones go, with their soft edges, and a size that wavers decides nothing by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from sam2_roto.mattes import Clean
from sam2_roto.mattes.scene import Moment, Scene


def matte(island: int = 0, hole: int = 0) -> Tensor:
    """A square with an island and a hole of so many pixels' side."""
    alpha = torch.zeros(80, 120)
    alpha[10:60, 20:80] = 1
    if island:
        alpha[20 : 20 + island, 95 : 95 + island] = 1
    if hole:
        alpha[30 : 30 + hole, 40 : 40 + hole] = 0
    return alpha


def over(sizes: list[int], now: int) -> Scene:
    return Scene([Moment(k, matte(size)) for k, size in enumerate(sizes)], now)


def test_small_ones_go_and_large_ones_stay() -> None:
    assert torch.equal(Clean(holes=20, islands=20).apply(matte(4, 4)), matte())
    assert torch.equal(Clean(holes=10, islands=10).apply(matte(4, 4)), matte(4, 4))


def test_soft_edges_go_with_them() -> None:
    alpha = matte(4)
    alpha[19, 95:99] = 0.3
    assert torch.equal(Clean(islands=20).apply(alpha), matte())


def test_one_frame_changes_nothing() -> None:
    """An island that flickers up on one frame goes; one that shrinks on one frame stays."""
    flicker, shrink = over([0, 0, 6, 0, 0], 2), over([6, 6, 3, 6, 6], 2)
    step = Clean(islands=20)
    assert torch.equal(step.apply(matte(6), flicker), matte())
    assert torch.equal(step.apply(matte(3), shrink), matte(3))


def test_what_opens_to_the_border_is_no_hole() -> None:
    alpha = torch.ones(40, 40)
    alpha[:5, 10:13] = 0
    assert torch.equal(Clean(holes=500).apply(alpha), alpha)


def test_the_largest_island_stays_however_small() -> None:
    alpha = torch.zeros(40, 40)
    alpha[5:8, 5:8] = 1
    assert torch.equal(Clean(islands=1000).apply(alpha), alpha)


def test_batches() -> None:
    both = torch.stack([matte(4), matte(0, 4)])
    assert torch.equal(Clean(20, 20).apply(both), torch.stack([matte(), matte()]))
