"""Grain: measured as it was made, taken away, put on, matched."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.filter import gaussian
from compositing.operations.grain import add_grain, decompose, match_grain, measure_grain, remove_grain


def plate(deviation: float = 0.05, size: float = 0.0, seed: int = 1) -> Image:
    """A slow ramp with a step, and grain of that deviation and size."""
    clean = torch.linspace(0.2, 0.6, 128).expand(3, 128, 128).clone()
    clean[:, 64:] += 0.3
    noise = torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(seed))
    if size:
        noise = gaussian(Image.from_pixels(noise), size, edges="repeat").pixels
        noise = noise / noise.std()
    return Image.from_pixels(clean + deviation * noise, color_space="ACEScct")


def test_the_parts_make_up_the_picture() -> None:
    pixels = torch.rand(3, 20, 30)
    details, rest = decompose(pixels)
    torch.testing.assert_close(torch.stack(details).sum(0) + rest, pixels)


def test_grain_is_measured_and_taken_away() -> None:
    noisy, clean = plate(), plate(deviation=0.0)
    # White noise keeps 0.89 of its deviation at the finest scale of this transform (Starck & Murtagh).
    assert measure_grain(noisy).deviations[0][0] == pytest.approx(0.05 * 0.89, rel=0.05)
    before, after = (noisy.pixels - clean.pixels).std(), (remove_grain(noisy).pixels - clean.pixels).std()
    assert after < 0.5 * before
    edge = remove_grain(noisy).pixels[:, 66].mean() - remove_grain(noisy).pixels[:, 61].mean()
    assert edge == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_matched_grain_has_the_strength_and_size_of_the_plate(size: float) -> None:
    clean = Image.from_pixels(torch.full((3, 128, 128), 0.4), color_space="ACEScct")
    result = match_grain(clean, plate(size=size))
    ours, theirs = measure_grain(result).deviations[1], measure_grain(plate(size=size)).deviations[1]
    assert ours[:3] == pytest.approx(theirs[:3], rel=0.25)
    assert (result.pixels - 0.4).std() == pytest.approx(0.05, rel=0.25)


def test_frames_differ_and_repeat() -> None:
    grain, clean = measure_grain(plate()), plate(deviation=0.0)
    one = add_grain(clean, grain, frame=7)
    assert torch.equal(one.pixels, add_grain(clean, grain, frame=7).pixels)
    other = add_grain(clean, grain, frame=8)
    correlation = torch.corrcoef(torch.stack([(x.pixels - clean.pixels).flatten() for x in (one, other)]))[0, 1]
    assert correlation.abs() < 0.03


def test_transparent_pixels_take_no_grain() -> None:
    pixels = torch.full((4, 32, 32), 0.5)
    pixels[3] = 1.0
    pixels[:, :, 16:] = 0.0
    image = Image.from_pixels(pixels, color_space="ACEScct")
    grained = add_grain(image, measure_grain(plate()))
    assert torch.equal(grained.channel("A"), image.channel("A"))
    assert grained.pixels[0, :, :16].std() > 0.02


def test_refusals() -> None:
    with pytest.raises(ImageError, match="64 opaque"):
        measure_grain(Image.from_pixels(torch.zeros(3, 4, 4)))
    with pytest.raises(ImageError, match="measured in ACEScct"):
        add_grain(replace(plate(), color_space="ACEScg"), measure_grain(plate()))
