"""Movies with alpha, decoded again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from compositing.errors import OutputError
from sam2_roto.errors import ExportError
from sam2_roto.export.video import KINDS, AlphaMovie

HEIGHT, WIDTH, FRAMES = 64, 96, 7
RATE = Fraction(24000, 1001)
WITHIN = {"prores4444": 2 / 1023, "ffv1": 1 / 65535, "png": 1 / 65535, "vp9": 12 / 255}
"""Largest error of alpha on soft pictures."""


def picture(frame: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    color = np.stack([rows / HEIGHT, columns / WIDTH, np.full_like(rows, 0.25)], axis=-1)
    alpha = np.clip((22 - np.hypot(columns - 30 - 4 * frame, rows - 32)) / 8, 0, 1)
    return color, alpha.astype(np.float32)


def write(path: Path, kind: str) -> None:
    with AlphaMovie(path, kind, RATE, timecode="01:02:03:04", notes={"comment": "nano"}) as movie:
        for frame in range(FRAMES):
            movie.write(*picture(frame))


def read(path: Path, kind: str) -> tuple[list[NDArray[np.float64]], Any, Any]:
    """Frames as straight RGBA, 0 to 1. VP9's default decoder drops alpha, so libvpx is asked for."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        wide = "rgba" if kind == "vp9" else "rgba64le"
        top = 255 if kind == "vp9" else 65535
        if kind == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            frames = [frame for packet in container.demux(stream) for frame in decoder.decode(packet)]
        else:
            frames = list(container.decode(stream))
        said = {
            "rate": stream.average_rate,
            "pixels": frames[0].format.name,
            "matrix": int(frames[0].colorspace),
            "primaries": int(stream.codec_context.color_primaries),
            "times": [frame.time for frame in frames],
            "tags": {**container.metadata, **stream.metadata},
        }
        pictures = [
            frame.reformat(format=wide, src_colorspace=1, dst_colorspace=1).to_ndarray() / top for frame in frames
        ]
        return pictures, said, stream.codec_context.name


@pytest.mark.parametrize("kind", list(KINDS))
def test_movie_comes_back(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"cut{KINDS[kind].ending}"
    write(path, kind)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    frames, said, _ = read(path, kind)
    assert len(frames) == FRAMES
    assert said["rate"] == RATE
    assert said["times"] == pytest.approx([float(frame / RATE) for frame in range(FRAMES)], abs=6e-4)
    assert said["primaries"] == 1
    for index, found in enumerate(frames):
        color, alpha = picture(index)
        assert abs(found[..., 3] - alpha).max() <= WITHIN[kind] + 1e-6
        solid = alpha > 0.9
        assert abs(found[..., :3] - color)[solid].mean() <= (0.02 if kind == "vp9" else 0.003)


def test_tags(tmp_path: Path) -> None:
    write(tmp_path / "cut.mov", "prores4444")
    _, said, _ = read(tmp_path / "cut.mov", "prores4444")
    assert said["tags"]["timecode"] == "01:02:03:04"
    assert said["tags"]["comment"] == "nano"
    assert said["matrix"] == 1


def test_lossless_colour_is_black_without_alpha(tmp_path: Path) -> None:
    write(tmp_path / "cut.mkv", "ffv1")
    frames, _, name = read(tmp_path / "cut.mkv", "ffv1")
    assert name == "ffv1"
    assert frames[0][picture(0)[1] == 0].max() == 0


def test_failures_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"ends in \.mov"):
        AlphaMovie(tmp_path / "x.mp4", "png", RATE)
    with pytest.raises(ExportError, match="gif"):
        AlphaMovie(tmp_path / "x.gif", "gif", RATE)
    with pytest.raises(OutputError, match="No pictures"):
        AlphaMovie(tmp_path / "x.mov", "png", RATE).close()
    movie = AlphaMovie(tmp_path / "x.mov", "png", RATE)
    movie.write(*picture(0))
    with pytest.raises(ExportError, match="write one size"):
        movie.write(np.zeros((4, 4, 3)), np.zeros((4, 4)))
    movie.abandon()
    assert list(tmp_path.iterdir()) == []
