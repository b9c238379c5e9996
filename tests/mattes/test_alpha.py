"""Alpha from logits: where the edge lies, what is exactly 0 and 1, and agreement with the published mask."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sam2_roto.mattes import alpha_from_logits, mask_from_logits
from sam2_roto.mattes.alpha import upsample_box


def cell_centres(cells: int, pixels: int) -> Tensor:
    """Plate position of each logit, in pixels."""
    return (torch.arange(cells) + 0.5) * pixels / cells


def disc_distance(
    size: tuple[int, int], centre: tuple[float, float], radius: float, cells: int | None = None
) -> Tensor:
    """Signed distance to a disc in plate pixels, on the plate's pixels or on a square grid of cells."""
    rows, columns = (cells, cells) if cells else size
    y = cell_centres(rows, size[0])[:, None]
    x = cell_centres(columns, size[1])[None]
    return radius - torch.hypot(x - centre[0], y - centre[1])


SIZES = [(270, 480), (480, 270), (216, 216)]


@pytest.mark.parametrize("size", SIZES)
def test_disc_edge_lies_where_the_distance_says(size: tuple[int, int]) -> None:
    centre = (size[1] / 2 + 3.3, size[0] / 2 - 2.6)
    logits = disc_distance(size, centre, 80.4, cells=64) * 0.4
    truth = (disc_distance(size, centre, 80.4) + 0.5).clamp(0, 1)
    alpha = alpha_from_logits(logits, size)
    hard = mask_from_logits(logits, size).float()
    assert (alpha - truth).abs().max() < 0.3
    assert (alpha - truth).square().mean() < 0.25 * (hard - truth).square().mean()


@pytest.mark.parametrize("width", [1.0, 3.0])
@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5])
def test_half_plane_ramp_has_the_width_asked_for(width: float, offset: float) -> None:
    size = (120, 200)
    x = cell_centres(32, size[1])
    logits = (100 + offset - x).expand(32, 32) * 0.5
    alpha = alpha_from_logits(logits, size, edge_width=width)
    expected = (0.5 + (100 + offset - cell_centres(200, 200)) / width).clamp(0, 1)
    assert (alpha - expected).abs().max() < 0.1


def test_interior_is_exactly_one_and_exterior_exactly_zero() -> None:
    size = (270, 480)
    distance = disc_distance(size, (240, 135), 70)
    alpha = alpha_from_logits(disc_distance(size, (240, 135), 70, cells=64) * 0.5, size)
    assert (alpha[distance > 3] == 1).all()
    assert (alpha[distance < -3] == 0).all()


@pytest.mark.parametrize(("value", "expected"), [(-1024.0, 0.0), (-3.0, 0.0), (0.4, 1.0), (10.0, 1.0)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_flat_logits_give_a_flat_matte(value: float, expected: float, dtype: torch.dtype) -> None:
    alpha = alpha_from_logits(torch.full((2, 16, 16), value, dtype=dtype), (33, 70))
    assert alpha.dtype == torch.float32
    assert alpha.shape == (2, 33, 70)
    assert (alpha == expected).all()


def test_object_at_the_border_stays_one_up_to_it() -> None:
    size = (200, 300)
    y = cell_centres(64, 200)[:, None].expand(64, 64)
    alpha = alpha_from_logits((y - 120) * 0.3, size)
    assert (alpha[125:] == 1).all()
    assert (alpha[:115] == 0).all()


def test_background_on_both_sides_of_a_band_is_told_apart() -> None:
    """The edge's box reaches from side to side; above it all is inside, below it all is outside."""
    y = cell_centres(64, 400)[:, None].expand(64, 64)
    alpha = alpha_from_logits((200 - y) * 0.5, (400, 90))
    assert (alpha[:190] == 1).all()
    assert (alpha[210:] == 0).all()


def test_float16_logits_give_the_same_matte() -> None:
    logits = disc_distance((270, 480), (200, 130), 60, cells=64) * 0.4
    half = alpha_from_logits(logits.half(), (270, 480))
    assert (half - alpha_from_logits(logits, (270, 480))).abs().max() < 0.05


def test_batches_equal_single_mattes() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 12, 12, generator=generator) * 4
    alpha = alpha_from_logits(logits, (50, 81))
    assert alpha.shape == (2, 3, 50, 81)
    torch.testing.assert_close(alpha[1, 2], alpha_from_logits(logits[1, 2], (50, 81)), atol=1e-3, rtol=0)


def test_surface_keeps_planes_and_is_the_same_in_every_box() -> None:
    y, x = cell_centres(24, 97)[:, None], cell_centres(24, 131)[None]
    whole = upsample_box(0.3 * y - 0.1 * x, (97, 131), (0, 0, 131, 97))
    expected = 0.3 * cell_centres(97, 97)[:, None] - 0.1 * cell_centres(131, 131)[None]
    torch.testing.assert_close(whole[12:-12, 15:-15], expected[12:-12, 15:-15], atol=1e-4, rtol=0)
    for box in [(13, 40, 77, 41), (100, 80, 131, 97)]:
        x0, y0, x1, y1 = box
        part = upsample_box(0.3 * y - 0.1 * x, (97, 131), box)
        torch.testing.assert_close(part, whole[y0:y1, x0:x1], atol=1e-5, rtol=0)


def test_mask_is_the_published_one() -> None:
    logits = torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(3))
    expected = torch.nn.functional.interpolate(logits[None], size=(40, 60), mode="bilinear")[0] > 0
    assert torch.equal(mask_from_logits(logits, (40, 60)), expected)


@pytest.mark.parametrize(("size", "width"), [((0, 4), 1.0), ((4, 4), 0.0)])
def test_impossible_sizes_are_refused(size: tuple[int, int], width: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        alpha_from_logits(torch.zeros(4, 4), size, edge_width=width)
