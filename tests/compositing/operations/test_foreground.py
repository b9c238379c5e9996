"""Foreground estimation against a known truth and against PyMatting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.alpha import premultiply
from compositing.operations.foreground import estimate_foreground, foreground_and_background


def scene(size: int = 96) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Image, alpha, true foreground and background: soft waves of colour under a soft wavy edge."""
    y, x = torch.meshgrid(torch.arange(size) / size, torch.arange(size) / size, indexing="ij")
    front = torch.stack([0.7 + 0.2 * torch.sin(9 * x), 0.3 + 0.2 * torch.cos(7 * y), 0.2 + 0.1 * x])
    back = torch.stack([0.1 + 0.1 * y, 0.6 + 0.3 * torch.sin(8 * x + 3 * y), 0.8 - 0.3 * x])
    edge = torch.hypot(x - 0.5, y - 0.5) + 0.04 * torch.sin(12 * torch.atan2(y - 0.5, x - 0.5))
    alpha = ((0.36 - edge) / 0.12 + 0.5).clamp(0, 1)
    return alpha * front + (1 - alpha) * back, alpha, front, back


def test_it_is_as_near_the_truth_as_pymatting() -> None:
    estimate = pytest.importorskip("pymatting.foreground.estimate_foreground_ml", reason="pymatting is not installed")
    image, alpha, truth, _ = scene()
    array = np.ascontiguousarray(image.permute(1, 2, 0).numpy().astype(np.float64))
    theirs = estimate.estimate_foreground_ml(array, alpha.numpy().astype(np.float64))
    ours, _ = foreground_and_background(image, alpha)
    soft = (alpha > 0.02) & (alpha < 0.98)
    peer = torch.from_numpy(np.asarray(theirs, dtype=np.float32)).permute(2, 0, 1)
    error = (ours - truth)[:, soft].abs().mean()
    assert error < (peer - truth)[:, soft].abs().mean()
    # Not the same, as covered and clear pixels are taken as they are here, and solved for there.
    assert (ours - peer)[:, soft].abs().mean() < 0.015
    # Without an estimate the plate itself is the foreground.
    assert error < 0.3 * (image - truth)[:, soft].abs().mean()


def test_the_layers_make_up_the_plate() -> None:
    image, alpha, *_ = scene()
    front, back = foreground_and_background(image, alpha)
    assert (alpha * front + (1 - alpha) * back - image).abs().mean() < 2e-3
    core = alpha == 1
    assert torch.equal(front[:, core], image[:, core])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.3, 6.0), st.integers(0, 999))
def test_layers_are_finite_and_within_the_range_of_the_plate(height: int, width: int, gain: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(3, height, width, generator=generator) * gain - 0.2
    alpha = (torch.rand(height, width, generator=generator) * 1.6 - 0.3).clamp(0, 1)
    for layer in foreground_and_background(image, alpha):
        assert layer.min() >= min(0.0, float(image.min()))
        assert layer.max() <= max(1.0, float(image.max()))


def test_what_lies_far_from_soft_pixels_is_not_touched() -> None:
    image, alpha, *_ = scene()
    wide = torch.nn.functional.pad(alpha, (100, 60, 40, 0))
    plate = torch.rand(3, *wide.shape, generator=torch.Generator().manual_seed(1))
    plate[:, 40:, 100:196] = image
    front, back = foreground_and_background(plate, wide)
    assert torch.equal(front[:, :, :60], plate[:, :, :60])
    assert torch.equal(back[:, :20], plate[:, :20])
    alone, _ = foreground_and_background(image, alpha)
    soft = (alpha > 0.02) & (alpha < 0.98)
    assert (front[:, 40:, 100:196] - alone)[:, soft].abs().mean() < 0.01


def test_highlights_and_negatives_are_kept() -> None:
    image, alpha, *_ = scene(40)
    front, _ = foreground_and_background(image * 6 - 0.2, alpha)
    core = alpha == 1
    assert torch.equal(front[:, core], (image * 6 - 0.2)[:, core])


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_mattes_and_odd_shapes_stay_finite(level: float) -> None:
    for height, width in ((1, 1), (1, 17), (33, 2)):
        front, back = foreground_and_background(torch.rand(3, height, width), torch.full((height, width), level))
        assert front.isfinite().all()
        assert back.isfinite().all()


def test_an_image_keeps_its_matte_and_is_straight() -> None:
    image, alpha, truth, _ = scene()
    result = estimate_foreground(Image.from_pixels(image), Image.from_pixels(alpha[None]))
    assert not result.premultiplied
    assert torch.equal(result.channel("A"), alpha)
    difference = (premultiply(result).pixels[:3] - truth * alpha).abs()
    assert difference.mean() < 0.01
    with pytest.raises(ImageError, match="reformat one of them"):
        estimate_foreground(Image.from_pixels(image), Image.from_pixels(torch.ones(1, 4, 4)))
