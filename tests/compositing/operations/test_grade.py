"""Grades: against OpenColorIO's CDL and OpenImageIO's saturation, on premultiplied and wild values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.alpha import premultiply, unpremultiply, with_alpha, without_alpha
from compositing.operations.grade import Cdl, cdl, exposure, grade, saturation

Picture = Callable[..., Image]


def test_the_cdl_is_that_of_opencolorio(picture: Picture, tmp_path: Path) -> None:
    decision = Cdl(slope=(1.2, 0.9, 1.05), offset=(0.02, -0.03, 0.1), power=(1.1, 0.8, 1.3), saturation=0.7)
    path = tmp_path / "look.cc"
    path.write_text(
        '<ColorCorrection id="look"><SOPNode><Slope>1.2 0.9 1.05</Slope><Offset>0.02 -0.03 0.1</Offset>'
        "<Power>1.1 0.8 1.3</Power></SOPNode><SatNode><Saturation>0.7</Saturation></SatNode></ColorCorrection>"
    )
    image = picture(1, alpha=False)
    theirs = oiio.ImageBufAlgo.ociofiletransform(oiio.ImageBuf(image.to_array()), str(path))
    assert not theirs.has_error
    expected = theirs.get_pixels(oiio.FLOAT)
    ours = cdl(image, decision).to_array()
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_the_cdl_is_its_formula(picture: Picture) -> None:
    image = picture(1, alpha=False)
    values = image.to_array().astype(np.float64)
    moved = np.clip(values * 1.3 - 0.05, 0, 1) ** 0.9
    luma = moved @ [0.2126, 0.7152, 0.0722]
    expected = np.clip(luma[..., None] + 1.4 * (moved - luma[..., None]), 0, 1)
    ours = cdl(image, Cdl(1.3, -0.05, 0.9, 1.4), clamp=True)
    np.testing.assert_allclose(ours.to_array(), expected, atol=1e-5)


def test_saturation_is_that_of_openimageio(picture: Picture) -> None:
    image = picture(2, alpha=False)
    theirs = oiio.ImageBufAlgo.saturate(oiio.ImageBuf(image.to_array()), 1.7).get_pixels(oiio.FLOAT)
    np.testing.assert_allclose(saturation(image, 1.7).to_array(), theirs, rtol=2e-3, atol=2e-3)
    grey = saturation(image, 0.0).pixels
    torch.testing.assert_close(grey[0], grey[2])


def test_a_grade_is_its_formula(picture: Picture) -> None:
    image = picture(3, alpha=False)
    x = image.pixels.double()
    slope = 1.1 * (1.6 - 0.05) / (0.9 - 0.02)
    y = slope * x + (0.01 + 0.05 - slope * 0.02)
    expected = torch.where(y > 0, y.clamp_min(0) ** (1 / 1.2), y)
    result = grade(image, black_point=0.02, white_point=0.9, lift=0.05, gain=1.6, multiply=1.1, offset=0.01, gamma=1.2)
    torch.testing.assert_close(result.pixels.double(), expected, rtol=1e-5, atol=1e-5)


@given(st.integers(0, 99), st.floats(0.3, 3.0), st.floats(-0.2, 0.2))
def test_premultiplied_and_straight_colour_are_graded_alike(seed: int, gamma: float, offset: float) -> None:
    pixels = torch.rand(4, 6, 5, generator=torch.Generator().manual_seed(seed)) * 2
    pixels[3] = (pixels[3] - 0.5).clamp(0, 1)
    pixels[:3] *= pixels[3]
    image = Image.from_pixels(pixels)
    one = grade(image, gamma=gamma, offset=offset)
    other = premultiply(grade(unpremultiply(image), gamma=gamma, offset=offset))
    seen = pixels[3] > 1e-3
    torch.testing.assert_close(one.pixels[:, seen], other.pixels[:, seen], rtol=1e-4, atol=1e-5)
    assert one.pixels.isfinite().all()
    assert torch.equal(one.channel("A"), image.channel("A"))


def test_a_stop_is_twice_the_light(picture: Picture) -> None:
    image = picture(4)
    torch.testing.assert_close(exposure(image, 1.0).pixels[:3], image.pixels[:3] * 2)


def test_alpha_there_and_back(picture: Picture) -> None:
    image = picture(5)
    again = premultiply(unpremultiply(image))
    seen = image.channel("A") > 0
    torch.testing.assert_close(again.pixels[:, seen], image.pixels[:, seen])
    straight = unpremultiply(image)
    assert not straight.premultiplied
    assert straight.pixels.isfinite().all()
    assert torch.equal(straight.pixels[:, ~seen], image.pixels[:, ~seen])
    assert without_alpha(image).channels == ("R", "G", "B")
    matte = Image.from_pixels(torch.full((1, 10, 12), 0.25))
    held = with_alpha(picture(6, alpha=False), matte)
    assert not held.premultiplied
    torch.testing.assert_close(premultiply(held).pixels[:3], held.pixels[:3] / 4)


def test_refusals(picture: Picture) -> None:
    with pytest.raises(ImageError, match="white point that differs"):
        grade(picture(1), black_point=1.0)
    with pytest.raises(ImageError, match="powers above 0"):
        cdl(picture(1), Cdl(power=0))
    with pytest.raises(ImageError, match="one number, or three"):
        grade(picture(1), gain=(1, 2))
    with pytest.raises(ImageError, match="no colour"):
        saturation(Image.from_pixels(torch.zeros(1, 2, 2)), 2.0)
