"""Preview movies: what is written can be read, and appears only when it is whole."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
from numpy.typing import NDArray

from compositing import OutputError, open_footage
from compositing.footage.writer import MovieWriter, write_movie

Picture = Callable[[int], NDArray[np.uint8]]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {}),
        ("a.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
        ("a.mkv", {"codec": "ffv1", "pix_fmt": "yuv444p"}),
    ],
)
def test_what_is_written_is_read(
    name: str, how: dict[str, str], picture: Picture, number: Callable[..., int], tmp_path: Path
) -> None:
    rate = Fraction(24000, 1001)
    write_movie(tmp_path / name, (picture(index) for index in range(12)), rate, **how)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with open_footage(tmp_path / name) as footage:
        assert footage.rate == rate
        assert [number(view) for _, view in footage.views(footage.frames)] == list(range(12))
        assert (footage.color.matrix, footage.color.range, footage.color.guessed) == ("bt709", "limited", False)


def test_colour_survives(tmp_path: Path) -> None:
    patches = np.array([[200, 40, 30], [30, 180, 60], [40, 50, 210], [128, 128, 128]], dtype=np.uint8)
    view = np.repeat(np.repeat(patches[None], 16, axis=1), 48, axis=0)
    write_movie(tmp_path / "a.mp4", [view] * 3, 25, crf=2)
    with open_footage(tmp_path / "a.mp4") as footage:
        got = footage.view(1)[24, 8::16].astype(int)
    assert np.abs(got - patches).max() <= 3


def test_odd_sizes_are_made_even(tmp_path: Path) -> None:
    view = np.random.default_rng(0).integers(0, 256, (37, 41, 1), dtype=np.uint8).repeat(3, axis=2)
    write_movie(tmp_path / "a.mp4", [view], 25, crf=2)
    with open_footage(tmp_path / "a.mp4") as footage:
        assert (footage.width, footage.height) == (42, 38)
        assert np.abs(footage.view(0)[36].astype(int) - footage.view(0)[37]).mean() < 6


def test_nothing_appears_under_the_name_before_it_is_whole(picture: Picture, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"what was there before")
    with MovieWriter(path, 25) as writer:
        writer.write(picture(1))
        assert path.read_bytes() == b"what was there before"
    assert len(path.read_bytes()) > 500


def test_a_failure_leaves_nothing_behind(picture: Picture, tmp_path: Path) -> None:
    def views() -> Iterator[NDArray[np.uint8]]:
        yield picture(1)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_movie(tmp_path / "a.mp4", views(), 25)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told(picture: Picture, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no folder"):
        MovieWriter(tmp_path / "gone" / "a.mp4", 25)
    with pytest.raises(OutputError, match="No pictures"):
        write_movie(tmp_path / "a.mp4", [], 25)
    with pytest.raises(OutputError, match="cannot write"):
        write_movie(tmp_path / "a.mp4", [picture(0)], 25, codec="no_such_codec")
    with pytest.raises(OutputError, match=r"is 80x40, the first was 80x48"):
        write_movie(tmp_path / "a.mp4", [picture(0), picture(1)[:40]], 25)
    with pytest.raises(OutputError, match="cannot be written"):
        MovieWriter(tmp_path / "a.unknown", 25)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from compositing import OutputError
from compositing.footage.writer import write_movie
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
draw = np.random.default_rng(0)
try:
    write_movie(sys.argv[1], (draw.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(8)), 25, crf=5)
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX thing")
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_full_disk_leaves_no_movie(name: str, picture: Picture, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    write_movie(tmp_path / name, [picture(0)], 25)
    before = (tmp_path / name).read_bytes()
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / name), "40000"]
    done = run(command, cwd=root, capture_output=True, text=True, check=False)
    assert f"cannot write {tmp_path / name}" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before
