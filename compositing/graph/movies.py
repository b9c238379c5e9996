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
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from compositing.color import CAMERA, SRGB, resolve
from compositing.errors import ColorError, OutputError
from compositing.footage.audio import Sound
from compositing.footage.codes import encode_planes
from compositing.footage.moviefile import BT709, ColorTags, Encoder, MovieFile
from compositing.footage.yuv import Coding
from compositing.graph.output import Identity, make_folder
from compositing.image import Image
from compositing.operations.alpha import premultiply, unpremultiply, without_alpha
from compositing.operations.colorspace import to_space

ENDINGS = (".mp4", ".m4v", ".mov", ".mkv")

WITH_ALPHA = ".mov, .mkv, .exr, .png or .tif"
"""Endings of files that can be transparent."""

USUAL_RATE = Fraction(24)
"""Taken where the plate has no rate."""


@dataclass(frozen=True)
class Codec:
    """An encoder and what it takes: ``step`` is how many pixels share a chroma sample across and down."""

    encoder: Encoder
    bits: int
    step: tuple[int, int]
    endings: tuple[str, ...]
    alpha: bool = False


_X264 = Encoder("libx264", "yuv420p", {"crf": "16"})
# Finer steps for chroma: with x265's own, flat colours come back a code of ten bits off, which makes three in R'G'B'.
_CHROMA = "log-level=error:cbqpoffs=-6:crqpoffs=-6"
_X265 = Encoder("libx265", "yuv420p10le", {"crf": "16", "x265-params": _CHROMA}, tag="hvc1")
_PRORES = Encoder("prores_ks", "yuv422p10le", {"profile": "3", "vendor": "apl0"})
_PRORES_4444 = Encoder("prores_ks", "yuva444p10le", {"profile": "4", "vendor": "apl0", "alpha_bits": "16"})
_FFV1 = Encoder("ffv1", "gbrap16le", {"level": "3", "slicecrc": "1"})

CODECS: Mapping[str, Codec] = {
    "h264": Codec(_X264, 8, (2, 2), ENDINGS),
    "h265": Codec(_X265, 10, (2, 2), ENDINGS),
    "prores": Codec(_PRORES, 10, (2, 1), (".mov",)),
    "prores4444": Codec(_PRORES_4444, 10, (1, 1), (".mov",), alpha=True),
    "ffv1": Codec(_FFV1, 16, (1, 1), (".mkv",), alpha=True),
}

SPACES: Mapping[str, tuple[str, ColorTags]] = {
    CAMERA: ("bt709", BT709),
    SRGB: ("bt709", ColorTags(1, 13, 1)),
    "Rec.1886 Rec.709 - Display": ("bt709", BT709),
    "Rec.1886 Rec.2020 - Display": ("bt2020", ColorTags(9, 14, 9)),
    "Rec.2100-PQ - Display": ("bt2020", ColorTags(9, 16, 9)),
    "Rec.2100-HLG - Display": ("bt2020", ColorTags(9, 18, 9)),
}
"""Colour spaces that movies are written in, with their matrix by name and their tags."""

_CLOCK = Fraction(1, 90_000)


