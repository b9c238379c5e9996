"""A movie in the making: one picture track under a hidden name, which gets its own once it is whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from compositing.errors import FootageError, OutputError
from compositing.footage.audio import Sound
from compositing.footage.timeline import open_container

_RGB = ("rgb", "gbr", "bgr")


@dataclass(frozen=True)
class Encoder:
    """A codec of FFmpeg, the pixel format that it is given, and its options; ``tag`` is its name in MOV and MP4."""

    codec: str
    pixels: str
    options: Mapping[str, str] = field(default_factory=dict)
    tag: str | None = field(default=None, kw_only=True)

    @property
    def in_rgb(self) -> bool:
        return self.pixels.startswith(_RGB)


@dataclass(frozen=True)
class ColorTags:
    """Code points of H.273 for primaries, transfer and matrix."""

    primaries: int
    transfer: int
    matrix: int


BT709 = ColorTags(ColorPrimaries.BT709, ColorTrc.BT709, Colorspace.ITU709)


def coded(frame: VideoFrame, encoder: Encoder) -> VideoFrame:
    """A full-range R'G'B' frame in the encoder's pixel format: BT.709 matrix, limited range, or R'G'B' as it is."""
    if encoder.in_rgb:
        return frame if frame.format.name == encoder.pixels else frame.reformat(format=encoder.pixels)
    return frame.reformat(
        format=encoder.pixels,
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
    )


class MovieFile:
    """Encodes frames, one after another, into ``path``, tagged with the colour that they have.

    ``tags`` are written into the file's header (``timecode`` is that of the first frame). Frames come at a constant
    rate, unless a ``clock`` (its unit in seconds) is given, and with it a time for each of them. ``sound`` is copied in
    step with them. ``aspect`` is a pixel's width over its height. Use it as a context manager; a block that raises
    leaves no file, and neither does a process that is killed under the movie's own name.

    Raises OutputError where the folder, the codec or a frame's size does not fit, or the disk refuses.
    """

    def __init__(
        self,
        path: Path,
        rate: Fraction,
        encoder: Encoder,
        tags: Mapping[str, str] | None = None,
        *,
        color: ColorTags = BT709,
        aspect: float = 1.0,
        clock: Fraction | None = None,
        sound: Sound | None = None,
    ) -> None:
        self.path, self.count = path, 0
        self._rate, self._encoder, self._color = rate, encoder, color
        self._aspect, self._unit, self._sound = aspect, clock or 1 / rate, sound
        self._hidden = path.with_name(f".{path.stem}.unfinished{path.suffix}")
        self._stream: VideoStream | None = None
        self._bytes = 0
        if not path.parent.is_dir():
            raise OutputError(f"There is no folder {path.parent}; make it before writing {path.name}.")
        flags = {"movflags": "+use_metadata_tags"} if path.suffix.lower() in (".mov", ".mp4") else {}
        try:
            self._container = av.open(str(self._hidden), "w", options=flags)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise OutputError(f"{path} cannot be written ({_reason(error)}); choose another name or folder.") from error
        self._container.metadata.update(tags or {})

    def add(self, frame: VideoFrame, shown: Fraction | None = None) -> None:
        """Append a frame in the encoder's pixel format; ``shown`` is its time in seconds, where there is a clock."""
        stream = self._stream or self._begin(frame.width, frame.height)
        if (frame.width, frame.height) != (stream.width, stream.height):
            raise OutputError(
                f"Picture {self.count} of {self.path.name} is {frame.width}x{frame.height}, "
                f"the first was {stream.width}x{stream.height}; write one size."
            )
        frame.color_primaries, frame.color_trc = self._color.primaries, self._color.transfer
        if not self._encoder.in_rgb:
            frame.color_range, frame.colorspace = ColorRange.MPEG, self._color.matrix
        time = self.count / self._rate if shown is None else shown
        frame.pts, frame.time_base = round(time / self._unit), self._unit
        self.count += 1
        self._encode(stream, frame)
        self._copy_sound(time)

    def close(self) -> None:
        """Finish the movie and give it its name. Raises OutputError where no picture was written."""
        try:
            if self._stream is None:
                raise OutputError(f"No pictures were written to {self.path.name}; give it at least one.")
            self._encode(self._stream, None)
            self._copy_sound(None)
            self._container.close()
            self._check()
            self._hidden.replace(self.path)
        except (av.error.FFmpegError, OSError, FootageError) as error:
            raise self._unwritable(error) from error
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Drop what was written, unless it has its name already."""
        with suppress(av.error.FFmpegError, OSError):  # the file is dropped, so its end need not be written
            self._container.close()
        self._hidden.unlink(missing_ok=True)
        if self._sound is not None:
            self._sound.close()

    def _begin(self, width: int, height: int) -> VideoStream:
        encoder = self._encoder
        try:
            stream = self._container.add_stream(encoder.codec, rate=self._rate, options=dict(encoder.options))
        except (av.error.FFmpegError, ValueError) as error:
            raise OutputError(f"The codec {encoder.codec} cannot write {self.path.name} ({_reason(error)}).") from error
        if not isinstance(stream, VideoStream):
            raise OutputError(f"{encoder.codec} is no codec for pictures; libx264 is one.")
        stream.width, stream.height, stream.pix_fmt = width, height, encoder.pixels
        context = stream.codec_context
        context.time_base = self._unit
        context.color_primaries, context.color_trc = self._color.primaries, self._color.transfer
        if not encoder.in_rgb:
            context.color_range, context.colorspace = ColorRange.MPEG, self._color.matrix
        if self._aspect != 1.0:
            context.sample_aspect_ratio = Fraction(self._aspect).limit_denominator(1000)
        if encoder.tag and self.path.suffix.lower() != ".mkv":
            context.codec_tag = encoder.tag
        if self._sound is not None:
            self._sound.attach(self._container)
        self._stream = stream
        return stream

    def _encode(self, stream: VideoStream, frame: VideoFrame | None) -> None:
        try:
            packets = stream.encode(frame)
            if frame is None and not self._bytes:
                _put_in_time(packets)
            self._bytes += sum(packet.size for packet in packets)
            self._container.mux(packets)
        except (av.error.FFmpegError, OSError) as error:
            raise self._unwritable(error) from error

    def _copy_sound(self, until: Fraction | None) -> None:
        """Sound up to a time in seconds, or all that is left."""
        if self._sound is None:
            return
        try:
            self._sound.copy(until)
        except (av.error.FFmpegError, OSError) as error:
            raise self._unwritable(error) from error

    def _check(self) -> None:
        """A disk that fills up at the very end is not always told of: the file must open and hold what was encoded."""
        container, _ = open_container(self._hidden)
        container.close()
        if self._hidden.stat().st_size < self._bytes:
            raise OSError("the file is shorter than what was written to it")

    def _unwritable(self, error: Exception) -> OutputError:
        return OutputError(
            f"{self._encoder.codec} cannot write {self.path} ({_reason(error)}); check the codec and the space left."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


def _put_in_time(packets: Sequence[Packet[VideoStream]]) -> None:
    """Say when each packet of a movie is decoded: one after another, as late as all of them can be shown in time.

    Of movies that are shorter than its look-ahead x265 says it from memory that it never wrote.
    """
    shown = [(packet, packet.pts) for packet in packets if packet.pts is not None]
    order = sorted(pts for _, pts in shown)
    late = max((due - pts for due, (_, pts) in zip(order, shown, strict=True)), default=0)
    for due, (packet, _) in zip(order, shown, strict=True):
        packet.dts = due - late


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".").lower()
