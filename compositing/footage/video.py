"""Movies as footage, decoded by FFmpeg through PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from compositing.color import display_view, is_monitor_space
from compositing.footage import tags, timecode
from compositing.footage.decoder import MovieDecoder
from compositing.footage.footage import Footage, View, prefetch
from compositing.footage.orientation import orientation, turn
from compositing.footage.rates import exact_rate
from compositing.footage.timeline import open_container, scan
from compositing.footage.yuv import decode_planes, decode_view
from compositing.image import Image, Window


class VideoFootage(Footage):
    """A movie file; its pictures are numbered in order of presentation from ``start``.

    Raises FootageError where the file is missing, no movie, cut off, or its first picture cannot be decoded.
    """

    def __init__(
        self, path: Path, *, start: int = 0, color_space: str | None = None, rate: Fraction | None = None
    ) -> None:
        self.path = path
        self.timeline = scan(path)
        self.frames = range(start, start + len(self.timeline.pts))
        self.notes = []
        container, stream = open_container(path)
        with container:
            self.rate = rate or stream_rate(stream)
            self.metadata = {**container.metadata, **stream.metadata}
            self._timecode = _start_timecode(container)
            self._codec = stream.codec_context.name
            self.pixel_aspect = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
            units = stream.time_base or Fraction(1)
        self._decoder = MovieDecoder(path, self.timeline, start)
        self._describe(self._decoder.picture(0), color_space)
        self._note_variable_rate(units)

    def _describe(self, frame: VideoFrame, color_space: str | None) -> None:
        self._coding, self.color = tags.decide(frame, self._codec, color_space)
        self._as_coded = is_monitor_space(self.color.space)
        self.chromaticities = tags.chromaticities(frame)
        self._turn = orientation(frame)
        self.width, self.height = frame.width, frame.height
        if self.color.guessed:
            self.notes.append(self.color.reason)
        if self._turn.swaps:
            self.width, self.height = self.height, self.width
            self.pixel_aspect = 1.0 / self.pixel_aspect
        if not self._turn.upright:
            self.notes.append(f"The movie asks to be {self._turn}; pictures are given that way.")
        if self.pixel_aspect != 1.0:
            self.notes.append(f"Pixels are not square ({self.pixel_aspect:.4g} wide); they are kept as stored.")
        if frame.interlaced_frame:
            self.notes.append("The movie is interlaced; its fields are not separated.")

    def _note_variable_rate(self, units: Fraction) -> None:
        if not self.timeline.exact:
            self.notes.append("The movie has no timestamps; pictures are counted, and going backwards is slow.")
        steps = np.diff(np.array(self.timeline.pts, dtype=np.float64)) * float(units)
        if self.timeline.exact and len(steps) > 1 and np.ptp(steps) > max(0.1 * float(np.median(steps)), 0.0015):
            self.notes.append("The frame rate varies; pictures are numbered in order, one by one.")

    def read(self, frame: int) -> Image:
        self.check(frame)
        planes, channels = decode_planes(self._picture(self._decoder, frame), self._coding)
        pixels = torch.from_numpy(np.ascontiguousarray(turn(planes, self._turn)))
        window = Window.sized(self.width, self.height)
        return Image(pixels, channels, window, window, premultiplied="A" not in channels, color_space=self.color.space)

    def view(self, frame: int) -> View:
        self.check(frame)
        return self._view(self._decoder, frame)

    def views(self, frames: Iterable[int], look_ahead: int = 4) -> Iterator[tuple[int, View]]:
        """As the base class says; with a decoder of its own, so that ``read`` and ``view`` do not disturb it."""
        decoder = MovieDecoder(self.path, self.timeline, self.first)

        def load(frame: int) -> View:
            self.check(frame)
            return self._view(decoder, frame)

        try:
            yield from prefetch(load, frames, look_ahead)
        finally:
            decoder.close()

    def timecode(self, frame: int) -> str | None:
        self.check(frame)
        if self._timecode is None or self.rate is None:
            return None
        return timecode.advance(self._timecode, frame - self.first, self.rate)

    def close(self) -> None:
        self._decoder.close()

    def _picture(self, decoder: MovieDecoder, frame: int) -> VideoFrame:
        picture = decoder.picture(frame - self.first)
        width, height = (self.height, self.width) if self._turn.swaps else (self.width, self.height)
        if (picture.width, picture.height) != (width, height):
            picture = picture.reformat(width=width, height=height)
        return picture

    def _view(self, decoder: MovieDecoder, frame: int) -> View:
        picture = self._picture(decoder, frame)
        if self._as_coded:
            codes = decode_view(picture, self._coding).transpose(2, 0, 1)
            return np.ascontiguousarray(turn(codes, self._turn).transpose(1, 2, 0))
        planes, _ = decode_planes(picture, self._coding)
        color = np.ascontiguousarray(turn(planes[:3] if len(planes) > 2 else planes[[0, 0, 0]], self._turn))
        return display_view(torch.from_numpy(color), self.color.space)


def stream_rate(stream: VideoStream) -> Fraction | None:
    """Frames per second as the container has it, with a known rate's exact value where it was rounded."""
    told = stream.average_rate or stream.guessed_rate
    return exact_rate(Fraction(told)) if told else None


def _start_timecode(container: InputContainer) -> str | None:
    """The timecode of the first picture, from whichever track or header carries it."""
    for tags_of in (*(stream.metadata for stream in container.streams), container.metadata):
        for name, text in tags_of.items():
            if name.casefold() == "timecode":  # Matroska's names are in capitals
                return str(text)
    return None
