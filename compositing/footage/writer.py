"""Movies for previews and tests: 8-bit sRGB views in, an encoded movie with honest colour tags out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from compositing.errors import OutputError
from compositing.footage.footage import View

Writer = TypeVar("Writer", bound="MovieWriter")


class MovieWriter:
    """Writes 8-bit RGB pictures ``[H, W, 3]`` of one size; the movie appears under its name once it is whole.

    BT.709 matrix, limited range, and tagged so. ``crf`` is the quality of x264 and x265 (lower is better); ``options``
    go to the encoder. An odd width or height is made even by repeating the last column or row, as 4:2:0 needs.

    Raises OutputError where the folder, the codec or a picture does not fit.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate: Fraction | float,
        *,
        codec: str = "libx264",
        crf: int = 18,
        pix_fmt: str = "yuv420p",
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        self._unfinished = self.path.with_name(f".{self.path.stem}.unfinished{self.path.suffix}")
        self._rate = Fraction(rate).limit_denominator(100_000)
        self._codec, self._pix_fmt = codec, pix_fmt
        self._options = {"crf": str(crf), **(options or {})} if codec in ("libx264", "libx265") else dict(options or {})
        self._stream: VideoStream | None = None
        self._count = 0
        self._shape: tuple[int, ...] = ()
        if not self.path.parent.is_dir():
            raise OutputError(f"There is no folder {self.path.parent}; make it before writing {self.path.name}.")
        try:
            self._container = av.open(str(self._unfinished), "w")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise OutputError(f"{self.path} cannot be written ({error}); choose another name or folder.") from error

    def write(self, view: View) -> None:
        """Append one picture."""
        if self._stream is None:
            self._stream = self._begin(view)
        if view.shape != self._shape:
            raise OutputError(
                f"Picture {self._count} of {self.path.name} is {view.shape[1]}x{view.shape[0]}, "
                f"the first was {self._shape[1]}x{self._shape[0]}; write one size."
            )
        frame = VideoFrame.from_ndarray(_even(view), format="rgb24").reformat(
            format=self._pix_fmt,
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        self._encode(self._stream, frame)

    def close(self) -> None:
        """Finish the movie and give it its name. Raises OutputError where no picture was written."""
        if self._stream is None:
            self.abandon()
            raise OutputError(f"No pictures were written to {self.path.name}; give it at least one.")
        self._encode(self._stream, None)
        self._container.close()
        self._unfinished.replace(self.path)

    def abandon(self) -> None:
        """Drop what was written."""
        self._container.close()
        self._unfinished.unlink(missing_ok=True)

    def _encode(self, stream: VideoStream, frame: VideoFrame | None) -> None:
        try:
            self._container.mux(stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise OutputError(f"{self._codec} cannot write {self.path.name} ({error}); try another codec.") from error

    def _begin(self, view: View) -> VideoStream:
        try:
            stream = self._container.add_stream(self._codec, rate=self._rate, options=self._options)
        except (av.error.FFmpegError, ValueError) as error:
            raise OutputError(f"The codec {self._codec} cannot write {self.path.name} ({error}).") from error
        if not isinstance(stream, VideoStream):
            raise OutputError(f"{self._codec} is no codec for pictures; libx264 is one.")
        self._shape = view.shape
        stream.height, stream.width = _even(view).shape[:2]
        stream.pix_fmt = self._pix_fmt
        context = stream.codec_context
        context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def __enter__(self: Writer) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


def _even(view: View) -> View:
    height, width = view.shape[:2]
    return np.pad(view, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else view


def write_movie(path: str | os.PathLike[str], views: Iterable[View], rate: Fraction | float, **how: str | int) -> None:
    """Write all ``views`` as a movie; ``how`` is passed to MovieWriter."""
    with MovieWriter(path, rate, **how) as writer:  # type: ignore[arg-type]
        for view in views:
            writer.write(view)