def default_codec(path: Path, alpha: bool, space: str = CAMERA) -> str:
    """The codec for a name: H.264 in MP4 and Matroska, ProRes in MOV; one with alpha where alpha is to be kept.

    In BT.2020, PQ and HLG 8 bits show bands, and H.265 with 10 takes the place of H.264.

    Raises OutputError where the file cannot hold alpha.
    """
    ending = path.suffix.lower()
    if alpha:
        fitting = [name for name, codec in CODECS.items() if codec.alpha and ending in codec.endings]
        if not fitting:
            raise OutputError(f"{path.name} cannot hold a transparent background; write {WITH_ALPHA}.")
        return fitting[0]
    if ending == ".mov":
        return "prores"
    return "h264" if SPACES[space][0] == "bt709" else "h265"


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
    ) -> None:
        self.path, self._alpha, self._times, self._sound = path, alpha, times, sound
        self._space, self._identity = resolve(space), identity or Identity()
        if self._space not in SPACES:
            raise ColorError(f"A movie cannot be tagged as {space}; write it as {', '.join(SPACES)}.")
        self._codec = _codec(path, codec or default_codec(path, alpha, self._space), alpha)
        self._size: tuple[int, int] | None = None
        self._file: MovieFile | None = None
        make_folder(path.parent)

    def has(self, _frame: int) -> bool:
        """Never: a movie that was stopped is rendered from its beginning."""
        return False

    def write(self, frame: int, image: Image) -> None:
        self._file = self._file or self._begin(frame)
        self._file.add(self._picture(frame, image), self._times[frame] if self._times else None)

    def close(self) -> list[Path]:
        if self._file is None:
            raise OutputError(f"No pictures were written to {self.path.name}; give it at least one.")
        self._file.close()
        return [self.path]

    def abandon(self) -> None:
        if self._file is not None:
            self._file.abandon()
        elif self._sound is not None:
            self._sound.close()

    def _begin(self, frame: int) -> MovieFile:
        start = self._identity.timecode(frame)
        return MovieFile(
            self.path,
            self._identity.rate or USUAL_RATE,
            self._codec.encoder,
            {**({"timecode": start} if start else {}), **self._identity.notes},
            color=SPACES[self._space][1],
            aspect=self._identity.pixel_aspect,
            clock=_CLOCK if self._times else None,
            sound=self._sound,
        )

    def _picture(self, frame: int, image: Image) -> VideoFrame:
        size = image.display.width, image.display.height
        self._size = self._size or size
        if size != self._size:
            raise OutputError(
                f"Frame {frame} for {self.path.name} is {size[0]}x{size[1]}, the first was "
                f"{self._size[0]}x{self._size[1]}; write one size."
            )
        kept = image if self._alpha or image.alpha is None else without_alpha(premultiply(image))  # on black
        shown = unpremultiply(to_space(kept.on_display(), self._space))
        color = shown.rgb().nan_to_num(0.0, 1.0, 0.0).cpu().numpy()
        planes = coded_planes(color, self._codec, SPACES[self._space][0])
        if self._codec.alpha:
            planes.append(_alpha_codes(shown, self._codec.bits))
        height, width = planes[0].shape
        return filled(planes, self._codec.encoder.pixels, width, height)


def coded_planes(color: NDArray[np.float32], codec: Codec, matrix: str) -> list[NDArray[np.unsignedinteger[Any]]]:
    """Colour ``[3, H, W]`` as the codec's planes, an odd width or height made even by its last column or row."""
    height, width = color.shape[1:]
    even = np.pad(color, ((0, 0), (0, height % codec.step[1]), (0, width % codec.step[0])), mode="edge")
    if codec.encoder.in_rgb:
        red, green, blue = encode_planes(even, Coding("rgb", True), codec.bits)
        return [green, blue, red]
    return list(encode_planes(even, Coding(matrix, False), codec.bits, codec.step))


def _alpha_codes(image: Image, bits: int) -> NDArray[np.uint16]:
    """Alpha at full range; opaque where there is none."""
    if image.alpha is None:
        return np.full(image.pixels.shape[1:], (1 << bits) - 1, np.uint16)
    alpha = image.alpha.nan_to_num(0.0).cpu().numpy()
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


def filled(planes: Sequence[NDArray[Any]], pixels: str, width: int, height: int) -> VideoFrame:
    """A frame with these planes, each row padded as FFmpeg wants it."""
    frame = VideoFrame(width, height, pixels)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        data = np.ascontiguousarray(values).view(np.uint8).reshape(values.shape[0], -1)
        rows[: data.shape[0], : data.shape[1]] = data
        plane.update(rows.tobytes())
    return frame
