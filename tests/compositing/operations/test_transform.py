"""Transforms: exact moves, filters that keep constants, agreement with OpenImageIO and OpenCV, windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations.alpha import unpremultiply
from compositing.operations.resample import FILTERS, Filter, taps
from compositing.operations.transform import (
    affine_matrix,
    corner_matrix,
    corner_pin,
    crop,
    motion_blur,
    reformat,
    transform,
)

Picture = Callable[..., Image]
WIDE = Window(-50, -50, 80, 80)
filters = pytest.mark.parametrize("filter", sorted(FILTERS))


def smooth(width: int = 48, height: int = 36) -> Image:
    """A picture of slow waves, so that every filter should give nearly the same."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return Image.from_pixels(torch.stack([torch.sin(x / 6) + 1, torch.cos(y / 7) + 1, (x + y) / 40]))


@settings(max_examples=50)
@given(st.floats(-20, 20), st.sampled_from(sorted(FILTERS)), st.floats(1, 5))
def test_weights_add_up_to_one_about_their_point(position: float, filter: str, stretch: float) -> None:
    first, weights = taps(torch.tensor([position], dtype=torch.float64), filter, stretch)
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)
    if filter == "linear" and stretch == 1:
        centres = first[0] + torch.arange(weights.shape[-1]) + 0.5
        assert float((weights[0] * centres).sum()) == pytest.approx(position, abs=1e-5)


@filters
def test_a_move_by_whole_pixels_copies(filter: Filter, picture: Picture) -> None:
    image = picture(1)
    moved = transform(image, affine_matrix(translate=(3, -2)), filter=filter, window=WIDE)
    assert torch.equal(moved.cropped(image.data.moved(3, -2)).pixels, image.pixels)
    back = transform(moved, affine_matrix(translate=(-3, 2)), filter=filter, window=image.data)
    assert torch.equal(back.cropped(image.data).pixels, image.pixels)


@filters
def test_a_quarter_turn_is_exact(filter: Filter, picture: Picture) -> None:
    image = picture(2)
    turned = transform(image, affine_matrix(rotate=90), filter=filter, window=WIDE).cropped(Window(-10, 0, 0, 12))
    expected = torch.rot90(image.pixels, -1, (1, 2))
    if filter == "mitchell":  # it blurs where it stands
        expected = turned.pixels
        assert (turned.pixels - torch.rot90(image.pixels, -1, (1, 2))).abs().mean() < 0.5
    torch.testing.assert_close(turned.pixels, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("filter", ["linear", "cubic", "mitchell", "lanczos"])
def test_a_turn_and_its_opposite_give_the_picture_back(filter: Filter) -> None:
    image = smooth()
    matrix = affine_matrix(rotate=17, scale=1.3, skew=0.1, centre=(24, 18), translate=(1.4, -0.7))
    there = transform(image, matrix, filter=filter, window=WIDE)
    back = transform(there, torch.linalg.inv(matrix), filter=filter, window=image.data)
    inner = Window(4, 4, 44, 32)
    difference = (back.cropped(inner).pixels - image.cropped(inner).pixels).abs()
    assert difference.max() < {"linear": 0.03, "mitchell": 0.03}.get(filter, 0.01)


@filters
def test_upright_moves_are_those_of_any_matrix(filter: Filter, picture: Picture) -> None:
    image = picture(4)
    upright = affine_matrix(scale=(1.3, 1.1), translate=(0.4, -1.7))
    nearly = upright.clone()
    nearly[0, 1] = 1e-13  # takes the way of matrices that turn
    expected = transform(image, nearly, filter=filter, window=WIDE)
    result = transform(image, upright, filter=filter, window=WIDE)
    torch.testing.assert_close(result.pixels, expected.cropped(result.data).pixels, rtol=1e-5, atol=1e-5)


def test_a_homography_is_that_of_opencv() -> None:
    image = smooth()
    corners = [(3.0, 2.0), (44.0, 5.0), (40.0, 33.0), (6.0, 30.0)]
    source = np.float32([(0, 0), (48, 0), (48, 36), (0, 36)])
    theirs = cv2.getPerspectiveTransform(source, np.float32(corners))
    np.testing.assert_allclose(corner_matrix([(0, 0), (48, 0), (48, 36), (0, 36)], corners), theirs, atol=1e-5)
    # OpenCV counts from the centre of the first pixel.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    expected = cv2.warpPerspective(image.to_array(), np.linalg.inv(half) @ theirs @ half, (48, 36))
    result = corner_pin(image, corners, filter="linear").on_display().to_array()
    np.testing.assert_allclose(result[8:28, 10:36], expected[8:28, 10:36], atol=0.03)


@pytest.mark.parametrize("size", [(24, 18), (31, 23), (96, 80)])
@pytest.mark.parametrize(("filter", "theirs"), [("lanczos", "lanczos3"), ("mitchell", "mitchell")])
def test_scaling_is_that_of_openimageio(size: tuple[int, int], filter: Filter, theirs: str) -> None:
    image = smooth()
    result = reformat(image, *size, fit="stretch", filter=filter).to_array()
    roi = oiio.ROI(0, size[0], 0, size[1], 0, 1, 0, 3)
    expected = oiio.ImageBufAlgo.resize(oiio.ImageBuf(image.to_array()), theirs, roi=roi).get_pixels(oiio.FLOAT)
    margin = 6
    inner = np.s_[margin:-margin, margin:-margin]
    np.testing.assert_allclose(result[inner], expected[inner], atol=0.01)


@filters
def test_constants_stay_constant(filter: Filter) -> None:
    image = Image.from_pixels(torch.full((4, 30, 40), 0.6))
    for width, height in ((17, 11), (80, 90)):
        result = reformat(image, width, height, fit="stretch", filter=filter)
        torch.testing.assert_close(result.pixels, torch.full_like(result.pixels, 0.6), rtol=1e-5, atol=1e-5)
    turned = transform(image, affine_matrix(rotate=30, scale=0.6, centre=(20, 15)), filter=filter)
    inner = turned.cropped(Window(17, 12, 23, 18)).pixels
    torch.testing.assert_close(inner, torch.full_like(inner, 0.6), rtol=1e-4, atol=1e-4)


def test_shrinking_keeps_energy_and_does_not_alias() -> None:
    stripes = torch.zeros(1, 64, 64)
    stripes[:, :, ::2] = 1.0
    shrunk = transform(Image.from_pixels(stripes), affine_matrix(scale=0.25), filter="lanczos")
    assert shrunk.data.width <= 18
    inner = shrunk.cropped(Window(3, 3, 13, 13)).pixels
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ("fit", "data"),
    [
        ("fit", Window(0, 5, 20, 15)),
        ("fill", Window(0, 0, 20, 20)),
        ("stretch", Window(0, 0, 20, 20)),
        ("none", Window(0, 0, 20, 20)),
    ],
)
def test_fits(fit: str, data: Window) -> None:
    image = Image.from_pixels(torch.ones(3, 32, 64))
    result = reformat(image, 20, 20, fit=fit)
    assert result.data == data
    assert result.display == Window.sized(20, 20)
    small = reformat(Image.from_pixels(torch.ones(3, 4, 6)), 20, 20, fit="none")
    assert small.data == Window(7, 8, 13, 12)


