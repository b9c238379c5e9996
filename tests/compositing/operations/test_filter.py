"""Filters: energy, widths, windows, agreement with OpenImageIO and with SciPy-free definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations import filter as filters
from compositing.operations.alpha import premultiply, unpremultiply

Picture = Callable[..., Image]


def point(size: int = 21, value: float = 100.0) -> Image:
    pixels = torch.zeros(1, size, size)
    pixels[0, size // 2, size // 2] = value
    return Image.from_pixels(pixels)


@pytest.mark.parametrize(
    "blur",
    [
        lambda image: filters.gaussian(image, 2.3),
        lambda image: filters.box(image, 4.5),
        lambda image: filters.defocus(image, 3.7),
        lambda image: filters.defocus(image, 3.7, blades=6, angle=10.0),
    ],
)
def test_blurs_keep_energy_and_centre_in_a_grown_window(blur: Callable[[Image], Image]) -> None:
    image = replace(point(), data=Window.sized(21, 21, 5, -3))
    result = blur(image)
    assert result.data == image.data.grown((result.data.width - 21) // 2)
    assert result.pixels.sum() == pytest.approx(100.0, rel=1e-4)
    ys, xs = torch.meshgrid(
        torch.arange(result.data.y0, result.data.y1), torch.arange(result.data.x0, result.data.x1), indexing="ij"
    )
    plane = result.pixels[0] / 100.0
    assert float((plane * xs).sum()) == pytest.approx(15.0, abs=1e-2)
    assert float((plane * ys).sum()) == pytest.approx(7.0, abs=1e-2)


def test_spread_is_what_was_asked_for() -> None:
    steps = torch.arange(-200, 201).double()
    for sigma in (0.8, 3.0, 11.0):
        taps = filters.gaussian_kernel(sigma).double()
        reach = len(taps) // 2
        assert math.sqrt(float((taps * steps[200 - reach : 201 + reach] ** 2).sum())) == pytest.approx(sigma, rel=0.03)
    assert filters.box_kernel(3.0).tolist() == pytest.approx([1 / 3] * 3)
    assert filters.box_kernel(2.0).tolist() == pytest.approx([0.25, 0.5, 0.25])
    disc = filters.aperture(5.0)
    assert disc.max() == pytest.approx(1 / (math.pi * 25), rel=0.01)


def test_repeated_edges_keep_window_and_level() -> None:
    flat = Image.from_pixels(torch.full((3, 9, 14), 0.7))
    for result in (
        filters.gaussian(flat, 3.0, edges="repeat"),
        filters.box(flat, 7.0, edges="repeat"),
        filters.defocus(flat, 4.0, edges="repeat"),
        filters.erode(flat, 2.0, edges="repeat"),
    ):
        assert result.data == flat.data
        torch.testing.assert_close(result.pixels, flat.pixels)


def test_the_routes_of_cpu_and_gpu_agree(picture: Picture) -> None:
    planes, taps = picture(1).pixels, filters.gaussian_kernel(1.2)
    across = F.conv2d(planes[:, None], taps.reshape(1, 1, 1, -1))
    expected = F.conv2d(across, taps.reshape(1, 1, -1, 1))[:, 0]
    torch.testing.assert_close(filters.blur_planes(planes, taps), expected, rtol=1e-5, atol=1e-5)


def test_lens_blur_is_the_plain_convolution(picture: Picture) -> None:
    image, kernel = picture(2), filters.aperture(2.5, 5, 20.0)
    expected = F.conv2d(F.pad(image.pixels, (6,) * 4)[:, None], kernel.flip(0, 1)[None, None])[:, 0]
    torch.testing.assert_close(filters.defocus(image, 2.5, blades=5, angle=20.0).pixels, expected, rtol=1e-4, atol=1e-5)


def test_a_zero_filter_changes_nothing(picture: Picture) -> None:
    image = picture(3)
    for result in (
        filters.gaussian(image, 0),
        filters.box(image, 1),
        filters.dilate(image, 0),
        filters.erode(image, 0),
    ):
        assert torch.equal(result.pixels, image.pixels)


@pytest.mark.parametrize("shape", ["square", "disc"])
def test_dilate_and_erode_are_exact(shape: filters.Shape) -> None:
    dilated = filters.dilate(point(value=1.0), 3, shape=shape)
    ys, xs = np.mgrid[dilated.data.y0 : dilated.data.y1, dilated.data.x0 : dilated.data.x1] - 10
    inside = np.hypot(xs, ys) <= 3.5 if shape == "disc" else np.maximum(abs(xs), abs(ys)) <= 3
    assert np.array_equal(dilated.pixels[0].numpy(), inside.astype(np.float32))
    back = filters.erode(dilated, 3, shape=shape)
    assert back.pixels.sum() == 1.0
    assert back.channel("A")[back.data.slices(Window.sized(1, 1, 10, 10))] == 1.0
    half = filters.dilate(point(value=1.0), 0.5, shape="square")
    assert half.cropped(Window.sized(3, 1, 9, 10)).pixels.flatten().tolist() == [0.5, 1.0, 0.5]


def test_erode_and_dilate_mirror_each_other(picture: Picture) -> None:
    image = picture(4, alpha=False)
    negative = replace(image, pixels=-image.pixels)
    eroded = filters.erode(image, 1.5, edges="repeat")
    dilated = filters.dilate(negative, 1.5, edges="repeat")
    torch.testing.assert_close(eroded.pixels, -dilated.pixels)


def test_colour_goes_on_beyond_its_alpha() -> None:
    pixels = torch.zeros(4, 32, 40)
    pixels[:, 10:20, 10:20] = torch.tensor([2.0, 0.5, -0.1, 1.0])[:, None, None]
    pixels[:, 20:22, 10:20] = torch.tensor([0.0, 0.5, 0.0, 0.5])[:, None, None]
    image = Image.from_pixels(pixels)
    extended = filters.edge_extend(image)
    assert not extended.premultiplied
    assert torch.equal(extended.channel("A"), image.channel("A"))
    expected = torch.tensor([2.0, 0.5, -0.1])[:, None, None].expand(3, 32, 40)
    torch.testing.assert_close(extended.pixels[:3], expected, rtol=1e-3, atol=1e-3)
    again = premultiply(extended)
    assert again.pixels[:3, 21, 15].tolist() == pytest.approx([1.0, 0.25, -0.05], abs=1e-3)


def test_an_empty_or_one_sided_alpha_extends_without_nan() -> None:
    empty = filters.edge_extend(Image.from_pixels(torch.zeros(4, 5, 7)))
    assert empty.pixels.isfinite().all()
    assert not empty.pixels.any()
    pixels = torch.zeros(4, 16, 16)
    pixels[:, :, :3] = torch.tensor([1.0, 0.0, 0.0, 1.0])[:, None, None]
    pixels[:, :, 13:] = torch.tensor([0.0, 0.0, 1.0, 1.0])[:, None, None]
    red = filters.edge_extend(Image.from_pixels(pixels)).pixels[0, 8]
    assert red[3] > 0.8
    assert red[12] < 0.2


def test_refusals(picture: Picture) -> None:
    with pytest.raises(ImageError, match="call premultiply"):
        filters.gaussian(unpremultiply(picture(1)), 2.0)
    with pytest.raises(ImageError, match="sigma of a filter is -1"):
        filters.gaussian(picture(1), -1.0)
    with pytest.raises(ImageError, match="2 blades"):
        filters.defocus(picture(1), 2.0, blades=2)
    with pytest.raises(ImageError, match="no alpha"):
        filters.edge_extend(picture(1, alpha=False))
