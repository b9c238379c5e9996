"""Chains of point operations are the operations one after another, whatever the bands and windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations.chain import chain
from compositing.operations.filter import gaussian
from compositing.operations.grade import Cdl, cdl, exposure
from compositing.operations.keying import despill, keymix
from compositing.operations.merge import merge, over

Picture = Callable[..., Image]
DISPLAY = Window.sized(12, 10)


def five(a: Image, light: Image, b: Image) -> Image:
    lit = merge("plus", merge("multiply", exposure(a, 0.5), light), a)
    return cdl(over(lit, b), Cdl(1.1, 0.0, 0.9, 1.2))


windows = st.builds(Window.sized, st.integers(1, 9), st.integers(1, 9), st.integers(-4, 9), st.integers(-4, 9))


def small(seed: int, data: Window) -> Image:
    generator = torch.Generator().manual_seed(seed)
    alpha = torch.rand(1, data.height, data.width, generator=generator).mul(1.6).sub(0.3).clamp(0, 1)
    color = torch.rand(3, data.height, data.width, generator=generator) * 5 - 1
    return Image(torch.cat([color * alpha, alpha]), ("R", "G", "B", "A"), data, DISPLAY)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands of one or a few rows."""
    monkeypatch.setattr("compositing.operations.bands._BAND", 60)


@pytest.mark.usefixtures("narrow")
def test_a_chain_is_its_operations_one_by_one() -> None:
    @settings(max_examples=30, deadline=None)
    @given(windows, windows, windows, st.integers(0, 999))
    def holds(one: Window, two: Window, three: Window, seed: int) -> None:
        a, light, b = (small(seed + step, window) for step, window in enumerate((one, two, three)))
        plain, banded = five(a, light, b), chain(five, a, light, b)
        assert banded.data == a.data.union(light.data).union(b.data)
        canvas = plain.data.union(banded.data)
        torch.testing.assert_close(banded.cropped(canvas).pixels, plain.cropped(canvas).pixels)
        assert (banded.channels, banded.display, banded.premultiplied) == (plain.channels, plain.display, True)

    holds()


@pytest.mark.usefixtures("narrow")
def test_a_plate_without_alpha_and_a_matte_go_through(picture: Picture) -> None:
    a, plate = picture(1, Window.sized(5, 4, 3, 3)), picture(2, alpha=False)
    matte = Image(torch.rand(1, 4, 5), ("A",), Window.sized(5, 4, 4, 2), DISPLAY)

    def work(a: Image, plate: Image, matte: Image) -> Image:
        return keymix(over(despill(a), plate), over(a, plate), matte)

    torch.testing.assert_close(chain(work, a, plate, matte).pixels, work(a, plate, matte).pixels)


@pytest.mark.usefixtures("narrow")
def test_the_result_goes_where_it_is_told(picture: Picture) -> None:
    a, b = picture(1, Window.sized(3, 3, 2, 2)), picture(2)
    expected = over(a, b).pixels
    out = torch.empty_like(b.pixels)
    assert chain(over, a, b, out=out).pixels is out
    assert torch.equal(out, expected)
    part = Window.sized(4, 5, 1, 1)
    assert torch.equal(chain(over, a, b, window=part).pixels, over(a, b).cropped(part).pixels)
    assert torch.equal(chain(over, a, b, out=b.pixels).pixels, expected)


def test_what_looks_beyond_its_pixel_is_refused(picture: Picture) -> None:
    with pytest.raises(ImageError, match="keep filters, transforms"):
        chain(lambda image: gaussian(image, 2), picture(1))
    with pytest.raises(ImageError, match="at least one image"):
        chain(over)
    with pytest.raises(ImageError, match="differ in size"):
        chain(over, picture(1), replace(picture(2), display=Window.sized(30, 10)))
