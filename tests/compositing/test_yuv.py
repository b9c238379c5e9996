"""Video planes to R'G'B': the numbers of the standards, at every depth, sampling and range."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from compositing import open_footage
from compositing.footage.yuv import Coding, decode_planes, decode_view, raw_plane

# R' = Y' + a Cr, G' = Y' - b Cb - c Cr, B' = Y' + d Cb, as printed in BT.601, BT.709 and BT.2020.
PRINTED = {
    "bt601": (1.402, 0.344136, 0.714136, 1.772),
    "bt709": (1.5748, 0.187324, 0.468124, 1.8556),
    "bt2020": (1.4746, 0.164553, 0.571353, 1.8814),
}
RANDOM = np.random.default_rng(5)


def printed_rgb(matrix: str, luma: float, blue: float, red: float) -> NDArray[np.float64]:
    a, b, c, d = PRINTED[matrix]
    return np.array([luma + a * red, luma - b * blue - c * red, luma + d * blue])


def flat_frame(pix_fmt: str, codes: tuple[int, ...], width: int = 16, height: int = 8) -> VideoFrame:
    """A frame whose planes hold one code value each."""
    frame = VideoFrame(width, height, pix_fmt)
    for component, code in enumerate(codes):
        plane = raw_plane(frame, component)
        plane.setflags(write=True)
        plane[:] = code
    return frame


@pytest.mark.parametrize("matrix", PRINTED)
@pytest.mark.parametrize("sampling", ["420", "422", "444"])
@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("full_range", [False, True])
def test_a_flat_colour_has_the_printed_value(matrix: str, sampling: str, bits: int, full_range: bool) -> None:
    codes = [code << (bits - 8) for code in (120, 70, 190)]
    frame = flat_frame(f"yuv{sampling}p" + (f"{bits}le" if bits > 8 else ""), tuple(codes))
    top = float((1 << bits) - 1)
    black, luma, chroma = (0.0, top, top) if full_range else tuple(v * 2 ** (bits - 8) for v in (16.0, 219.0, 224.0))
    middle = 1 << (bits - 1)
    expected = printed_rgb(
        matrix, (codes[0] - black) / luma, (codes[1] - middle) / chroma, (codes[2] - middle) / chroma
    )
    coding = Coding(matrix, full_range)
    pixels, channels = decode_planes(frame, coding)
    assert channels == ("R", "G", "B")
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, np.broadcast_to(expected[:, None, None], pixels.shape), atol=2e-5)
    view = decode_view(frame, coding)
    assert view.shape == (8, 16, 3)
    assert np.abs(view - np.clip(expected, 0, 1) * 255).max() <= 1.0


def test_whiter_than_white_and_blacker_than_black_are_kept_in_the_plate() -> None:
    above, _ = decode_planes(flat_frame("yuv420p", (254, 128, 128)), Coding("bt709", False))
    below, _ = decode_planes(flat_frame("yuv420p", (1, 128, 128)), Coding("bt709", False))
    assert above.max() == pytest.approx((254 - 16) / 219, abs=1e-5)
    assert below.min() == pytest.approx((1 - 16) / 219, abs=1e-5)
    assert decode_view(flat_frame("yuv420p", (254, 128, 128)), Coding("bt709", False)).max() == 255


@pytest.mark.parametrize("centred", [False, True])
def test_chroma_lies_where_it_is_sited(centred: bool) -> None:
    """A ramp in chroma stays a straight ramp over the pixels, half a pixel further on where it is sited left."""
    frame = flat_frame("yuv420p", (128, 128, 128), width=32)
    plane = raw_plane(frame, 2)
    plane.setflags(write=True)
    plane[:] = 100 + 4 * np.arange(16, dtype=np.uint8)
    pixels, _ = decode_planes(frame, Coding("bt709", True, centred))
    luma = 128.0
    red = (pixels[0, 4] * 255.0 - luma) / 1.5748 + 128.0
    columns = np.arange(32)
    expected = 100 + 4 * (columns / 2 if not centred else (columns + 0.5) / 2 - 0.5)
    np.testing.assert_allclose(red[2:-2], expected[2:-2], atol=1e-3)


def test_rows_of_chroma_lie_between_rows_of_luma() -> None:
    frame = flat_frame("yuv420p", (128, 128, 128), height=32)
    plane = raw_plane(frame, 1)
    plane.setflags(write=True)
    plane[:] = 100 + 4 * np.arange(16, dtype=np.uint8)[:, None]
    pixels, _ = decode_planes(frame, Coding("bt709", True))
    blue = (pixels[2, :, 5] * 255.0 - 128.0) / 1.8556 + 128.0
    np.testing.assert_allclose(blue[2:-2], (100 + 4 * ((np.arange(32) + 0.5) / 2 - 0.5))[2:-2], atol=1e-3)


@pytest.mark.parametrize(("width", "height"), [(16, 8), (17, 9), (1, 1), (2, 3), (33, 2)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv440p", "yuv420p10le", "nv12"])
def test_view_and_plate_agree_on_noise_of_any_size(pix_fmt: str, width: int, height: int) -> None:
    noise = RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)
    frame = VideoFrame.from_ndarray(noise, format="rgb24").reformat(format=pix_fmt)
    coding = Coding("bt709", False)
    pixels, _ = decode_planes(frame, coding)
    assert pixels.shape == (3, height, width)
    codes = np.rint(np.clip(pixels, 0, 1) * 255).transpose(1, 2, 0)
    assert np.abs(codes - decode_view(frame, coding)).max() <= 2


@pytest.mark.parametrize("pix_fmt", ["rgb24", "bgr24", "gbrp", "rgba", "argb", "bgra"])
def test_rgb_keeps_every_code(pix_fmt: str) -> None:
    noise = RANDOM.integers(0, 256, (9, 14, 3), dtype=np.uint8)
    frame = VideoFrame.from_ndarray(noise, format="rgb24").reformat(format=pix_fmt)
    pixels, channels = decode_planes(frame, Coding("rgb", True))
    assert channels[:3] == ("R", "G", "B")
    np.testing.assert_array_equal(np.rint(pixels[:3] * 255.0).transpose(1, 2, 0), noise)


@pytest.mark.parametrize("pix_fmt", ["rgb48le", "rgb48be", "rgba64le", "gbrp16le"])
def test_sixteen_bit_rgb_keeps_every_code(pix_fmt: str) -> None:
    noise = RANDOM.integers(0, 65536, (9, 14, 3), dtype=np.uint16)
    frame = VideoFrame.from_ndarray(noise, format="rgb48le").reformat(format=pix_fmt)
    pixels, _ = decode_planes(frame, Coding("rgb", True))
    np.testing.assert_array_equal(np.rint(pixels[:3] * 65535.0).transpose(1, 2, 0), noise)


def test_packed_video_keeps_every_code() -> None:
    packed = VideoFrame.from_ndarray(RANDOM.integers(0, 256, (8, 16, 2), dtype=np.uint8), format="yuyv422")
    pixels, _ = decode_planes(packed, Coding("bt709", True))
    planar, _ = decode_planes(packed.reformat(format="yuv422p"), Coding("bt709", True))
    np.testing.assert_array_equal(pixels, planar)


BT709 = {"color_primaries": 1, "color_trc": 1, "colorspace": 1}
BT601 = {"color_primaries": 6, "color_trc": 6, "colorspace": 6}
BT2020 = {"color_primaries": 9, "color_trc": 14, "colorspace": 9}
CODES = (120, 70, 190)


@pytest.mark.parametrize(
    ("size", "tags", "matrix", "full", "guessed"),
    [
        ((1280, 720), {}, "bt709", False, True),
        ((720, 576), {}, "bt601", False, True),
        ((720, 1280), {}, "bt709", False, True),
        ((64, 48), {**BT709, "color_range": 1}, "bt709", False, False),
        ((1280, 720), {**BT601, "color_range": 1}, "bt601", False, False),
        ((64, 48), {**BT2020, "color_range": 1}, "bt2020", False, False),
        ((64, 48), {**BT709, "color_range": 2}, "bt709", True, False),
        ((64, 48), {"color_primaries": 9, "color_range": 1}, "bt2020", False, True),
    ],
)
def test_a_movie_is_decoded_by_its_tags_or_by_a_reported_guess(
    size: tuple[int, int],
    tags: dict[str, int],
    matrix: str,
    full: bool,
    guessed: bool,
    tmp_path: Path,
    encode: Callable[..., Path],
) -> None:
    path = encode(tmp_path / "a.mkv", [flat_frame("yuv420p", CODES, *size)], codec="ffv1", tags=tags)
    with open_footage(path) as footage:
        assert footage.color.matrix == matrix
        assert footage.color.range == ("full" if full else "limited")
        assert footage.color.guessed == guessed
        assert (footage.color.reason in footage.notes) == guessed
        black, luma, chroma = (0, 255, 255) if full else (16, 219, 224)
        expected = printed_rgb(matrix, (CODES[0] - black) / luma, (CODES[1] - 128) / chroma, (CODES[2] - 128) / chroma)
        np.testing.assert_allclose(footage.read(0).pixels[:, 4, 4].numpy(), expected, atol=2e-5)


def test_a_guess_is_told_in_words(tmp_path: Path, encode: Callable[..., Path]) -> None:
    path = encode(tmp_path / "a.mkv", [flat_frame("yuv420p", CODES, 1280, 720)], codec="ffv1")
    with open_footage(path) as footage:
        assert "no matrix is tagged, taken as bt709 because 1280x720 is HD" in footage.color.reason.lower().replace(
            "hd", "HD"
        )
        assert footage.color.reason.endswith(".")


def test_a_full_range_jpeg_movie_is_full_range(tmp_path: Path, encode: Callable[..., Path]) -> None:
    path = encode(tmp_path / "a.mov", [flat_frame("yuvj420p", (255, 128, 128))], codec="mjpeg")
    with open_footage(path) as footage:
        assert footage.color.range == "full"
        assert footage.view(0).min() >= 254


def test_hdr_is_shown_in_the_range_of_a_monitor(tmp_path: Path, encode: Callable[..., Path]) -> None:
    """BT.2100 PQ codes its 100 nits at 0.508; a view shows them as white, and 10 nits as a mid grey."""
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 2}
    for code, low, high in ((round(0.5081 * 1023), 252, 255), (round(0.3023 * 1023), 84, 94)):
        frame = flat_frame("yuv420p10le", (code, 512, 512), 64, 48)
        with open_footage(encode(tmp_path / f"{code}.mkv", [frame], codec="ffv1", tags=tags)) as footage:
            assert footage.color.transfer == "pq"
            assert low <= footage.view(0)[20, 30].mean() <= high
            assert footage.read(0).pixels[0, 0, 0] == pytest.approx(code / 1023, abs=1e-4)


def test_a_named_colour_space_overrides_the_tags(tmp_path: Path, encode: Callable[..., Path]) -> None:
    path = encode(tmp_path / "a.mkv", [flat_frame("yuv420p", (126, 128, 128), 64, 48)], codec="ffv1", tags=BT709)
    with open_footage(path) as tagged, open_footage(path, color_space="lin_rec709_scene") as named:
        assert tagged.color.space == "Camera Rec.709"
        assert named.color.space == "Linear Rec.709 (sRGB)"
        assert named.view(0).mean() > tagged.view(0).mean() + 40
        assert np.array_equal(named.read(0).pixels, tagged.read(0).pixels)


@pytest.mark.parametrize(("primaries", "told"), [(1, 0.64), (9, 0.708), (12, 0.68), (2, None)])
def test_primaries_are_reported(
    primaries: int, told: float | None, tmp_path: Path, encode: Callable[..., Path]
) -> None:
    tags = {"color_primaries": primaries, "color_trc": 1, "colorspace": 1, "color_range": 1}
    path = encode(tmp_path / "a.mkv", [flat_frame("yuv420p", CODES, 64, 48)], codec="ffv1", tags=tags)
    with open_footage(path) as footage:
        assert (footage.chromaticities[0] if footage.chromaticities else None) == told
        assert any("P3" in note for note in footage.notes) == (primaries == 12)
