"""Movies that are cut off, damaged, or no movies: one sentence each, and the first frame lost by its number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from compositing import FootageError, open_footage

Number = Callable[[NDArray[np.generic]], int]
Movie = Callable[..., Path]

COUNT = 50
# Noise would hide nothing: the larger the pictures' share of the file, the surer a cut hits them.
LARGE = {"crf": "1", "g": "10", "bf": "2"}


def cut(path: Path, part: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def blank(path: Path, begin: int, size: int) -> Path:
    data = bytearray(path.read_bytes())
    data[begin : begin + size] = b"\xff" * size
    path.write_bytes(data)
    return path


def packet_places(path: Path) -> list[tuple[int, int]]:
    """Place and size of each picture's packet, in order of presentation."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [(packet.pos or 0, packet.size) for packet in sorted(packets, key=lambda packet: packet.pts or 0)]


def one_sentence(error: BaseException) -> str:
    told = str(error)
    assert "\n" not in told
    assert told.endswith(".")
    return told


CUT: dict[str, tuple[dict[str, Any], str]] = {
    "index_at_end.mp4": ({"options": LARGE}, "cut off"),
    "index_at_front.mov": (
        {"codec": "prores_ks", "pix_fmt": "yuv422p10le", "container_options": {"movflags": "faststart"}},
        "it promises 50 pictures and ends in picture ",
    ),
    "matroska.mkv": ({"options": LARGE}, "it promises 2.00 seconds"),
    "webm.webm": ({"codec": "libvpx-vp9", "options": {"b": "2000000"}}, "it promises 2.00 seconds"),
    "riff.avi": ({"codec": "mjpeg", "pix_fmt": "yuvj422p"}, "it promises 50 pictures"),
    "transport.ts": ({"options": LARGE}, "ends inside a packet"),
}


@pytest.mark.parametrize("part", [0.55, 0.9])
@pytest.mark.parametrize("name", CUT)
def test_a_movie_cut_in_the_middle_is_refused_at_opening(name: str, part: float, coded_movie: Movie) -> None:
    how, told = CUT[name]
    path = cut(coded_movie(name, COUNT, **how), part)
    with pytest.raises(FootageError) as caught:
        open_footage(path)
    assert name in one_sentence(caught.value)
    assert told in str(caught.value)


def test_the_index_says_where_the_file_ends(coded_movie: Movie) -> None:
    path = coded_movie("a.mov", COUNT, **CUT["index_at_front.mov"][0])
    begin, size = packet_places(path)[30]
    path.write_bytes(path.read_bytes()[: begin + size - 1])
    with pytest.raises(FootageError, match="ends in picture 31 of them"):
        open_footage(path)


@pytest.mark.parametrize("start", [0, 1001])
def test_the_first_frame_that_is_lost_is_named(start: int, coded_movie: Movie, number: Number) -> None:
    path = coded_movie("a.mov", COUNT, codec="prores_ks", pix_fmt="yuv422p10le")
    begin, _ = packet_places(path)[20]
    _, size = packet_places(path)[21]
    blank(path, begin, 2 * size)
    with open_footage(path, start=start) as footage:
        views = footage.views(footage.frames)
        for index in range(20):
            frame, view = next(views)
            assert (frame, number(view)) == (start + index, index)
        with pytest.raises(FootageError, match=rf"Frame {start + 20} of /.*a\.mov cannot be decoded") as caught:
            next(views)
        one_sentence(caught.value)
        assert number(footage.view(start + 40)) == 40
        with pytest.raises(FootageError, match=rf"Frame {start + 20} of /.*a\.mov"):
            footage.read(start + 20)


def test_a_concealed_picture_is_not_passed_off_as_whole(coded_movie: Movie, number: Number) -> None:
    path = coded_movie("a.mkv", COUNT, options={**LARGE, "bf": "0", "sc_threshold": "0"})
    begin, size = packet_places(path)[25]
    blank(path, begin + size // 2 + 8, size // 2 - 8)
    with open_footage(path) as footage:
        for frame in (3, 24, 41):
            assert number(footage.view(frame)) == frame
        for frame in (25, 28):
            with pytest.raises(FootageError, match=r"Frame 25 of /.*a\.mkv cannot be decoded"):
                footage.view(frame)


def test_a_recording_from_between_key_frames_begins_at_the_first(coded_movie: Movie, number: Number) -> None:
    path = coded_movie("a.ts", COUNT, options={"g": "10", "bf": "0", "sc_threshold": "0", "x264-params": "scenecut=0"})
    begin = packet_places(path)[5][0]
    path.write_bytes(path.read_bytes()[begin - begin % 188 :])
    with open_footage(path) as footage:
        assert [number(view) for _, view in footage.views(footage.frames)] == list(range(10, COUNT))


@pytest.mark.parametrize("content", [b"", b"no movie at all " * 200, bytes(5000)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.bin", "a"])
def test_what_is_no_movie_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FootageError) as caught:
        open_footage(tmp_path / name)
    assert name in one_sentence(caught.value)


def test_text_that_a_player_would_show_is_no_movie(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("shot 10: the dog\n" * 50)
    with pytest.raises(FootageError, match=r"notes\.txt"):
        open_footage(tmp_path / "notes.txt")


def test_a_path_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match=r"There is no file or folder .*gone\.mp4"):
        open_footage(tmp_path / "gone.mp4")


def test_a_movie_has_no_layers(coded_movie: Movie) -> None:
    with pytest.raises(FootageError, match="no layers"):
        open_footage(coded_movie("a.mp4", 2), layer="left")


def test_sound_is_no_movie(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), dtype=np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(FootageError, match="no picture track"):
        open_footage(path)
