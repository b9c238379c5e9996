"""Rendered frames as a movie: encoded from floats, rounded once, tagged with what was written, with sound if wanted.

| codec | files | pixels | alpha |
|---|---|---|---|
| ``h264`` | .mp4, .mov, .mkv | 8-bit 4:2:0 | no |
| ``h265`` | .mp4, .mov, .mkv | 10-bit 4:2:0 | no |
| ``prores`` | .mov | 10-bit 4:2:2 (HQ) | no |
| ``prores4444`` | .mov | 10-bit 4:4:4, alpha of 16 bits | straight |
| ``ffv1`` | .mkv | 16-bit RGB, lossless | straight |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from compositing.color import CAMERA, SRGB, resolve
from compositing.errors import ColorError, CompositingError, OutputError
from compositing.footage.audio import Sound
from compositing.footage.codes import encode_planes
from compositing.footage.timeline import scan
from compositing.footage.yuv import Coding
from compositing.graph.output import Identity
from compositing.image import Image
from compositing.operations.alpha import premultiply, unpremultiply, without_alpha
from compositing.operations.colorspace import to_space

ENDINGS = (".mp4", ".m4v", ".mov", ".mkv")


@dataclass(frozen=True)
class Codec:
    """An encoder and what it takes: ``step`` is how many pixels share a chroma sample across and down."""

    encoder: str
    pixels: str
    bits: int
    step: tuple[int, int]
    endings: tuple[str, ...]
    options: Mapping[str, str]
    alpha: bool = False
    tag: str | None = None


_ANY = (".mp4", ".m4v", ".mov", ".mkv")
CODECS: Mapping[str, Codec] = {
    "h264": Codec("libx264", "yuv420p", 8, (2, 2), _ANY, {"crf": "16", "preset": "medium"}),
    "h265": Codec(
        "libx265", "yuv420p10le", 10, (2, 2), _ANY, {"crf": "16", "x265-params": "log-level=error"}, tag="hvc1"
    ),
    "prores": Codec("prores_ks", "yuv422p10le", 10, (2, 1), (".mov",), {"profile": "3", "vendor": "apl0"}),
    "prores4444": Codec(
        "prores_ks", "yuva444p10le", 10, (1, 1), (".mov",), {"profile": "4", "alpha_bits": "16"}, alpha=True
    ),
    "ffv1": Codec("ffv1", "gbrap16le", 16, (1, 1), (".mkv",), {"level": "3", "slicecrc": "1"}, alpha=True),
}

# Colour spaces that movies are written in: matrix, then the code points of H.273 for primaries, transfer and matrix.
_TAGS: dict[str, tuple[str, int, int, int]] = {
    CAMERA: ("bt709", 1, 1, 1),
    SRGB: ("bt709", 1, 13, 1),
    "Rec.1886 Rec.709 - Display": ("bt709", 1, 1, 1),
    "Rec.1886 Rec.2020 - Display": ("bt2020", 9, 14, 9),
    "Rec.2100-PQ - Display": ("bt2020", 9, 16, 9),
    "Rec.2100-HLG - Display": ("bt2020", 9, 18, 9),
}
_LIMITED, _FULL = 1, 2
_RGB = 0
_CLOCK = 90_000


def default_codec(path: Path, alpha: bool) -> str:
    """The codec for a name: H.264 in MP4 and Matroska, ProRes in MOV; one with alpha where alpha is to be kept.

    Raises OutputError where the file cannot hold alpha.
    """
    ending = path.suffix.lower()
    if alpha:
        fitting = [name for name, codec in CODECS.items() if codec.alpha and ending in codec.endings]
        if not fitting:
            raise OutputError(f"{path.name} cannot hold a transparent background; write .mov, .mkv, .exr or .png.")
        return fitting[0]
    return "prores" if ending == ".mov" else "h264"


class MovieOutput:
    """Writes frames to one movie, in order; it appears under its name once it is whole.

    Args:
        path: ends as the codec's files do; its folder is made where it is absent.
        codec: a key of ``CODECS``; None takes that of ``default_codec``.
        space: one of the display encodings that movies can be tagged with.
        alpha: whether alpha is kept.
        times: when each frame is shown, in seconds from the first; None is a constant rate.
        sound: is attached, copied in step, and closed.

    Raises OutputError for a name, codec or folder that does not fit, ColorError for a space that has no tags.
    """

    workers = 1

    def __init__(
        self,
        path: Path,
        space: str,
        *,
        codec: str | None = None,
        alpha: bool = False,
        identity: Identity | None = None,
        times: Mapping[int, Fraction] | None = None,
        sound: Sound | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.path, self._alpha, self._times, self._sound = path, alpha, times, sound
        self._codec = _codec(path, codec or default_codec(path, alpha), alpha)
        self._options = {**self._codec.options, **(options or {})}
        self._space = resolve(space)
        if self._space not in _TAGS:
            raise ColorError(f"A movie cannot be tagged as {space}; write it as {', '.join(_TAGS)}.")
        self._identity = identity or Identity(Fraction(24))
        self._rate = self._identity.rate or Fraction(24)
        self._count, self._first = 0, 0
        self._size: tuple[int, int] = (0, 0)
        self._stream: VideoStream | None = None
        self._hidden = path.with_name(f".{path.stem}.unfinished{path.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = {} if path.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
            self._container = av.open(str(self._hidden), "w", options=flags)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise OutputError(f"{path} cannot be written ({_reason(error)}); choose another name or folder.") from error

    def has(self, _frame: int) -> bool:
        """Never: a movie that was stopped is rendered from its beginning."""
        return False

    def write(self, frame: int, image: Image) -> None:
        try:
            if self._stream is None:
                self._first = frame
                self._stream = self._begin(image, frame)
            shown = self._times[frame] if self._times else (frame - self._first) / self._rate
            self._container.mux(self._stream.encode(self._picture(frame, image, shown)))
            if self._sound is not None:
                self._sound.copy(shown)
        except (av.error.FFmpegError, OSError) as error:
            raise self._unwritable(error) from error
        self._count += 1

    def close(self) -> list[Path]:
        if self._stream is None:
            self.abandon()
            raise OutputError(f"No pictures were written to {self.path.name}; give it at least one.")
        try:
            self._container.mux(self._stream.encode(None))
            if self._sound is not None:
                self._sound.finish()
            self._container.close()
            self._check()
            self._hidden.replace(self.path)
        except (av.error.FFmpegError, OSError, CompositingError) as error:
            self.abandon()
            raise self._unwritable(error) from error
        self._close_sound()
        return [self.path]

    def abandon(self) -> None:
        with suppress(av.error.FFmpegError, OSError):  # the file is dropped, so its end need not be written
            self._container.close()
        self._hidden.unlink(missing_ok=True)
        self._close_sound()

    def _check(self) -> None:
        """A disk that fills up at the very end is not always told of: the file has to hold what was written."""
        held = len(scan(self._hidden).pts)
        if held != self._count:
            raise OSError(f"{held} of {self._count} pictures are in it")

    def _begin(self, image: Image, frame: int) -> VideoStream:
        width, height = image.display.width, image.display.height
        stream = self._container.add_stream(self._codec.encoder, rate=self._rate, options=dict(self._options))
        if not isinstance(stream, VideoStream):
            raise OutputError(f"{self._codec.encoder} is no codec for pictures in this build of FFmpeg.")
        self._size = (width, height)
        stream.width, stream.height = self._even(width, 0), self._even(height, 1)
        stream.pix_fmt = self._codec.pixels
        context = stream.codec_context
        context.time_base = Fraction(1, _CLOCK) if self._times else 1 / self._rate
        if self._identity.pixel_aspect != 1.0:
            context.sample_aspect_ratio = Fraction(self._identity.pixel_aspect).limit_denominator(1000)
        if self._codec.tag and self.path.suffix.lower() != ".mkv":
            context.codec_tag = self._codec.tag
        _, primaries, transfer, matrix = _TAGS[self._space]
        context.color_primaries, context.color_trc = primaries, transfer
        context.color_range = _FULL if self._in_rgb else _LIMITED
        context.colorspace = _RGB if self._in_rgb else matrix
        if (start := self._identity.timecode(frame)) is not None:
            self._container.metadata["timecode"] = start
        self._container.metadata.update(self._identity.notes)
        if self._sound is not None:
            self._sound.attach(self._container)
        return stream

    @property
    def _in_rgb(self) -> bool:
        return self._codec.pixels.startswith("gbr")

    def _even(self, length: int, axis: int) -> int:
        return length + length % self._codec.step[axis]

    def _picture(self, frame: int, image: Image, shown: Fraction) -> VideoFrame:
        if (image.display.width, image.display.height) != self._size:
            raise OutputError(
                f"Frame {frame} for {self.path.name} is {image.display.width}x{image.display.height}, "
                f"the first was {self._size[0]}x{self._size[1]}; write one size."
            )
        kept = image if self._alpha or image.alpha is None else without_alpha(premultiply(image))  # on black
        coded = unpremultiply(to_space(kept.on_display(), self._space))
        planes = coded_planes(coded.rgb().cpu().numpy(), self._codec, _TAGS[self._space][0])
        if self._codec.alpha:
            planes.append(_alpha_codes(coded, self._codec.bits))
        picture = _filled(planes, self._codec.pixels, self._even(self._size[0], 0), self._even(self._size[1], 1))
        _, primaries, transfer, matrix = _TAGS[self._space]
        picture.color_primaries, picture.color_trc = primaries, transfer
        picture.color_range = _FULL if self._in_rgb else _LIMITED
        picture.colorspace = _RGB if self._in_rgb else matrix
        unit = Fraction(1, _CLOCK) if self._times else 1 / self._rate
        picture.pts, picture.time_base = round(shown / unit), unit
        return picture

    def _unwritable(self, error: Exception) -> OutputError:
        return OutputError(f"{self.path} cannot be written ({_reason(error)}); check the folder and the space left.")

    def _close_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()


def coded_planes(color: NDArray[np.float32], codec: Codec, matrix: str) -> list[NDArray[np.unsignedinteger[Any]]]:
    """Colour ``[3, H, W]`` as the codec's planes, an odd width or height made even by its last column or row."""
    height, width = color.shape[1:]
    even = np.pad(color, ((0, 0), (0, height % codec.step[1]), (0, width % codec.step[0])), mode="edge")
    if codec.pixels.startswith("gbr"):
        red, green, blue = encode_planes(even, Coding("rgb", True), codec.bits)
        return [green, blue, red]
    return list(encode_planes(even, Coding(matrix, False), codec.bits, codec.step))


