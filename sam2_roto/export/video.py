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
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from compositing.errors import OutputError
from sam2_roto.errors import ExportError
from sam2_roto.export.exr import Matte
from sam2_roto.export.files import make_folder


@dataclass(frozen=True)
class Kind:
    """An encoder with its settings. ``given`` is the pixel format that pictures are handed over in."""

    codec: str
    ending: str
    pixels: str
    given: str
    options: Mapping[str, str]

    @property
    def coded_in_rgb(self) -> bool:
        return self.pixels.startswith(("rgba", "gbrap"))


KINDS: Mapping[str, Kind] = {
    "prores4444": Kind("prores_ks", ".mov", "yuva444p10le", "rgba64le", {"profile": "4", "alpha_bits": "16"}),
    "ffv1": Kind("ffv1", ".mkv", "gbrap16le", "gbrap16le", {"level": "3", "slicecrc": "1"}),
    "png": Kind("png", ".mov", "rgba64be", "rgba64be", {}),
    "vp9": Kind("libvpx-vp9", ".webm", "yuva420p", "rgba", {"crf": "18", "b": "0", "row-mt": "1", "cpu-used": "4"}),
}


class AlphaMovie:
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
        self._kind, self._rate, self.path = KINDS[kind], Fraction(rate), Path(path)
        if self.path.suffix.lower() != self._kind.ending:
            raise ExportError(f"{self.path.name} cannot hold {kind}; give a name that ends in {self._kind.ending}.")
        make_folder(self.path.parent)
        self._hidden = self.path.with_name(f".{self.path.stem}.unfinished{self._kind.ending}")
        self._stream: VideoStream | None = None
        self._shape: tuple[int, ...] = ()
        self._count = 0
        try:
            flags = {"movflags": "+use_metadata_tags"} if self._kind.ending == ".mov" else {}
            self._container = av.open(str(self._hidden), "w", options=flags)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise OutputError(f"{self.path} cannot be written ({error}); choose another name or folder.") from error
        tags = {**(notes or {}), **({"timecode": timecode} if timecode else {})}
        self._container.metadata.update(tags)

    def write(self, color: NDArray[np.floating[Any]], matte: Matte) -> None:
        """Append one frame: straight colour ``[H, W, 3]`` as a display shows it, 0 to 1, and alpha ``[H, W]``."""
        if color.shape[:2] != matte.shape or (self._shape and self._shape != matte.shape):
            height, width = self._shape or color.shape[:2]
            raise ExportError(f"Frame {self._count} of {self.path.name} is not {width}×{height}; write one size.")
        if self._stream is None:
            self._stream = self._begin(matte.shape[0], matte.shape[1])
        frame = self._frame(color, matte)
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        self._encode(self._stream, frame)

    def close(self) -> None:
        """Finish the movie and give it its name. Raises OutputError where no frame was written."""
        if self._stream is None:
            self.abandon()
            raise OutputError(f"No pictures were written to {self.path.name}; give it at least one.")
        self._encode(self._stream, None)
        self._container.close()
        self._hidden.replace(self.path)

    def abandon(self) -> None:
        """Drop what was written."""
        self._container.close()
        self._hidden.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _frame(self, color: NDArray[np.floating[Any]], matte: Matte) -> VideoFrame:
        kind = self._kind
        top = 255 if kind.given == "rgba" else 65535
        alpha = np.clip(matte, 0.0, 1.0)
        shown = np.where(alpha[..., None] > 0, color, 0.0) if kind.coded_in_rgb else color
        straight = np.concatenate([np.clip(shown, 0.0, 1.0), alpha[..., None]], axis=-1)
        whole = straight * top + 0.5
        rows = whole.astype(np.uint8) if top == 255 else whole.astype(np.uint16)
        frame = VideoFrame.from_ndarray(rows, format=kind.given)
        if not kind.coded_in_rgb:
            frame = frame.reformat(
                format=kind.pixels,
                src_colorspace=Colorspace.ITU709,
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
        frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return frame

    def _begin(self, height: int, width: int) -> VideoStream:
        stream = self._container.add_stream(self._kind.codec, rate=self._rate, options=dict(self._kind.options))
        if not isinstance(stream, VideoStream):
            raise OutputError(f"{self._kind.codec} is no codec for pictures in this build of FFmpeg.")
        self._shape = (height, width)
        stream.height, stream.width, stream.pix_fmt = height, width, self._kind.pixels
        context = stream.codec_context
        context.time_base = 1 / self._rate
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        if not self._kind.coded_in_rgb:
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
        return stream

    def _encode(self, stream: VideoStream, frame: VideoFrame | None) -> None:
        try:
            self._container.mux(stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise OutputError(f"{self.path.name} cannot be written ({error}); check the space left.") from error
