"""Colour in and out: code values of movies through linear light and back, images between spaces, baked LUTs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame

from compositing.color import CAMERA, LINEAR, SRGB, convert
from compositing.errors import ColorError
from compositing.footage import tags
from compositing.footage.codes import encode_planes, subsample
from compositing.footage.yuv import Coding, decode_planes, upsample
from compositing.image import Image
from compositing.lut import bake
from compositing.operations.alpha import premultiply, unpremultiply
from compositing.operations.colorspace import shown, through, to_space

Picture = Callable[..., Image]

# Primaries, transfer, matrix and range, by their numbers in H.273 and FFmpeg; 2 and 0 are "unspecified".
TAGGED = {
    "untagged HD": (2, 2, 2, 0),
    "HD": (1, 1, 1, 1),
    "HD, full range": (1, 1, 1, 2),
    "BT.2020": (9, 14, 9, 1),
    "PQ": (9, 16, 9, 1),
    "HLG": (9, 18, 9, 1),
}


def patches(seed: int = 0) -> np.ndarray:
    """R'G'B' patches from black to white, greys and colours, ``[3, 720, 1280]`` with few distinct rows."""
    random = np.random.default_rng(seed)
    colors = np.concatenate(
        [np.repeat(np.linspace(0.02, 0.98, 12)[:, None], 3, 1), random.uniform(0.05, 0.95, (52, 3))]
    )
    return np.broadcast_to(np.repeat(colors.T, 20, axis=1)[:, None], (3, 720, 1280)).astype(np.float32)


def frame_of(codes: list[np.ndarray], layout: str, numbers: tuple[int, int, int, int]) -> VideoFrame:
    frame = VideoFrame(1280, 720, layout)
    for plane, values in zip(frame.planes, codes, strict=True):
        rows = np.zeros((plane.height, plane.line_size // values.itemsize), dtype=values.dtype)
        rows[:, : plane.width] = values
        plane.update(rows.tobytes())
    frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = numbers
    return frame


@pytest.mark.parametrize(("bits", "layout"), [(8, "yuv420p"), (10, "yuv420p10le"), (10, "yuv444p10le")])
@pytest.mark.parametrize("numbers", TAGGED.values(), ids=TAGGED)
def test_codes_come_back_through_linear_light(numbers: tuple[int, int, int, int], bits: int, layout: str) -> None:
    matrix = "bt2020" if numbers[2] == 9 else "bt709"
    step = (2, 2) if "420" in layout else (1, 1)
    sent = encode_planes(patches(), Coding(matrix, numbers[3] == 2), bits, step)
    frame = frame_of(sent, layout, numbers)
    coding, color = tags.decide(frame, "h264")
    assert (coding.matrix, coding.full_range) == (matrix, numbers[3] == 2)
    decoded, _ = decode_planes(frame, coding)
    light = convert(torch.from_numpy(decoded[:, :2, :].copy()), color.space, LINEAR)
    coded = convert(light, LINEAR, color.space).numpy()
    received = encode_planes(coded, coding, bits, (step[0], step[1]))
    for there, back in zip(sent, received, strict=True):
        middle = (np.arange(64) * 20 + 10) // (there.shape[1] // back.shape[1]) * back.shape[1] // 1280
        difference = back[0, middle].astype(int) - there[0, middle].astype(int)
        assert np.abs(difference).max() <= 1


def test_subsampling_is_undone_by_upsampling() -> None:
    slope = np.broadcast_to(np.linspace(20, 200, 40), (12, 40)).copy()
    for centred in (False, True):
        back = upsample(subsample(slope, (2, 2), centred).astype(np.float32), (40, 12), centred)
        np.testing.assert_allclose(back[:, 2:-2], slope[:, 2:-2], atol=1e-3)


def test_super_whites_and_sub_blacks_keep_their_codes() -> None:
    pixels = np.array([-0.05, 0.0, 1.0, 1.08], dtype=np.float32).reshape(1, 1, 4).repeat(3, 0)
    luma = encode_planes(pixels, Coding("bt709", full_range=False), 8)[0]
    assert luma.tolist() == [[5, 16, 235, 253]]


def test_an_image_is_converted_straight_and_keeps_its_state(picture: Picture) -> None:
    image = premultiply(unpremultiply(picture(1)))
    one = to_space(image, "ACEScct")
    other = premultiply(to_space(unpremultiply(image), "ACEScct"))
    seen = image.channel("A") > 0
    torch.testing.assert_close(one.pixels[:, seen], other.pixels[:, seen], rtol=1e-4, atol=1e-4)
    assert one.premultiplied
    assert one.color_space == "ACEScct"
    assert torch.equal(one.channel("A"), image.channel("A"))
    back = to_space(one, LINEAR)
    torch.testing.assert_close(back.pixels[:, seen], image.pixels[:, seen], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("source", "target", "top"), [(CAMERA, SRGB, 1.0), ("ARRI LogC4", SRGB, 1.0), (LINEAR, SRGB, 4.0)]
)
def test_a_baked_conversion_is_near_the_exact_one(source: str, target: str, top: float) -> None:
    # Colours well within the target's gamut: near its border the encoding bends faster than a cube follows.
    inside = torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(1)) * 0.4 + 0.35
    colors = convert(inside, SRGB, source)
    exact = convert(colors, source, target)
    assert (bake(source, target, size=65, top=top).apply(colors) - exact).abs().max() < 0.012


def test_a_lut_belongs_to_its_space(picture: Picture) -> None:
    lut = bake(CAMERA, SRGB, size=9)
    with pytest.raises(ColorError, match="bake another"):
        through(picture(1), lut)
    result = through(replace(picture(1, wild=False), color_space=CAMERA), lut)
    assert result.color_space == SRGB
    with pytest.raises(ColorError, match="2 to 129"):
        bake(CAMERA, SRGB, size=1)


def test_a_preview_is_the_display_window(picture: Picture) -> None:
    view = shown(picture(1))
    assert view.shape == (10, 12, 3)
    assert view.dtype == np.uint8
