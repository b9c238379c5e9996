"""Sound of a movie carried into another one: packets copied as they are, moved so that they stay in step.

MP4 holds no PCM, and little else; what it cannot hold is encoded as AAC there.

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
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import OutputContainer
from av.packet import Packet

from compositing.closing import Closing
from compositing.errors import FootageError, OutputError
from compositing.footage.footage import Footage
from compositing.footage.timeline import open_container
from compositing.footage.video import VideoFootage

# A packet that begins less than this before the first picture may matter to the decoder of the next one.
_LEAD_IN = Fraction(1, 10)

_MP4 = ("mp4", "ipod")
_BITS = 128_000
"""Bits per second of each channel that is encoded."""

_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1"}
"""The usual meaning of so many channels."""


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
    What the container cannot hold is encoded, and told in ``notes``. Raises FootageError where the file holds no sound.
    """

    def __init__(self, path: Path, start: Fraction, end: Fraction, notes: list[str] | None = None) -> None:
        self.path, self._start, self._end = path, start, end
        self._notes = [] if notes is None else notes
        self._encoded: set[int] = set()
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
            self._streams[stream.index] = self._track(stream, target)
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

    def _track(self, stream: AudioStream, target: OutputContainer) -> AudioStream:
        """The target's track for one of the source, with the same codec where it can be."""
        kind, codec = target.format.name.split(",")[0], stream.codec_context.name
        held = target.supported_codecs & {codec, stream.codec.canonical_name}
        if held and not (kind in _MP4 and codec.startswith("pcm_")):
            return target.add_stream_from_template(stream)
        if kind not in _MP4:
            raise OutputError(
                f"The sound of {self.path.name} is {codec}, which a {kind} file cannot hold; "
                "choose .mov or .mkv, or leave sound out."
            )
        self._encoded.add(stream.index)
        self._notes.append(f"The sound of {self.path.name} is {codec}, which MP4 cannot hold; it is written as AAC.")
        try:
            return _aac(stream, target)
        except (av.error.FFmpegError, ValueError) as error:
            raise OutputError(f"The sound of {self.path.name} cannot be AAC ({error}); choose .mov or .mkv.") from error

    def _encode(self, index: int, frames: list[AudioFrame]) -> Iterator[Packet[Any]]:
        """Decoded sound as packets of the target's track."""
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                continue
            time = frame.pts * frame.time_base - self._start
            frame.pts, frame.time_base = round(time * frame.sample_rate), Fraction(1, frame.sample_rate)
            yield from self._streams[index].encode(frame)

    def _ends(self) -> Iterator[Packet[Any]]:
        """What decoders and encoders still hold."""
        for stream in self._source.streams.audio:
            if stream.index in self._encoded:
                yield from self._encode(stream.index, stream.decode(None))
                yield from self._streams[stream.index].encode(None)

    def _moved(self) -> Iterator[Packet[Any]]:
        assert self._target is not None
        edits = self._target.format.name.split(",")[0] in ("mp4", "mov", "ipod")
        earliest = self._start - _LEAD_IN if edits else self._start
        if self._start > 1:
            self._source.seek(int((self._start - 1) * av.time_base), backward=True)
        stream_of = {stream.index: stream for stream in self._source.streams.audio}
        for packet in self._source.demux(*stream_of.values()):
            if packet.pts is None or not packet.size:
                continue
            if _begin(packet) < earliest or _begin(packet) >= self._end:
                continue
            if packet.stream.index in self._encoded:
                yield from self._encode(packet.stream.index, stream_of[packet.stream.index].decode(packet))
                continue
            shift = round(self._start / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = self._streams[packet.stream.index]
            yield packet
        yield from self._ends()


def _aac(stream: AudioStream, target: OutputContainer) -> AudioStream:
    """A track of AAC with the source's channels, and its rate where AAC has that."""
    known = Codec("aac", "w").audio_rates or [stream.rate]
    named = not stream.layout.name.endswith(" channels")  # WAV tells their number alone
    layout = stream.layout.name if named else _LAYOUTS.get(stream.channels, "7.1")
    made = target.add_stream("aac", rate=stream.rate if stream.rate in known else 48_000, layout=layout)
    made.bit_rate = _BITS * stream.channels
    made.codec_context.open()
    return made


def _begin(packet: Packet[Any]) -> Fraction:
    return Fraction(packet.pts or 0) * packet.time_base
