"""The plate cut out by a matte, as a movie with an alpha channel.

| kind | codec, file | pixels | alpha |
|---|---|---|---|
| ``prores4444`` | ProRes 4444, .mov | 10-bit Y'CbCr 4:4:4, alpha of 16 bits | within 2/1023 |
| ``ffv1`` | FFV1, .mkv | 16-bit RGB | exact to 16 bits |
| ``png`` | PNG, .mov | 16-bit RGB | exact to 16 bits |
| ``vp9`` | VP9, .webm | 8-bit Y'CbCr 4:2:0 | lossy: up to 12/255 on soft edges |

Colour is straight (not multiplied by alpha), as players, browsers and editors take these files to be; pixels without
alpha are black where the codec is lossless, and keep the plate's colour beside the edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from compositing.footage.moviefile import Encoder, MovieFile, coded
from sam2_roto.errors import ExportError
from sam2_roto.export.exr import Matte
from sam2_roto.export.files import make_folder


@dataclass(frozen=True)
class Kind(Encoder):
    """An encoder, the ending of its files, and ``given``, the pixel format that pictures are handed over in."""

    ending: str = ""
    given: str = ""

    @property
    def lossless(self) -> bool:
        return self.in_rgb


KINDS: Mapping[str, Kind] = {
    "prores4444": Kind("prores_ks", "yuva444p10le", {"profile": "4", "alpha_bits": "16"}, ".mov", "rgba64le"),
    "ffv1": Kind("ffv1", "gbrap16le", {"level": "3", "slicecrc": "1"}, ".mkv", "gbrap16le"),
    "png": Kind("png", "rgba64be", {}, ".mov", "rgba64be"),
    "vp9": Kind("libvpx-vp9", "yuva420p", {"crf": "18", "b": "0", "row-mt": "1", "cpu-used": "4"}, ".webm", "rgba"),
}


class AlphaMovie(MovieFile):
    """Writes pictures with alpha, one frame after another; the movie appears under its name once it is whole.

    Args:
        path: ends as the kind's file does (``KINDS``); its folder is made where it is absent.
        kind: ``prores4444``, ``ffv1``, ``png`` or ``vp9``.
        rate: frames per second, kept exactly.
        timecode: of the first frame, for files that carry one.
        notes: further tags of the file (provenance).

    Use it as a context manager; a block that raises leaves no file. Colours are tagged as BT.709.
    Raises ExportError for an unknown kind, another ending, or pictures of several sizes; OutputError where the file
    cannot be written.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        rate: Fraction,
        *,
        timecode: str | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ExportError(f"The movie kind '{kind}' is not known; use one of {', '.join(KINDS)}.")
        self._kind, place = KINDS[kind], Path(path)
        if place.suffix.lower() != self._kind.ending:
            raise ExportError(f"{place.name} cannot hold {kind}; give a name that ends in {self._kind.ending}.")
        make_folder(place.parent)
        tags = {**(notes or {}), **({"timecode": timecode} if timecode else {})}
        super().__init__(place, Fraction(rate), self._kind, tags)
        self._shape: tuple[int, ...] = ()

    def write(self, color: NDArray[np.floating[Any]], matte: Matte) -> None:
        """Append one frame: straight colour ``[H, W, 3]`` as a display shows it, 0 to 1, and alpha ``[H, W]``."""
        if color.shape[:2] != matte.shape or (self._shape and self._shape != matte.shape):
            height, width = self._shape or color.shape[:2]
            raise ExportError(f"Frame {self.count} of {self.path.name} is not {width}×{height}; write one size.")
        self._shape = matte.shape
        rows = straight_codes(color, matte, 8 if self._kind.given == "rgba" else 16, self._kind.lossless)
        self.add(coded(VideoFrame.from_ndarray(rows, format=self._kind.given), self._kind))


def straight_codes(
    color: NDArray[np.floating[Any]], matte: Matte, bits: int, blank: bool
) -> NDArray[np.unsignedinteger[Any]]:
    """Colour and alpha as whole numbers ``[H, W, 4]``; ``blank`` makes colour without alpha black."""
    top = (1 << bits) - 1
    values = np.empty((*matte.shape, 4), np.float32)
    values[..., :3], values[..., 3] = color, matte
    np.clip(values, 0.0, 1.0, out=values)
    if blank:
        values[..., :3][values[..., 3] == 0] = 0.0
    values *= top
    values += 0.5
    return values.astype(np.uint8 if bits == 8 else np.uint16)
