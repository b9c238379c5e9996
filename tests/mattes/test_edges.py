"""Distance, choke and feather: widths exact to a quarter of a pixel on half planes and discs."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sam2_roto.mattes import choke, feather, signed_distance
from sam2_roto.mattes.edges import reshape_edge

QUARTER = 0.25


def grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return x, y


def half_plane(angle: float, offset: float, height: int = 160, width: int = 220) -> Tensor:
    """True signed distance to a straight edge through the middle, turned by ``angle`` degrees."""
    x, y = grid(height, width)
    a = math.radians(angle)
    return (x - width / 2) * math.cos(a) + (y - height / 2) * math.sin(a) + offset


def disc(radius: float, height: int = 160, width: int = 220) -> Tensor:
    x, y = grid(height, width)
    return radius - torch.hypot(x - width / 2 - 0.3, y - height / 2 + 0.2)


def coverage(distance: Tensor) -> Tensor:
    return (distance + 0.5).clamp(0, 1)


def away_from_border(distance: Tensor, margin: int) -> Tensor:
    """Pixels whose nearest edge point is inside the picture."""
    inside = torch.zeros_like(distance, dtype=torch.bool)
    inside[margin:-margin, margin:-margin] = True
    return inside


@pytest.mark.parametrize("angle", [0, 7, 30, 45, 62, 90, 133])
@pytest.mark.parametrize("offset", [0.0, 0.3, 0.5])
def test_distance_to_a_half_plane(angle: float, offset: float) -> None:
    truth = half_plane(angle, offset)
    error = (signed_distance(coverage(truth), 20) - truth).abs()
    near = (truth.abs() < 20) & away_from_border(truth, 25)
    assert error[near].max() < QUARTER


@pytest.mark.parametrize("radius", [4.0, 12.3, 50.7])
def test_distance_to_a_disc(radius: float) -> None:
    truth = disc(radius)
    error = (signed_distance(coverage(truth), 25) - truth).abs()
    assert error[truth.abs() < 25].max() < QUARTER


def test_distance_beyond_reach_says_so() -> None:
    truth = disc(60)
    distance = signed_distance(coverage(truth), 10)
    assert distance[truth > 13].min() >= 10
    assert distance[truth < -13].max() <= -10


@pytest.mark.parametrize("truth", [half_plane(0, 0.3), half_plane(33, 0.0), disc(40.0)])
@pytest.mark.parametrize(("inner", "outer"), [(6.0, 0.0), (0.0, 6.0), (3.0, 3.0), (10.0, 4.0)])
def test_feather_reaches_zero_and_one_where_it_says(truth: Tensor, inner: float, outer: float) -> None:
    soft = feather(coverage(truth), inner, outer)
    inside = away_from_border(truth, 20)
    assert (soft[inside & (truth > inner + QUARTER)] == 1).all()
    assert (soft[inside & (truth < -outer - QUARTER)] == 0).all()
    expected = ((truth + outer) / (inner + outer)).clamp(0, 1)
    assert (soft - expected)[inside].abs().max() * (inner + outer) < QUARTER


@pytest.mark.parametrize("truth", [half_plane(0, 0.3), half_plane(58, 0.2), disc(40.0)])
@pytest.mark.parametrize("pixels", [-5.0, -0.4, 0.6, 8.0])
def test_choke_moves_the_edge_by_its_pixels(truth: Tensor, pixels: float) -> None:
    moved = choke(coverage(truth), pixels)
    inside = away_from_border(truth, 20)
    assert (moved - coverage(truth - pixels))[inside].abs().max() < QUARTER


def test_matte_at_the_border_stays_one_up_to_it() -> None:
    truth = half_plane(90, 0.0)
    soft = feather(coverage(truth), 8, 8)
    assert (soft[-1] == 1).all()
    assert (soft[0] == 0).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_matte_without_an_edge_is_left_alone(value: float) -> None:
    flat = torch.full((2, 30, 40), value)
    assert torch.equal(reshape_edge(flat, choke=3, inner=4, outer=4), flat)


def test_edge_in_rows_alone_is_seen() -> None:
    alpha = torch.zeros(40, 30)
    alpha[20:] = 1
    soft = feather(alpha, 4, 4)
    assert soft[20, 0] == pytest.approx(0.5 + 0.5 / 8, abs=0.02)
    assert torch.equal(soft[:, 0], soft[:, 29])


def test_smooth_profile_keeps_both_ends() -> None:
    truth = half_plane(0, 0.0)
    linear, smooth = (feather(coverage(truth), 8, 8, profile=name) for name in ("linear", "smooth"))
    assert torch.equal(linear == 0, smooth == 0)
    assert torch.equal(linear == 1, smooth == 1)
    assert (smooth - (3 * linear**2 - 2 * linear**3)).abs().max() < 1e-6


def test_negative_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        feather(torch.zeros(4, 4), -1, 2)
    with pytest.raises(ValueError, match="positive"):
        signed_distance(torch.zeros(4, 4), 0)
