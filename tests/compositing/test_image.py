"""Images and windows: what fits together, and what lies where."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositing.errors import ImageError
from compositing.image import Image, Window, paste

windows = st.builds(Window.sized, st.integers(1, 9), st.integers(1, 9), st.integers(-6, 6), st.integers(-6, 6))


def test_a_window_has_pixels() -> None:
    assert str(Window(-2, 3, 8, 9)) == "10x6 at (-2, 3)"
    with pytest.raises(ImageError, match="no pixels"):
        Window(4, 0, 4, 5)


@given(windows, windows)
def test_pasting_keeps_every_shared_pixel_in_place_and_the_rest_black(data: Window, onto: Window) -> None:
    pixels = torch.arange(1, data.width * data.height + 1).reshape(1, data.height, data.width)
    result = paste(pixels, data, onto)
    for y in range(onto.y0, onto.y1):
        for x in range(onto.x0, onto.x1):
            inside = data.x0 <= x < data.x1 and data.y0 <= y < data.y1
            expected = pixels[0, y - data.y0, x - data.x0] if inside else 0
            assert result[0, y - onto.y0, x - onto.x0] == expected


@given(windows, windows)
def test_windows_meet_the_same_way_round(one: Window, other: Window) -> None:
    assert one.intersection(other) == other.intersection(one)


def test_channels_are_found_by_name() -> None:
    pixels = torch.rand(4, 2, 3)
    window = Window.sized(3, 2)
    image = Image(pixels, ("A", "B", "G", "R"), window, window)
    assert torch.equal(image.rgb(), pixels[[3, 2, 1]])
    assert image.alpha is not None
    assert torch.equal(image.alpha, pixels[0])
    with pytest.raises(ImageError, match="no channel 'Z'"):
        image.channel("Z")


def test_luminance_alone_is_grey() -> None:
    image = Image.from_pixels(torch.rand(2, 2, 3))
    assert image.channels == ("Y", "A")
    assert torch.equal(image.rgb()[2], image.channel("Y"))


def test_the_display_window_is_the_picture() -> None:
    image = Image(torch.ones(3, 2, 2), ("R", "G", "B"), Window.sized(2, 2, 3, 1), Window.sized(4, 4))
    shown = image.on_display()
    assert shown.data == image.display
    assert shown.pixels.sum() == 3 * 2 * 1
    assert shown.pixels[:, 1:3, 3].min() == 1.0


@pytest.mark.parametrize(
    ("pixels", "channels", "told"),
    [
        (torch.zeros(3, 4, 5, dtype=torch.float16), ("R", "G", "B"), "float32"),
        (torch.zeros(3, 4, 6), ("R", "G", "B"), "expected (3, 4, 5)"),
        (torch.zeros(2, 4, 5), ("R", "G", "B"), "expected (3, 4, 5)"),
        (torch.zeros(2, 4, 5), ("A", "A"), "repeat"),
    ],
)
def test_what_does_not_fit_is_refused(pixels: torch.Tensor, channels: tuple[str, ...], told: str) -> None:
    with pytest.raises(ImageError) as caught:
        Image(pixels, channels, Window.sized(5, 4), Window.sized(5, 4))
    assert told in str(caught.value)


def test_an_image_without_colour_says_so() -> None:
    with pytest.raises(ImageError, match="no colour"):
        Image.from_pixels(torch.zeros(2, 1, 1), channels=("u", "v")).rgb()
