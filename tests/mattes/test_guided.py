"""The guided filter: edges go where the plate's are, flat plates average, and the ends are exact."""

from __future__ import annotations

import pytest
import torch

from sam2_roto.mattes import Picture, Refine, guided_filter
from sam2_roto.mattes.guided import weighted_filter
from sam2_roto.mattes.scene import Moment, Scene


def scene_of(offset: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A blue thing on orange, its true alpha, and a blurred matte that lies ``offset`` pixels beside it."""
    truth = torch.zeros(120, 160)
    truth[30:90, 50:110] = 1
    color = torch.tensor([[0.1, 0.2, 0.8], [0.9, 0.6, 0.2]])
    guide = color[0].view(3, 1, 1) * truth + color[1].view(3, 1, 1) * (1 - truth)
    noise = 0.02 * torch.randn(3, 120, 160, generator=torch.Generator().manual_seed(0))
    rough = torch.nn.functional.avg_pool2d(truth.roll(offset, 1)[None, None], 9, 1, 4)[0, 0]
    return truth, (guide + noise).clamp(0, 1), rough


@pytest.mark.parametrize("offset", [0, 2])
def test_edge_goes_to_the_plates(offset: int) -> None:
    truth, guide, rough = scene_of(offset)
    refined = guided_filter(rough, guide, 10, epsilon=1e-3)
    assert (refined - truth).square().mean() < 0.4 * (rough - truth).square().mean()


def test_what_a_few_pixels_surely_say_is_said_of_all() -> None:
    truth, guide, _ = scene_of(0)
    sure = torch.rand(truth.shape, generator=torch.Generator().manual_seed(1)) < 0.05
    said = torch.where(sure, truth, 0.0)  # the others say that there is nothing
    found = weighted_filter(said, guide, torch.where(sure, 1.0, 1e-3), 12, epsilon=1e-3)
    assert (found - truth).abs().max() < 0.25
    assert (found - truth).abs().mean() < 0.03
    blind = weighted_filter(said, guide, torch.ones_like(said), 12, epsilon=1e-3)
    assert blind.max() < 0.25


def test_far_from_the_edge_it_is_exact() -> None:
    truth, guide, rough = scene_of(0)
    refined = guided_filter(rough, guide, 8)
    assert (refined[52:68, 75:85] == 1).all()
    assert (refined[:8] == 0).all()
    assert refined.shape == truth.shape


def test_patterns_away_from_the_edge_leave_no_mark() -> None:
    _, guide, rough = scene_of(0)
    guide[:, 42:48, 62:68] = guide[:, 10:16, 10:16]  # an eye of the background's colour
    guide[:, 10:20, 60:90] = guide[:, 52:62, 60:90]  # and a patch of the object's outside
    alpha = ((rough - 0.02) / 0.96).clamp(0, 1)
    view = (255 * guide).permute(1, 2, 0).round().to(torch.uint8).numpy()
    plain = guided_filter(alpha, guide, 14)
    assert plain[45, 65] < 0.9
    assert plain[18, 75] > 0.1
    refined = Refine(14).apply(alpha, Scene((Moment(0, alpha, Picture(view), cell=2.0),), 0))
    assert (refined[42:48, 62:68] == 1).all()
    assert (refined[10:19, 60:90] == 0).all()


def test_a_flat_plate_has_no_edge_to_go_to() -> None:
    _, guide, rough = scene_of(0)
    refined = guided_filter(rough, torch.full_like(guide, 0.5), 4)
    assert (refined - rough).abs().max() < 0.3


def test_where_both_sides_have_one_pattern_the_matte_stays_as_it_was() -> None:
    _, guide, rough = scene_of(0)
    patches = torch.rand(3, 15, 20, generator=torch.Generator().manual_seed(1)).repeat_interleave(8, 1)
    fur = 0.8 + 0.2 * patches.repeat_interleave(8, 2)
    kept = guided_filter(rough, fur, 10, epsilon=5e-5)
    told = guided_filter(rough, 0.3 * fur + 0.7 * guide, 10, epsilon=5e-5)
    assert (kept - rough).abs().max() < 0.06
    assert (told - rough).abs().max() > 0.3


def test_the_step_needs_the_plate_and_works_within_the_edges_box() -> None:
    _, guide, rough = scene_of(2)
    view = (255 * guide).round().byte().permute(1, 2, 0).numpy()
    step = Refine(pixels=6)
    assert step.apply(rough) is rough
    refined = step.apply(rough, Scene((Moment(1, rough, Picture(view)),), 0))
    assert (refined - rough).abs().max() > 0.3
    solid = torch.ones(120, 160)
    assert torch.equal(step.apply(solid, Scene((Moment(1, solid, Picture(view)),), 0)), solid)
