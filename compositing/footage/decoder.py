"""Frame-exact decoding: the list of timestamps is the numbering, and pictures come by their timestamp alone."""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from compositing.errors import FootageError

# Pictures decoded on the way to another are kept up to this many bytes, so that stepping backwards stays cheap.
KEPT_BYTES = 96 << 20
THREADS = 2


@dataclass(frozen=True, slots=True)
class Timeline:
    """Presentation timestamps in stream units, ascending, one per picture; those of key frames; ``exact`` is False
    where the container has none and pictures are counted instead."""

    pts: tuple[int, ...]
    keys: tuple[int, ...]
    exact: bool = True


def open_container(path: Path) -> tuple[InputContainer, VideoStream]:
    """The movie and its first video stream. Raises FootageError, in one sentence, where there is none."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise FootageError(_unreadable(path, error)) from error
    pictures = [stream for stream in container.streams.video if not stream.disposition & _ATTACHED]
    if not pictures:
        container.close()
        raise FootageError(f"{path.name} has no picture track; name a movie or an image sequence.")
    return container, pictures[0]


_ATTACHED = av.stream.Disposition.attached_pic


def scan(path: Path) -> Timeline:
    """The timeline of a movie, by demuxing without decoding. Raises FootageError where the file is cut off."""
    container, stream = open_container(path)
    with container:
        _check_whole(path, stream)
        pts: list[int | None] = []
        keys: list[int] = []
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            pts.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
    if not pts:
        raise FootageError(f"{path.name} holds no pictures; it is empty or was never finished.")
    known = sorted({stamp for stamp in pts if stamp is not None})
    if len(known) != len(pts):
        return Timeline(tuple(range(len(pts))), (0,), exact=False)
    return Timeline(tuple(known), tuple(sorted(keys)) or (known[0],))


def _check_whole(path: Path, stream: VideoStream) -> None:
    """The index of an MP4 or MOV says where each picture lies; one beyond the end of the file was cut off."""
    size = path.stat().st_size
    lost = [number for number, entry in enumerate(stream.index_entries) if entry.pos + entry.size > size]
    if lost:
        raise FootageError(
            f"{path.name} is cut off: its header promises {len(stream.index_entries)} pictures but the file ends "
            f"at the picture with index {lost[0]}; copy or render it again."
        )


def _unreadable(path: Path, error: Exception) -> str:
    what = str(error)
    if "moov atom not found" in what or isinstance(error, av.error.InvalidDataError):
        return (
            f"{path.name} cannot be opened as a movie; it is cut off (its index at the end is missing) "
            "or it is no movie at all, so copy it again or name another file."
        )
    return f"{path.name} cannot be opened as a movie ({what}); name a movie or an image sequence."


class MovieDecoder:
    """Decodes pictures by their index in a timeline; forwards it never seeks.

    Memory is bounded: a few pictures of the codec, and up to KEPT_BYTES of pictures passed on the way to a seek's aim.
    """

    def __init__(self, path: Path, timeline: Timeline) -> None:
        self._path = path
        self._timeline = timeline
        self._index = {stamp: index for index, stamp in enumerate(timeline.pts)}
        self._kept: OrderedDict[int, VideoFrame] = OrderedDict()
        self._container, self._stream, self._running = self._start()
        self._next = 0

    def close(self) -> None:
        self._kept.clear()
        self._container.close()

    def picture(self, index: int) -> VideoFrame:
        """The picture with that index. Raises FootageError where it cannot be decoded."""
        if index in self._kept:
            return self._kept[index]
        if self._next <= index <= self._next + self._cheap_ahead(index):
            self._kept.clear()
        else:
            self._seek(index)
        return self._advance(index)

    def _cheap_ahead(self, index: int) -> int:
        """How far ahead to decode rather than seek: to the end of the group of pictures that is being decoded."""
        if not self._timeline.exact:
            return index
        pts, keys = self._timeline.pts, self._timeline.keys
        here = bisect.bisect_right(keys, pts[min(self._next, len(pts) - 1)])
        there = bisect.bisect_right(keys, pts[index])
        return index if here == there else 8

    def _advance(self, index: int) -> VideoFrame:
        for found, frame in self._running:
            self._next = found + 1
            if found > index:
                break
            self._keep(found, frame)
            if found == index:
                return frame
        raise FootageError(
            f"Picture {index} of {self._path.name} cannot be decoded; the movie is damaged or cut off there, "
            "so copy or render it again."
        )

    def _seek(self, index: int) -> None:
        """Continue from the nearest key frame whose pictures begin at or before ``index``."""
        pts, keys = self._timeline.pts, self._timeline.keys
        key = bisect.bisect_right(keys, pts[index]) - 1
        while self._timeline.exact and key > 0:
            self._container.seek(keys[key], stream=self._stream, backward=True)
            self._running = self._decode(self._container, self._stream)
            found, frame = next(self._running, (index + 1, None))
            if found <= index and frame is not None:
                self._running = _chain((found, frame), self._running)
                self._next = found
                return
            key -= 1
        self._container.close()
        self._container, self._stream, self._running = self._start()
        self._next = 0

    def _start(self) -> tuple[InputContainer, VideoStream, Iterator[tuple[int, VideoFrame]]]:
        container, stream = open_container(self._path)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = THREADS
        return container, stream, self._decode(container, stream)

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, VideoFrame]]:
        """``(index, frame)`` as they come; a damaged packet is passed over, its picture will be found wanting."""
        counted = 0
        for packet in container.demux(stream):
            with suppress(av.error.InvalidDataError):
                for frame in packet.decode():
                    index = self._index.get(frame.pts or 0) if self._timeline.exact else counted
                    counted += 1
                    if index is not None and isinstance(frame, VideoFrame):
                        yield index, frame

    def _keep(self, index: int, frame: VideoFrame) -> None:
        self._kept[index] = frame
        size = sum(plane.buffer_size for plane in frame.planes)
        while len(self._kept) > max(1, KEPT_BYTES // max(1, size)):
            self._kept.popitem(last=False)


def _chain(first: tuple[int, VideoFrame], rest: Iterator[tuple[int, VideoFrame]]) -> Iterator[tuple[int, VideoFrame]]:
    yield first
    yield from rest
