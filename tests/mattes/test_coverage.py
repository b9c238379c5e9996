"""Fractions of coverage: kept where the logits say them, and no softness where a sharp edge explains the logits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sam2_roto.mattes import alpha_from_logits, fractional_alpha
from sam2_roto.mattes.coverage import confidence_gain, coverage_from_logits


def reduced(alpha: Tensor, cells: int) -> Tensor:
    """Log-odds of the mean over each cell."""
    small = torch.nn.functional.interpolate(alpha[None, None], size=(cells, cells), mode="area")[0, 0]
    return torch.logit(small, eps=1e-5).clamp(-10, 10)


def disc(size: tuple[int, int], radius: float) -> Tensor:
    y, x = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij")
    return (radius - torch.hypot(x - size[1] / 2 - 1.3, y - size[0] / 2 + 0.7) + 0.5).clamp(0, 1)


@pytest.mark.parametrize("size", [(192, 320), (200, 330)])
def test_half_transparent_things_stay_so(size: tuple[int, int]) -> None:
    truth = torch.maximum(0.6 * disc(size, 60), disc(size, 25))
    alpha = fractional_alpha(reduced(truth, 32), size)
    sharp = alpha_from_logits(reduced(truth, 32), size)
    assert alpha[size[0] // 2, size[1] // 2 + 42] == pytest.approx(0.6, abs=0.07)
    assert (alpha - truth).square().mean() < 0.25 * (sharp - truth).square().mean()


@pytest.mark.parametrize("size", [(192, 320), (200, 330)])
def test_a_sharp_disc_gets_no_softer(size: tuple[int, int]) -> None:
    truth = disc(size, 60)
    alpha = fractional_alpha(reduced(truth, 32), size)
    sharp = alpha_from_logits(reduced(truth, 32), size)
    assert (alpha - truth).square().mean() < 0.8 * (sharp - truth).square().mean()
    assert ((alpha > 0) & (alpha < 1)).sum() < 3 * 2 * 60 * 10


def test_means_over_cells_come_near_the_coverage() -> None:
    truth = 0.7 * disc((192, 320), 60)
    logits = reduced(truth, 32)
    errors = []
    for rounds in (0, 2, 8):
        alpha = fractional_alpha(logits, (192, 320), rounds=rounds)
        back = torch.nn.functional.interpolate(alpha[None, None], (32, 32), mode="area")[0, 0]
        errors.append(float((back - coverage_from_logits(logits)).abs().mean()))
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 0.6 * errors[1]


def test_doubt_far_outside_leaves_no_ghost() -> None:
    logits = torch.full((32, 32), -8.0)
    logits[8:24, 4:12] = 8.0
    logits[8:24, 12:28] = -0.5
    coverage = coverage_from_logits(logits)
    assert coverage[16, 12:14].min() > 0.3
    assert not coverage[:, 17:].any()


@pytest.mark.parametrize(("core", "expected"), [(12.0, 1.0), (3.0, 2.0), (0.1, 4.0)])
def test_gain_brings_the_core_to_what_is_sure(core: float, expected: float) -> None:
    logits = torch.full((16, 16), -8.0)
    logits[4:12, 4:12] = core
    assert confidence_gain(logits) == pytest.approx(expected)


def test_nothing_there_gives_nothing() -> None:
    assert confidence_gain(torch.full((8, 8), -1024.0)) == 1
    assert not fractional_alpha(torch.full((2, 8, 8), -1024.0), (30, 40)).any()


def test_batches_equal_single_mattes() -> None:
    logits = torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(2)) * 4
    together = fractional_alpha(logits, (50, 81))
    torch.testing.assert_close(together[1], fractional_alpha(logits[1], (50, 81)))


def test_an_object_at_the_border_stays_one_up_to_it() -> None:
    y = ((torch.arange(32) + 0.5) * 200 / 32)[:, None].expand(32, 32)
    alpha = fractional_alpha((y - 120) * 0.3, (200, 300))
    assert (alpha[140:] == 1).all()
    assert (alpha[:100] == 0).all()


def test_haze_apart_from_the_object_is_dropped_and_faint_parts_of_it_stay() -> None:
    logits = torch.full((32, 32), -9.0)
    logits[10:20, 10:20] = 9
    logits[12:14, 20:25] = -2.5  # a wisp that grows out of it
    logits[26:29, 2:9] = -2.5  # and haze that does not
    alpha = fractional_alpha(logits, (192, 320))
    assert not alpha[150:, :100].any()
    assert alpha[78, 230] > 0.03


def test_a_wide_soft_edge_has_no_line_along_its_middle() -> None:
    """Where coverage rises over many cells, the sharp contour that was started from must not show."""
    truth = ((torch.arange(320) + 0.5 - 130) / 60).clamp(0, 1).expand(192, 320).clone()
    alpha = fractional_alpha(reduced(truth, 32), (192, 320))
    assert (alpha[96].diff() > -0.01).all()
    assert (alpha - truth).abs().max() < 0.1
