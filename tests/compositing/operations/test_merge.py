"""Merges against their formulas in float64 and against OpenImageIO; windows, order, states and refusals."""

# ruff: noqa: ARG005 (oracles share one signature)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compositing.errors import ColorError, ImageError
from compositing.image import Image, Window
from compositing.operations.alpha import premultiply, unpremultiply
from compositing.operations.merge import MERGES, merge, over

Array = NDArray[np.float64]
Picture = Callable[..., Image]
LaidOut = Callable[..., Array]

WINDOWS = {
    "same": (Window.sized(12, 10), Window.sized(12, 10)),
    "disjoint": (Window.sized(4, 3), Window.sized(3, 5, 7, 4)),
    "overlapping": (Window.sized(7, 6, 1, 1), Window.sized(7, 6, 4, 3)),
    "contained": (Window.sized(3, 4, 4, 3), Window.sized(10, 8, 1, 1)),
    "containing": (Window.sized(10, 8, 1, 1), Window.sized(3, 4, 4, 3)),
    "beyond the display": (Window.sized(20, 5, -4, -2), Window.sized(6, 20, 3, -5)),
}
CANVAS = Window(-6, -6, 20, 20)


def quotient(x: Array, y: Array) -> Array:
    return np.divide(x, y, out=np.zeros(np.broadcast_shapes(x.shape, y.shape)), where=y != 0)


def hard(a: Array, b: Array) -> Array:
    return np.where(a < 0.5, 2 * a * b, 1 - 2 * (1 - a) * (1 - b))


ORACLES: dict[str, Callable[[Array, Array, Array, Array], Array]] = {
    "over": lambda A, B, a, b: A + B * (1 - a),
    "under": lambda A, B, a, b: A * (1 - b) + B,
    "atop": lambda A, B, a, b: A * b + B * (1 - a),
    "in": lambda A, B, a, b: A * b,
    "out": lambda A, B, a, b: A * (1 - b),
    "mask": lambda A, B, a, b: B * a,
    "stencil": lambda A, B, a, b: B * (1 - a),
    "xor": lambda A, B, a, b: A * (1 - b) + B * (1 - a),
    "matte": lambda A, B, a, b: A * (a > 0) + B * (1 - a),
    "conjoint-over": lambda A, B, a, b: np.where(a > b, A, A + B * (1 - quotient(a, b))),
    "disjoint-over": lambda A, B, a, b: np.where(a + b < 1, A + B, A + quotient(B * (1 - a), b)),
    "copy": lambda A, B, a, b: A,
    "plus": lambda A, B, a, b: A + B,
    "minus": lambda A, B, a, b: A - B,
    "from": lambda A, B, a, b: B - A,
    "difference": lambda A, B, a, b: np.abs(A - B),
    "multiply": lambda A, B, a, b: A * B,
    "screen": lambda A, B, a, b: np.where((A > 1) | (B > 1), np.maximum(A, B), A + B - A * B),
    "divide": lambda A, B, a, b: quotient(A, B),
    "average": lambda A, B, a, b: (A + B) / 2,
    "exclusion": lambda A, B, a, b: A + B - 2 * A * B,
    "geometric": lambda A, B, a, b: quotient(2 * A * B, A + B),
    "hypot": lambda A, B, a, b: np.sqrt(A**2 + B**2),
    "min": lambda A, B, a, b: np.minimum(A, B),
    "max": lambda A, B, a, b: np.maximum(A, B),
    "hard-light": lambda A, B, a, b: hard(A, B),
    "overlay": lambda A, B, a, b: hard(B, A),
    "soft-light-2ab": lambda A, B, a, b: np.where(A * B < 1, B * (2 * A + B * (1 - A * B)), 2 * A * B),
}


def test_every_merge_has_an_oracle() -> None:
    assert ORACLES.keys() == MERGES.keys()


def given_to(operation: str, a: Image) -> Image:
    return unpremultiply(a) if operation == "matte" else a


