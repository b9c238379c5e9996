"""Movies and pictures that carry their own number, so that a reader can be caught with the wrong frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenImageIO as oiio
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

BITS = 10
BAR = 8
WIDTH, HEIGHT = BITS * BAR, 48


def coded_picture(number: int) -> NDArray[np.uint8]:
    """``[48, 80, 3]``: ten bars, white where the number has a bit, the lowest bit on the left; a dark grey foot."""
    bars = np.array([230 if number >> bit & 1 else 25 for bit in range(BITS)], dtype=np.uint8)
    picture = np.repeat(np.repeat(bars[None, :], BAR, axis=1), HEIGHT, axis=0)
    picture[HEIGHT - 8 :] = 60
    return np.repeat(picture[:, :, None], 3, axis=2)


def read_number(view: NDArray[np.generic]) -> int:
    """The number that a picture from ``coded_picture`` carries; any scale of values."""
    bars = np.asarray(view[: HEIGHT - 12, :, 1], dtype=np.float64).reshape(HEIGHT - 12, BITS, BAR).mean(axis=(0, 2))
    return sum(1 << bit for bit in range(BITS) if bars[bit] > view.max() / 2)


MovieMaker = Callable[..., Path]


def encode_movie(
    path: Path,
    frames: Iterable[VideoFrame],
    *,
    codec: str = "libx264",
    rate: Fraction = Fraction(25),
    pts: Iterable[int] | None = None,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    tags: Mapping[str, int] | None = None,
    rotation: int = 0,
    metadata: Mapping[str, str] | None = None,
    aspect: Fraction | None = None,
) -> Path:
    """Encode frames as they are; ``pts`` are in thousandths of a second, ``tags`` are attributes of the codec."""
    frames = list(frames)
    with av.open(str(path), "w", options=dict(container_options or {})) as container:
        stream = container.add_stream(codec, rate=rate, options=dict(options or {}))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, frames[0].format.name
        stream.metadata.update(metadata or {})
        if rotation:
            stream.set_display_rotation(rotation)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        unit = Fraction(1, 1000) if pts is not None else 1 / rate
        if pts is not None:
            stream.codec_context.time_base = unit
        for index, stamp in enumerate(pts if pts is not None else range(len(frames))):
            frames[index].pts, frames[index].time_base = stamp, unit
            container.mux(stream.encode(frames[index]))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def picture() -> Callable[[int], NDArray[np.uint8]]:
    """The picture that carries a number."""
    return coded_picture


@pytest.fixture(scope="session")
def number() -> Callable[[NDArray[np.generic]], int]:
    """The number that a picture carries."""
    return read_number


@pytest.fixture(scope="session")
def encode() -> MovieMaker:
    """``encode(path, frames, **how)``: given frames as a movie."""
    return encode_movie


@pytest.fixture
def coded_movie(tmp_path: Path) -> MovieMaker:
    """``coded_movie(name, count, pix_fmt=..., **how)``: a movie whose picture n carries the number n."""

    def make(name: str, count: int, pix_fmt: str = "yuv420p", **how: Any) -> Path:
        frames = [
            VideoFrame.from_ndarray(coded_picture(number), format="rgb24").reformat(format=pix_fmt)
            for number in range(count)
        ]
        return encode_movie(tmp_path / name, frames, **how)

    return make


@pytest.fixture
def coded_sequence(tmp_path: Path) -> Callable[..., Path]:
    """``coded_sequence(pattern, frames, pixels=None)``: pictures that carry their frame number, and their folder."""

    def make(pattern: str, frames: Iterable[int]) -> Path:
        for frame in frames:
            view = coded_picture(abs(frame) % (1 << BITS))
            write_picture(tmp_path / (pattern % frame), view.astype(np.float32) / 255.0)
        return tmp_path

    return make


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """``write(path, pixels, ...)``: pixels as a picture file."""
    return write_picture


def write_picture(
    path: Path,
    pixels: NDArray[np.float32],
    *,
    depth: str | None = None,
    channels: tuple[str, ...] | None = None,
    data: tuple[int, int] = (0, 0),
    display: tuple[int, int, int, int] | None = None,
    attributes: Mapping[str, Any] | None = None,
    tile: int = 0,
) -> Path:
    """Write ``[H, W, C]``; ``data`` is the upper left corner, ``display`` is x, y, width and height.

    An attribute is a value, or a pair of a type's name and a value.
    """
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], depth or _depth(path))
    spec.x, spec.y = data
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = display or (*data, spec.width, spec.height)
    if channels is not None:
        spec.channelnames = channels
    spec.tile_width = spec.tile_height = tile
    for name, value in (attributes or {}).items():
        if isinstance(value, tuple) and isinstance(value[0], str):
            spec.attribute(name, oiio.TypeDesc(value[0]), value[1])
        else:
            spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output is not None, oiio.geterror()
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels, dtype=np.float32)), output.geterror()
    output.close()
    return path


def _depth(path: Path) -> str:
    return "half" if path.suffix == ".exr" else "uint8"
