"""Sound of a movie carried into another one: packets copied as they are, moved so that they stay in step.

What begins before the first picture is written with a negative time stamp, which MP4 and MOV turn into an edit that
players skip, so that a codec's lead-in is decoded and not heard. Other containers would shift everything instead; there
it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from compositing.closing import Closing
from compositing.errors import FootageError, OutputError
from compositing.footage.footage import Footage
from compositing.footage.timeline import open_container
from compositing.footage.video import VideoFootage

# A packet that begins less than this before the first picture may matter to the decoder of the next one.
_LEAD_IN = Fraction(1, 10)


def picture_times(footage: Footage) -> list[Fraction] | None:
    """When each picture of a movie is shown, in seconds of its container; None where that is not known."""
    if not isinstance(footage, VideoFootage) or not footage.timeline.exact:
        return None
    container, stream = open_container(footage.path)
    with container:
        unit = stream.time_base
    return None if unit is None else [Fraction(stamp) * unit for stamp in footage.timeline.pts]


def is_even(times: list[Fraction], rate: Fraction) -> bool:
    """Whether pictures come at a constant rate, as nearly as a container's clock can say (a tenth of a frame)."""
    return all(abs((after - before) * rate - 1) < Fraction(1, 10) for before, after in pairwise(times))


def has_sound(path: Path) -> bool:
    """Whether a file holds sound; False for what is no movie."""
    try:
        with av.open(str(path)) as container:
            return bool(container.streams.audio)
    except (av.error.FFmpegError, OSError, ValueError):
        return False


class Sound(Closing):
    """The sound of ``path`` from ``start`` to ``end`` seconds, to be copied into a movie that begins at ``start``.

    Use it as a context manager: ``attach`` to a container before its first packet, then ``copy`` up to each picture.
    Raises FootageError where the file holds no sound.
    """

    def __init__(self, path: Path, start: Fraction, end: Fraction) -> None:
        self.path, self._start, self._end = path, start, end
        try:
            self._source = av.open(str(path))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise FootageError(f"{path.name} cannot be opened for its sound ({reason}); name another file.") from error
        if not self._source.streams.audio:
            self._source.close()
            raise FootageError(f"{path.name} holds no sound; name a file that does, or leave sound out.")
        self._streams: dict[int, AudioStream] = {}
        self._target: OutputContainer | None = None
        self._packets: Iterator[Packet[Any]] = iter(())
        self._next: Packet[Any] | None = None

    def attach(self, target: OutputContainer) -> None:
        """Add the tracks to a container. Raises OutputError where it cannot hold their codec."""
        for stream in self._source.streams.audio:
            codec = stream.codec_context.name
            if codec not in target.supported_codecs and stream.codec.canonical_name not in target.supported_codecs:
                raise OutputError(
                    f"The sound of {self.path.name} is {codec}, which a {target.format.name.split(',')[0]} file cannot "
                    "hold; choose .mov or .mkv, or leave sound out."
                )
            self._streams[stream.index] = target.add_stream_from_template(stream)
        self._target = target
        self._packets = self._moved()
        self._next = next(self._packets, None)

    def copy(self, until: Fraction | None = None) -> None:
        """Write the packets that begin before ``until``, in seconds from ``start``; by default, all that are left."""
        assert self._target is not None
        while self._next is not None and (until is None or _begin(self._next) < until):
            self._target.mux(self._next)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _moved(self) -> Iterator[Packet[Any]]:
        assert self._target is not None
        edits = self._target.format.name.split(",")[0] in ("mp4", "mov", "ipod")
        earliest = self._start - _LEAD_IN if edits else self._start
        if self._start > 1:
            self._source.seek(int((self._start - 1) * av.time_base), backward=True)
        for packet in self._source.demux(*self._source.streams.audio):
            if packet.pts is None or not packet.size:
                continue
            if _begin(packet) < earliest or _begin(packet) >= self._end:
                continue
            shift = round(self._start / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = self._streams[packet.stream.index]
            yield packet


def _begin(packet: Packet[Any]) -> Fraction:
    return Fraction(packet.pts or 0) * packet.time_base
