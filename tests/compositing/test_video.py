"""Movies: every picture under its own number, whatever the container's clock does."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from compositing import FootageError, FrameRangeError, open_footage
from compositing.footage import decoder
from compositing.footage.decoder import MovieDecoder

Number = Callable[[NDArray[np.generic]], int]
Movie = Callable[..., Path]

COUNT = 50
GROUPS = {"g": "12", "bf": "3"}
_clock = random.Random(7)
UNEVEN = [0]
while len(UNEVEN) < COUNT:
    UNEVEN.append(UNEVEN[-1] + _clock.choice([17, 33, 40, 125]))

MOVIES: dict[str, dict[str, Any]] = {
    "constant.mp4": {"options": GROUPS},
    "variable.mp4": {"options": GROUPS, "pts": UNEVEN},
    "variable.mkv": {"options": GROUPS, "pts": UNEVEN},
    "open_groups.mp4": {"options": {**GROUPS, "x264-params": "open-gop=1"}},
    "open_groups.mkv": {"options": {**GROUPS, "x264-params": "open-gop=1"}},
    "fragmented.mp4": {"options": GROUPS, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "transport.ts": {"options": GROUPS},
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2", "b": "4000000"}},
    "reordered.avi": {"options": GROUPS},
    "no_timestamps.h264": {"options": GROUPS},
    "ten_bit.mp4": {
        "codec": "libx265",
        "pix_fmt": "yuv420p10le",
        "options": {"x265-params": "keyint=12:bframes=3:open-gop=1:log-level=none"},
    },
    "hidden_pictures.webm": {"codec": "libvpx-vp9", "options": {"g": "12", "auto-alt-ref": "1", "b": "1000000"}},
    "prores.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "jpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj422p"},
    "rgb.mov": {"codec": "png", "pix_fmt": "rgb48be"},
    "planar_rgb.mkv": {"codec": "ffv1", "pix_fmt": "gbrp16le"},
    "grey.mkv": {"codec": "ffv1", "pix_fmt": "gray10le"},
    "packed.mov": {"codec": "rawvideo", "pix_fmt": "uyvy422"},
    "palette.gif": {"codec": "gif", "pix_fmt": "rgb8"},
}


@pytest.fixture(params=MOVIES)
def movie(request: pytest.FixtureRequest, coded_movie: Movie) -> Path:
    return coded_movie(request.param, COUNT, **MOVIES[request.param])


def test_every_number_gives_its_picture_in_any_order(movie: Path, number: Number) -> None:
    with open_footage(movie) as footage:
        assert list(footage.frames) == list(range(COUNT))
        assert [(frame, number(view)) for frame, view in footage.views(footage.frames)] == [
            (frame, frame) for frame in range(COUNT)
        ]
        shuffled = list(range(COUNT))
        random.Random(1).shuffle(shuffled)
        backwards = list(range(COUNT))[::-1]
        for frame in (*shuffled, *backwards):
            assert number(footage.view(frame)) == frame


def test_plate_and_view_are_the_same_picture(movie: Path) -> None:
    with open_footage(movie) as footage:
        for frame in (31, 4):
            plate = footage.read(frame)
            codes = np.rint(np.clip(plate.rgb().numpy(), 0.0, 1.0) * 255.0).transpose(1, 2, 0)
            assert np.abs(codes - footage.view(frame)).max() <= 2
            assert plate.display.width == footage.width == 80
            assert plate.display.height == footage.height == 48


@pytest.mark.parametrize("name", ["constant.mp4", "variable.mkv", "open_groups.mp4"])
def test_reading_forwards_never_seeks(name: str, coded_movie: Movie, monkeypatch: pytest.MonkeyPatch) -> None:
    path = coded_movie(name, COUNT, **MOVIES[name])

    def seek(_: MovieDecoder, index: int) -> None:
        raise AssertionError(f"sought {index}")

    with open_footage(path) as footage:
        monkeypatch.setattr(MovieDecoder, "_seek", seek)
        assert len(list(footage.views(footage.frames))) == COUNT
        assert len([footage.view(frame) for frame in footage.frames]) == COUNT
        assert len(list(footage.views(range(0, COUNT, 3)))) == 17


def test_stepping_backwards_decodes_a_group_once(coded_movie: Movie, monkeypatch: pytest.MonkeyPatch) -> None:
    path = coded_movie("back.mp4", COUNT, options={"g": "50", "sc_threshold": "0"})
    with open_footage(path) as footage:
        sought: list[int] = []
        seek = MovieDecoder._seek
        monkeypatch.setattr(MovieDecoder, "_seek", lambda self, index: (sought.append(index), seek(self, index)))
        for frame in range(COUNT - 1, 0, -1):
            footage.view(frame)
        assert sought == []


def test_few_kept_pictures_still_give_the_right_ones(
    coded_movie: Movie, number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "KEPT_BYTES", 1)
    with open_footage(coded_movie("back.mp4", COUNT, options=GROUPS)) as footage:
        assert [number(footage.view(frame)) for frame in range(COUNT - 1, -1, -7)] == list(range(COUNT - 1, -1, -7))


def test_numbering_begins_where_it_is_told_to(coded_movie: Movie, number: Number) -> None:
    with open_footage(coded_movie("a.mp4", 5), start=1001) as footage:
        assert (footage.first, footage.last, len(footage)) == (1001, 1005, 5)
        assert number(footage.view(1003)) == 2
        assert footage.missing == []
        for frame in (1000, 1006, 0):
            with pytest.raises(FrameRangeError, match=r"1001-1005"):
                footage.view(frame)


def test_rate_and_timecode(coded_movie: Movie) -> None:
    ntsc = Fraction(30000, 1001)
    path = coded_movie("a.mov", 4, rate=ntsc, metadata={"timecode": "00:00:59;28"})
    with open_footage(path) as footage:
        assert footage.rate == ntsc
        assert [footage.timecode(frame) for frame in footage.frames] == [
            "00:00:59;28",
            "00:00:59;29",
            "00:01:00;02",
            "00:01:00;03",
        ]
    with open_footage(path, rate="24000/1001") as footage:
        assert footage.rate == Fraction(24000, 1001)
    with open_footage(path, rate=23.976) as footage:
        assert footage.rate == Fraction(24000, 1001)
    with pytest.raises(FootageError, match="frame rate"):
        open_footage(path, rate="fast")


@pytest.mark.parametrize("name", ["a.mkv", "a.mov", "a.mp4"])
def test_every_container_tells_its_timecode(name: str, coded_movie: Movie) -> None:
    with open_footage(coded_movie(name, 2, metadata={"timecode": "10:00:00:24"})) as footage:
        assert [footage.timecode(frame) for frame in footage.frames] == ["10:00:00:24", "10:00:01:00"]


def test_a_movie_without_timecode_has_none(coded_movie: Movie) -> None:
    with open_footage(coded_movie("a.mkv", 3)) as footage:
        assert footage.timecode(1) is None


def test_a_variable_rate_is_reported(coded_movie: Movie) -> None:
    with open_footage(coded_movie("a.mp4", COUNT, pts=UNEVEN)) as footage:
        assert any("rate varies" in note for note in footage.notes)
    with open_footage(coded_movie("b.mkv", COUNT)) as footage:
        assert not any("rate varies" in note for note in footage.notes)


@pytest.mark.parametrize(
    ("rotation", "size", "quarters"), [(0, (80, 48), 0), (-90, (48, 80), 1), (180, (80, 48), 2), (90, (48, 80), 3)]
)
def test_pictures_stand_upright(
    rotation: int, size: tuple[int, int], quarters: int, coded_movie: Movie, picture: Callable[[int], NDArray[np.uint8]]
) -> None:
    with open_footage(coded_movie("held.mp4", 4, rotation=rotation, options={"crf": "5"})) as footage:
        assert (footage.width, footage.height) == size
        expected = np.rot90(picture(3), -quarters)
        assert np.abs(footage.view(3).astype(int) - expected).mean() < 6
        plate = footage.read(3)
        assert np.abs(plate.rgb().numpy().transpose(1, 2, 0) * 255 - expected).mean() < 6
        assert any("turned" in note for note in footage.notes) == bool(rotation)


def test_pixel_aspect_is_reported_and_turns_with_the_picture(coded_movie: Movie) -> None:
    wide = Fraction(16, 11)
    with open_footage(coded_movie("a.mp4", 2, aspect=wide)) as footage:
        assert footage.pixel_aspect == pytest.approx(16 / 11)
        assert footage.width == 80
    with open_footage(coded_movie("b.mp4", 2, aspect=wide, rotation=90)) as footage:
        assert footage.pixel_aspect == pytest.approx(11 / 16)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "tolerance"),
    [
        ("a.mov", "prores_ks", "yuva444p10le", 0.02),
        ("b.mkv", "ffv1", "rgba64le", 1e-6),
        ("c.webm", "libvpx-vp9", "yuva420p", 0.05),
        ("d.mov", "qtrle", "argb", 1.1 / 255),
    ],
)
def test_alpha_comes_with_the_plate(
    name: str, codec: str, pix_fmt: str, tolerance: float, tmp_path: Path, encode: Movie
) -> None:
    pixels = np.zeros((48, 64, 4), dtype=np.uint8)
    pixels[..., 0] = 200
    pixels[..., 3] = np.linspace(0, 255, 64).astype(np.uint8)
    wide = pixels.astype(np.uint16) * 257
    frames = [VideoFrame.from_ndarray(wide, format="rgba64le").reformat(format=pix_fmt) for _ in range(3)]
    options = {"b": "4000000"} if codec == "libvpx-vp9" else {"alpha_bits": "16"} if codec == "prores_ks" else {}
    with open_footage(encode(tmp_path / name, frames, codec=codec, options=options)) as footage:
        for frame in (2, 0):
            plate = footage.read(frame)
            assert plate.channels == ("R", "G", "B", "A")
            assert not plate.premultiplied
            assert plate.alpha is not None
            assert np.abs(plate.alpha.numpy() - pixels[..., 3] / 255.0).max() <= tolerance


def test_a_late_reader_of_views_stops_the_decoding(coded_movie: Movie) -> None:
    with open_footage(coded_movie("a.mp4", COUNT)) as footage:
        views = footage.views(footage.frames)
        assert next(views)[0] == 0
        views.close()  # type: ignore[attr-defined]
        assert footage.view(3).shape == (48, 80, 3)


def test_a_frame_out_of_range_is_told_among_views(coded_movie: Movie) -> None:
    with open_footage(coded_movie("a.mp4", 5)) as footage:
        views = footage.views(range(3, 9))
        assert [next(views)[0], next(views)[0]] == [3, 4]
        with pytest.raises(FrameRangeError, match="Frame 5 is outside"):
            next(views)