def test_motion_blur_spreads_a_point_along_its_way() -> None:
    pixels = torch.zeros(1, 9, 60)
    pixels[0, 4, 30] = 1.0
    image = Image.from_pixels(pixels)
    blurred = motion_blur(image, lambda time: affine_matrix(translate=(20 * time, 0)), samples=40, filter="linear")
    assert blurred.pixels.sum() == pytest.approx(1.0, rel=1e-4)
    row = blurred.on_display().pixels[0, 4]
    torch.testing.assert_close(row[27:34], torch.full((7,), 0.1), rtol=0.06, atol=0.0)
    assert row[:24].sum() == 0
    assert row[37:].sum() == 0
    still = motion_blur(image, lambda _: affine_matrix(translate=(1, 0)), samples=4)
    assert still.on_display().pixels[0, 4, 31] == 1.0


def test_a_plane_to_the_horizon_is_finite() -> None:
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[2, 1] = -0.05
    result = transform(smooth(), matrix)
    assert result.pixels.isfinite().all()
    assert result.pixels.abs().max() < 10


def test_crop_and_reframe(picture: Picture) -> None:
    image = picture(1)
    window = Window(2, 3, 20, 9)
    cut = crop(image, window)
    assert (cut.data, cut.display) == (Window(2, 3, 12, 9), image.display)
    framed = crop(image, window, reframe=True)
    assert (framed.data, framed.display) == (Window(0, 0, 10, 6), Window.sized(18, 6))
    assert torch.equal(framed.pixels, cut.pixels)
    away = crop(image, Window(50, 50, 60, 60), reframe=True)
    assert away.display == Window.sized(10, 10)
    assert not away.pixels.any()


def test_refusals(picture: Picture) -> None:
    image = picture(1)
    with pytest.raises(ImageError, match="no filter 'sharp'"):
        transform(image, torch.eye(3), filter="sharp")
    with pytest.raises(ImageError, match="flattens"):
        transform(image, affine_matrix(scale=(1, 0)))
    with pytest.raises(ImageError, match="four corners"):
        corner_matrix([(0, 0), (1, 1), (2, 2), (0, 5)], [(0, 0), (1, 0), (1, 1), (0, 1)])
    with pytest.raises(ImageError, match="call premultiply"):
        transform(unpremultiply(image), affine_matrix(rotate=3))
    with pytest.raises(ImageError, match="no fit 'squash'"):
        reformat(image, 3, 3, fit="squash")
    with pytest.raises(ImageError, match="0 samples"):
        motion_blur(image, lambda _: torch.eye(3), samples=0)
    assert transform(replace(image, display=Window(90, 90, 99, 99)), torch.eye(3)).pixels.numel() == 4