def _alpha_codes(image: Image, bits: int) -> NDArray[np.uint16]:
    """Alpha at full range; opaque where there is none."""
    alpha = np.ones(image.pixels.shape[1:], np.float32) if image.alpha is None else image.alpha.cpu().numpy()
    return (alpha.clip(0.0, 1.0) * ((1 << bits) - 1) + 0.5).astype(np.uint16)


def _codec(path: Path, name: str, alpha: bool) -> Codec:
    if name not in CODECS:
        raise OutputError(f"The codec {name!r} is not known; use one of {', '.join(CODECS)}.")
    codec = CODECS[name]
    if path.suffix.lower() not in codec.endings:
        raise OutputError(f"{path.name} cannot hold {name}; give a name that ends in {' or '.join(codec.endings)}.")
    if alpha and not codec.alpha:
        fitting = ", ".join(each for each, codec in CODECS.items() if codec.alpha)
        raise OutputError(f"{name} keeps no alpha, which a transparent background needs; use {fitting}.")
    return codec


def _filled(planes: Sequence[NDArray[Any]], pixels: str, width: int, height: int) -> VideoFrame:
    """A frame with these planes, each row padded as FFmpeg wants it."""
    frame = VideoFrame(width, height, pixels)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        data = np.ascontiguousarray(values).view(np.uint8).reshape(values.shape[0], -1)
        rows[: data.shape[0], : data.shape[1]] = data
        plane.update(rows.tobytes())
    return frame


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".").lower()
