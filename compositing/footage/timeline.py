"""Which pictures a movie promises: their timestamps, read without decoding, and whether the file still holds them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from compositing.errors import FootageError

_ATTACHED = av.stream.Disposition.attached_pic
# Bytes of a transport stream's packet: plain, with a time code (m2ts), with a checksum.
_TS_PACKETS = (188, 192, 204)
_TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})
_CLOCK = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Timeline:
    """Presentation timestamps in stream units, ascending, one per picture, and those of the key frames.

    ``exact`` is False where the container has no timestamps; its pictures are counted instead.
    """

    pts: Sequence[int]
    keys: Sequence[int]
    exact: bool = True


def open_container(path: Path) -> tuple[InputContainer, VideoStream]:
    """The movie and its first picture track. Raises FootageError where there is none."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise FootageError(_unreadable(path, error)) from error
    pictures = [
        stream
        for stream in container.streams.video
        if not stream.disposition & _ATTACHED and stream.codec_context and stream.codec_context.name not in _TEXT_CODECS
    ]
    if not pictures:
        container.close()
        raise FootageError(f"{path.name} has no picture track that can be decoded; name a movie or an image sequence.")
    return container, pictures[0]


def scan(path: Path) -> Timeline:
    """The timeline of a movie. Raises FootageError where the file is empty or cut off."""
    container, stream = open_container(path)
    with container:
        if container.format.name.startswith("mov"):
            _check_index(path, stream)
            if (timeline := _from_index(container, stream)) is not None:
                return timeline
        timeline = _by_demuxing(path, container, stream)
        _check_promise(path, container, stream, timeline)
    return timeline


def packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The stream's packets from where the container stands; they end where the file cannot be read on."""
    with suppress(av.error.FFmpegError):
        yield from container.demux(stream)


def _by_demuxing(path: Path, container: InputContainer, stream: VideoStream) -> Timeline:
    stamps: list[int | None] = []
    keys: list[int] = []
    for packet in packets(container, stream):
        if packet.size and packet.is_keyframe and packet.pts is not None:
            keys.append(packet.pts)
        if packet.size and not packet.is_discard:
            stamps.append(packet.pts)
    if container.format.name == "mpegts" and keys:
        # A recording that starts between key frames begins with pictures that no one can decode.
        stamps = [stamp for stamp in stamps if stamp is None or stamp >= keys[0]]
    if not stamps:
        raise FootageError(
            f"{path} holds no pictures; it is empty, cut off, or was never finished, so copy or render it again."
        )
    known = sorted({stamp for stamp in stamps if stamp is not None})
    # AVI has no presentation times: with reordered pictures, what stands in their place is the order of storage.
    unordered = container.format.name == "avi" and stream.codec_context.has_b_frames
    if len(known) != len(stamps) or unordered:
        return Timeline(range(len(stamps)), (0,), exact=False)
    return Timeline(tuple(known), tuple(sorted(keys)) or (known[0],))


def _from_index(container: InputContainer, stream: VideoStream) -> Timeline | None:
    """The timeline of a MOV or MP4 whose pictures are all key frames, from its index: nothing else is read.

    Such movies are large and their pictures are stored in order, so a picture's timestamp is its place in the index
    shifted by what the first one is shifted. None where pictures are not all key frames or the index is partial.
    """
    entries = stream.index_entries
    if len(entries) != stream.frames or not all(entry.is_keyframe and not entry.is_discard for entry in entries):
        return None
    first = next((packet for packet in packets(container, stream) if packet.size and packet.pts is not None), None)
    if first is None or first.pts is None:
        return None
    shift = first.pts - entries[0].timestamp
    stamps = tuple(entry.timestamp + shift for entry in entries)
    return Timeline(stamps, stamps) if all(a < b for a, b in pairwise(stamps)) else None


def _check_index(path: Path, stream: VideoStream) -> None:
    """The index of a MOV or MP4 says where each picture lies; one that ends beyond the file was cut off."""
    size = path.stat().st_size
    lost = [number for number, entry in enumerate(stream.index_entries) if entry.pos + entry.size > size]
    if lost:
        raise FootageError(
            f"{path} is cut off: it promises {len(stream.index_entries)} pictures and ends in "
            f"picture {lost[0] + 1} of them; copy or render it again."
        )


def _check_promise(path: Path, container: InputContainer, stream: VideoStream, timeline: Timeline) -> None:
    """AVI headers say how many pictures there are, Matroska ones how long they last, and a transport stream consists
    of whole packets; less means cut off."""
    if container.format.name == "mpegts" and all(path.stat().st_size % size for size in _TS_PACKETS):
        raise FootageError(f"{path} is cut off: it ends inside a packet; copy or record it again.")
    if container.format.name == "avi" and stream.frames > len(timeline.pts):
        raise FootageError(
            f"{path} is cut off: it promises {stream.frames} pictures and has {len(timeline.pts)}; "
            "copy or render it again."
        )
    promised = _promised_seconds(container, stream)
    if promised is None or not timeline.exact or stream.time_base is None or not stream.average_rate:
        return
    longest = max((after - before for before, after in pairwise(timeline.pts)), default=0) * stream.time_base
    end = float(timeline.pts[-1] * stream.time_base + Fraction(3, 2) * max(longest, 1 / stream.average_rate))
    if end < promised:
        raise FootageError(
            f"{path} is cut off: it promises {promised:.2f} seconds and its {len(timeline.pts)} pictures "
            f"end before {end:.2f}; copy or render it again."
        )


def _promised_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    if "matroska" not in container.format.name:
        return None
    if match := _CLOCK.match(stream.metadata.get("DURATION", "")):
        return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
    alone = len(container.streams) == 1 and container.duration is not None
    return float(Fraction(container.duration or 0, av.time_base)) if alone else None


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, av.error.InvalidDataError):
        return (
            f"{path} cannot be opened as a movie: it is cut off before its index, or it is no movie at all; "
            "copy it again or name another file."
        )
    what = getattr(error, "strerror", None) or str(error)
    return f"{path} cannot be opened as a movie ({what}); name a movie or an image sequence."