@pytest.mark.parametrize("windows", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("operation", MERGES)
def test_merges_are_their_formulas_on_every_arrangement_of_windows(
    operation: str, windows: tuple[Window, Window], picture: Picture, laid_out: LaidOut
) -> None:
    a, b = picture(1, windows[0]), picture(2, windows[1])
    first, second = laid_out(a, CANVAS), laid_out(b, CANVAS)
    expected = ORACLES[operation](first, second, first[3:], second[3:])
    result = merge(operation, given_to(operation, a), b)
    np.testing.assert_allclose(laid_out(result, CANVAS), expected, rtol=2e-5, atol=2e-6)
    assert result.premultiplied
    assert result.display == b.display


def test_the_result_is_no_larger_than_the_operation_demands(picture: Picture) -> None:
    one, other = WINDOWS["overlapping"]
    a, b = picture(1, one), picture(2, other)
    assert merge("over", a, b).data == one.union(other)
    assert merge("in", a, b).data == one.intersection(other)
    assert merge("out", a, b).data == one
    assert merge("atop", a, b).data == other
    empty = merge("in", picture(1, WINDOWS["disjoint"][0]), picture(2, WINDOWS["disjoint"][1]))
    assert empty.data == Window.sized(1, 1, 7, 4)
    assert not empty.pixels.any()


OIIO = {
    "over": oiio.ImageBufAlgo.over,
    "plus": oiio.ImageBufAlgo.add,
    "minus": oiio.ImageBufAlgo.sub,
    "difference": oiio.ImageBufAlgo.absdiff,
    "multiply": oiio.ImageBufAlgo.mul,
    "divide": oiio.ImageBufAlgo.div,
    "min": oiio.ImageBufAlgo.min,
    "max": oiio.ImageBufAlgo.max,
}


def buffer(image: Image) -> oiio.ImageBuf:
    spec = oiio.ImageSpec(image.data.width, image.data.height, 4, oiio.FLOAT)
    spec.channelnames, spec.alpha_channel = ("R", "G", "B", "A"), 3
    result = oiio.ImageBuf(spec)
    result.set_pixels(oiio.ROI(), image.to_array())
    return result


@pytest.mark.parametrize("operation", OIIO)
def test_merges_are_those_of_openimageio(operation: str, picture: Picture) -> None:
    a, b = picture(3), picture(4)
    theirs: Any = OIIO[operation](buffer(a), buffer(b))
    np.testing.assert_allclose(merge(operation, a, b).to_array(), theirs.get_pixels(oiio.FLOAT), rtol=1e-5, atol=1e-6)


windows = st.builds(Window.sized, st.integers(1, 9), st.integers(1, 9), st.integers(-4, 9), st.integers(-4, 9))


@settings(max_examples=40, deadline=None)
@given(windows, windows, windows, st.integers(0, 999))
def test_over_is_associative(one: Window, two: Window, three: Window, seed: int) -> None:
    a, b, c = (small(seed + step, window) for step, window in enumerate((one, two, three)))
    left, right = over(over(a, b), c), over(a, over(b, c))
    assert left.data == right.data
    torch.testing.assert_close(left.pixels, right.pixels, rtol=1e-5, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(windows, windows, st.sampled_from(sorted(MERGES)), st.integers(0, 999))
def test_merges_stay_finite(one: Window, two: Window, operation: str, seed: int) -> None:
    a = given_to(operation, small(seed, one))
    assert merge(operation, a, small(seed + 1, two)).pixels.isfinite().all()


@settings(max_examples=30, deadline=None)
@given(windows, windows, st.integers(0, 999))
def test_laws_of_porter_and_duff(one: Window, two: Window, seed: int) -> None:
    a, b = small(seed, one), small(seed + 1, two)

    def same(x: Image, y: Image) -> None:
        canvas = x.data.union(y.data)
        torch.testing.assert_close(x.cropped(canvas).pixels, y.cropped(canvas).pixels, rtol=1e-5, atol=1e-5)

    same(merge("under", a, b), over(b, a))
    same(merge("mask", a, b), merge("in", b, a))
    same(merge("stencil", a, b), merge("out", b, a))
    same(merge("plus", merge("in", a, b), merge("stencil", a, b)), merge("atop", a, b))
    same(merge("plus", merge("out", a, b), merge("stencil", a, b)), merge("xor", a, b))
    same(merge("plus", a, merge("stencil", a, b)), over(a, b))


def small(seed: int, data: Window) -> Image:
    generator = torch.Generator().manual_seed(seed)
    alpha = torch.rand(1, data.height, data.width, generator=generator).mul(1.6).sub(0.3).clamp(0, 1)
    color = torch.rand(3, data.height, data.width, generator=generator) * 5 - 1
    return Image(torch.cat([color, alpha]), ("R", "G", "B", "A"), data, Window.sized(12, 10))


def test_a_given_tensor_receives_the_result(picture: Picture) -> None:
    a, b = picture(5, Window.sized(3, 3, 2, 2)), picture(6)
    expected = over(a, b).pixels
    out = torch.full_like(b.pixels, float("nan"))
    assert over(a, b, out=out).pixels is out
    assert torch.equal(out, expected)
    assert over(a, b, out=b.pixels).pixels is b.pixels
    assert torch.equal(b.pixels, expected)
    with pytest.raises(ImageError, match=r"writes \(4, 10, 12\)"):
        over(a, b, out=torch.zeros(4, 2, 2))


@pytest.mark.parametrize("operation", MERGES)
def test_merging_into_an_operand_gives_the_same(operation: str, picture: Picture) -> None:
    expected = merge(operation, given_to(operation, picture(5)), picture(6)).pixels
    a, b = given_to(operation, picture(5)), picture(6)
    assert torch.equal(merge(operation, a, b, out=b.pixels).pixels, expected)
    a, b = given_to(operation, picture(5)), picture(6)
    assert torch.equal(merge(operation, a, b, out=a.pixels).pixels, expected)


def test_bands_leave_no_seam(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = picture(7), picture(8)
    expected = merge("soft-light-2ab", a, b).pixels
    monkeypatch.setattr("compositing.operations.bands._BAND", 100)
    assert torch.equal(merge("soft-light-2ab", a, b).pixels, expected)


def test_a_plate_without_alpha_is_opaque(picture: Picture) -> None:
    a, plate = picture(9), picture(10, alpha=False)
    result = over(a, plate)
    assert result.channels == ("R", "G", "B", "A")
    torch.testing.assert_close(result.channel("A"), torch.ones(10, 12))
    assert over(plate, picture(11, alpha=False)).channels == ("R", "G", "B")
    assert torch.equal(over(plate, a).pixels[:3], plate.pixels)


def test_channels_are_matched_by_name(picture: Picture) -> None:
    a, b = picture(1), picture(2)
    turned = replace(a, pixels=a.pixels.flip(0), channels=("A", "B", "G", "R"))
    assert torch.equal(over(turned, b).pixels, over(a, b).pixels)
    torch.testing.assert_close(over(b, turned).pixels.flip(0), over(b, a).pixels)


def test_a_known_plate_over_another_is_the_calculation_in_double(picture: Picture, laid_out: LaidOut) -> None:
    a, b = picture(12), picture(13)
    A, B = laid_out(a), laid_out(b)
    np.testing.assert_allclose(laid_out(over(a, b)), A + B * (1 - A[3:]), atol=1e-4)


def test_what_does_not_go_together_is_refused(picture: Picture) -> None:
    a, b = picture(1), picture(2)
    with pytest.raises(ColorError, match=r"two colour spaces, ACEScg and Linear Rec\.709"):
        over(replace(a, color_space="ACEScg"), b)
    assert over(replace(a, color_space="lin_rec709"), b).color_space == b.color_space
    with pytest.raises(ImageError, match="differ in size"):
        over(replace(a, display=Window.sized(20, 10)), b)
    with pytest.raises(ImageError, match="call premultiply"):
        over(unpremultiply(a), b)
    with pytest.raises(ImageError, match="different channels"):
        over(replace(a, channels=("R", "G", "Z", "A")), b)
    with pytest.raises(ImageError, match="no merge 'beside'; there are over, under"):
        merge("beside", a, b)


def test_matte_takes_straight_colour(picture: Picture) -> None:
    a, b = unpremultiply(picture(3)), picture(4)
    torch.testing.assert_close(merge("matte", a, b).pixels, over(premultiply(a), b).pixels)
