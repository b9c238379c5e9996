"""Despill, light wrap, keymix, shadow and colour match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from compositing.errors import ColorError, ImageError
from compositing.image import Image, Window
from compositing.operations.alpha import premultiply, unpremultiply
from compositing.operations.keying import Method, Screen, despill, keymix, levels, light_wrap, mix
from compositing.operations.match import color_match
from compositing.operations.shadow import shadow
from compositing.operations.transform import affine_matrix

Picture = Callable[..., Image]
LaidOut = Callable[..., NDArray[np.float64]]
REC709 = np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("screen", ["green", "blue"])
@pytest.mark.parametrize("method", ["average", "max", "limit"])
def test_despill_bounds_the_screen_and_keeps_luminance(screen: Screen, method: Method, picture: Picture) -> None:
    image = picture(1, alpha=False)
    key = 1 if screen == "green" else 2
    others = [index for index in range(3) if index != key]
    bound = {"average": np.mean, "max": np.max, "limit": np.min}[method](image.to_array()[..., others], axis=-1)
    plain = despill(image, screen, method=method, restore=0.0).to_array()
    np.testing.assert_allclose(plain[..., key], np.minimum(image.to_array()[..., key], bound), atol=1e-6)
    assert np.array_equal(plain[..., others], image.to_array()[..., others])
    restored = despill(image, screen, method=method).to_array()
    np.testing.assert_allclose(restored @ REC709, image.to_array() @ REC709, atol=2e-4)


def test_despill_is_the_same_on_premultiplied_colour(picture: Picture) -> None:
    image = premultiply(unpremultiply(picture(2)))
    one, other = despill(image), premultiply(despill(unpremultiply(image)))
    seen = image.channel("A") > 0
    torch.testing.assert_close(one.pixels[:, seen], other.pixels[:, seen], rtol=1e-5, atol=1e-5)
    assert torch.equal(one.channel("A"), image.channel("A"))


@pytest.mark.parametrize(
    "windows",
    [
        (Window.sized(12, 10), Window.sized(12, 10), Window.sized(12, 10)),
        (Window.sized(5, 5), Window.sized(5, 5, 6, 4), Window.sized(12, 10)),
        (Window.sized(8, 8, 2, 1), Window.sized(6, 6), Window.sized(4, 4, 4, 3)),
        (Window.sized(4, 4), Window.sized(6, 6), Window.sized(3, 3, 8, 6)),
    ],
)
def test_keymix_is_its_formula(windows: tuple[Window, Window, Window], picture: Picture, laid_out: LaidOut) -> None:
    a, b, matte = picture(1, windows[0]), picture(2, windows[1]), picture(3, windows[2])
    A, B, m = laid_out(a), laid_out(b), laid_out(matte)[3:]
    np.testing.assert_allclose(laid_out(keymix(a, b, matte)), B * (1 - m) + A * m, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(laid_out(mix(a, b, 0.3)), B * 0.7 + A * 0.3, rtol=1e-5, atol=1e-5)


def test_keymix_refuses_what_does_not_fit(picture: Picture) -> None:
    a, b = picture(1), picture(2)
    with pytest.raises(ImageError, match="make both the same"):
        keymix(unpremultiply(a), b, a)
    with pytest.raises(ImageError, match="differ in size"):
        keymix(a, b, replace(a, display=Window.sized(99, 99)))


def disc(size: int = 60, radius: float = 15.0) -> Image:
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    alpha = (radius + 0.5 - torch.hypot(x - size / 2, y - size / 2)).clamp(0, 1)
    color = torch.tensor([0.2, 0.3, 0.4])[:, None, None] * alpha
    return Image.from_pixels(torch.cat([color, alpha[None]]))


def test_levels_clear_haze_and_fill_holes() -> None:
    matte = Image.from_pixels(torch.tensor([[[-0.5, 0.2, 0.4, 0.6, 0.8, 1.5]]]))
    torch.testing.assert_close(levels(matte, 0.2, 0.6).pixels[0, 0], torch.tensor([0, 0, 0.5, 1, 1, 1]))
    with pytest.raises(ImageError, match=r"The levels 0\.6 and 0\.6 leave no matte"):
        levels(matte, 0.6, 0.6)


def test_light_wraps_round_the_edge_alone() -> None:
    foreground, background = disc(), Image.from_pixels(torch.full((3, 60, 60), 2.0))
    wrapped = light_wrap(foreground, background, sigma=3.0)
    gained = wrapped.pixels - foreground.pixels
    assert not gained[3].any()
    assert gained[0, 30, 30] < 1e-3
    assert not gained[:, 0, 0].any()
    # Half of a blurred straight edge is light: 2.0 times nearly a half times the alpha there.
    assert gained[0, 30, 44] == pytest.approx(2.0 * 0.5, rel=0.2)
    with pytest.raises(ColorError):
        light_wrap(foreground, replace(background, color_space="ACEScg"))


def test_light_wrap_works_on_cropped_windows() -> None:
    foreground, background = disc(), Image.from_pixels(torch.rand(3, 60, 60) + 1)
    whole = light_wrap(foreground, background, sigma=2.0)
    cut = light_wrap(foreground.cropped(Window(12, 12, 48, 48)), background, sigma=2.0)
    inner = Window(12, 12, 48, 48)
    torch.testing.assert_close(cut.cropped(inner).pixels, whole.cropped(inner).pixels, rtol=1e-4, atol=1e-4)


def leaving(size: int = 60, width: int = 20) -> Image:
    """White that the frame cuts on the left, above and below; its own edge is on the right."""
    alpha = (torch.arange(size) < width).float().expand(size, -1)
    return Image.from_pixels(alpha.expand(4, -1, -1).clone())


def test_no_light_wraps_round_the_frames_border() -> None:
    background = Image.from_pixels(torch.full((3, 60, 60), 2.0))
    gained = light_wrap(leaving(), background, sigma=3.0).pixels - leaving().pixels
    assert gained[:, :, :9].abs().max() < 1e-5
    edge = gained[0, :, 19]
    assert edge.min() > 0.7
    assert edge.max() - edge.min() < 1e-4
    cut = light_wrap(leaving().cropped(Window.sized(20, 60)), background, sigma=3.0)
    torch.testing.assert_close(cut.pixels - leaving().cropped(cut.data).pixels, gained[:, :, :20])


def test_what_the_frame_cuts_off_casts_its_shadow_too() -> None:
    whole = leaving(100).cropped(Window(10, 20, 70, 80))
    frame = replace(whole, data=Window.sized(60, 60), display=Window.sized(60, 60))
    larger = replace(leaving(100), data=Window(-10, -20, 90, 80), display=Window.sized(60, 60))
    for matrix in (None, affine_matrix(translate=(3, 5)), affine_matrix(translate=(2, -12))):
        made, wanted = (shadow(image, matrix, softness=2.0, opacity=0.6).on_display() for image in (frame, larger))
        torch.testing.assert_close(made.pixels, wanted.pixels, rtol=1e-4, atol=1e-4)
    assert not shadow(leaving(), affine_matrix(scale=0.5), softness=1.0).on_display().pixels[:, 40:].any()


def test_a_shadow_lies_where_it_is_cast() -> None:
    cast = shadow(disc(), affine_matrix(translate=(10, 5)), softness=2.0, opacity=0.6, color=(0.1, 0.0, 0.0))
    alpha = cast.on_display().channel("A")
    y, x = torch.meshgrid(torch.arange(60) + 0.5, torch.arange(60) + 0.5, indexing="ij")
    assert float((alpha * x).sum() / alpha.sum()) == pytest.approx(40, abs=0.5)
    assert float((alpha * y).sum() / alpha.sum()) == pytest.approx(35, abs=0.5)
    assert alpha.max() == pytest.approx(0.6, abs=1e-3)
    torch.testing.assert_close(cast.pixels[0], cast.channel("A") * 0.1)
    with pytest.raises(ImageError, match="casts no shadow"):
        shadow(Image.from_pixels(torch.zeros(3, 4, 4)))


@pytest.mark.parametrize("method", ["gain", "deviation", "covariance"])
def test_matched_colours_have_the_statistics_of_the_reference(method: str) -> None:
    random = torch.Generator().manual_seed(3)
    turn = torch.tensor([[0.8, 0.1, 0.1], [0.2, 0.7, 0.0], [0.0, 0.3, 0.9]])
    one = torch.rand(3, 40, 50, generator=random)
    other = torch.einsum("ij,jhw->ihw", turn, torch.rand(3, 30, 20, generator=random)) * 1.5 + 0.1
    image, reference = Image.from_pixels(one), Image.from_pixels(other)
    result = color_match(image, reference, method=method).pixels.flatten(1)
    torch.testing.assert_close(result.mean(1), other.flatten(1).mean(1), rtol=1e-3, atol=1e-3)
    if method == "deviation":
        torch.testing.assert_close(result.std(1), other.flatten(1).std(1), rtol=1e-2, atol=1e-2)
    if method == "covariance":
        torch.testing.assert_close(torch.cov(result), torch.cov(other.flatten(1)), rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(color_match(image, reference, method=method, amount=0.0).pixels, one)


def test_only_visible_pixels_count_in_a_match(picture: Picture) -> None:
    image = picture(5, wild=False)
    poisoned = image.pixels.clone()
    hidden = image.channel("A") == 0
    poisoned[:3, hidden] = 50.0
    reference = picture(6, wild=False, alpha=False)
    clean, dirty = color_match(image, reference), color_match(replace(image, pixels=poisoned), reference)
    torch.testing.assert_close(clean.pixels[:, ~hidden], dirty.pixels[:, ~hidden])
    assert torch.equal(dirty.pixels[:, hidden], poisoned[:, hidden])
    with pytest.raises(ImageError, match="no visible pixel"):
        color_match(replace(image, pixels=torch.zeros_like(image.pixels)), reference)
