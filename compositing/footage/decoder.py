"""Frame-exact decoding: the timeline is the numbering, and pictures come by their timestamp alone."""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from compositing.errors import FootageError
from compositing.footage.timeline import Timeline, open_container, packets

# Pictures decoded on the way to another are kept up to this many bytes, so that stepping backwards stays cheap.
KEPT_BYTES = 256 << 20
THREADS = 2

# Ahead of the decoder by no more than this, decoding is cheaper than seeking past a key frame.
_NEAR = 8


class MovieDecoder:
    """Decodes pictures by their index in a timeline; forwards it never seeks.

    Memory is bounded: a few pictures of the codec, and up to KEPT_BYTES of pictures passed on the way to a seek's aim.
    ``first`` is the frame number of the first picture, for messages. For one thread at a time.
    """

    def __init__(self, path: Path, timeline: Timeline, first: int = 0) -> None:
        self._path, self._timeline, self._first = path, timeline, first
        self._index = {stamp: index for index, stamp in enumerate(timeline.pts)}
        self._kept: OrderedDict[int, VideoFrame] = OrderedDict()
        self._next = 0
        self._restart()

    def close(self) -> None:
        self._kept.clear()
        self._container.close()

    def picture(self, index: int) -> VideoFrame:
        """The picture with that index. Raises FootageError, naming the first frame lost, where it is damaged."""
        if index in self._kept:
            return self._kept[index]
        if self._is_near(index):
            self._kept.clear()
        else:
            self._seek(index)
        return self._advance(index)

    def _is_near(self, index: int) -> bool:
        """Whether to decode on rather than seek: a little ahead, or within the group of pictures being decoded."""
        if not self._next <= index:
            return False
        if index - self._next <= _NEAR or not self._timeline.exact:
            return True
        pts, keys = self._timeline.pts, self._timeline.keys
        return bisect.bisect_right(keys, pts[self._next]) == bisect.bisect_right(keys, pts[index])

    def _advance(self, index: int) -> VideoFrame:
        """Decode on up to ``index``. What follows a lost picture is built on it, up to the next key frame, so that a
        picture lost on the way is an error too."""
        for found, frame in self._running:
            if found > self._next or frame.is_corrupt:
                break
            self._keep(found, frame)
            self._next = found + 1
            if found == index:
                return frame
        lost, self._next = self._next, len(self._timeline.pts)
        raise FootageError(
            f"Frame {self._first + lost} of {self._path} cannot be decoded; "
            "the movie is damaged or cut off there, so copy or render it again."
        )

    def _seek(self, index: int) -> None:
        """Continue from the nearest key frame from which pictures come at or before ``index``.

        The picture itself may be one that leads its key frame (open groups), and a container's idea of the nearest
        key frame may be one too late; then an earlier one is tried, and at last the beginning.
        """
        pts, keys = self._timeline.pts, self._timeline.keys
        key = bisect.bisect_right(keys, pts[index]) - 1 if self._timeline.exact else 0
        while key > 0:
            try:
                self._container.seek(keys[key], stream=self._stream, backward=True)
            except av.error.FFmpegError:
                break
            self._codec.flush_buffers()
            self._running = self._decode()
            found, frame = next(self._running, (index + 1, None))
            if frame is not None and found <= index:
                self._running = _prepend((found, frame), self._running)
                self._next = found
                return
            key -= 1
        self._container.close()
        self._restart()

    def _restart(self) -> None:
        self._container, self._stream = open_container(self._path)
        self._codec = _decoder_for(self._stream)
        self._running = self._decode()
        self._next = 0

    def _decode(self) -> Iterator[tuple[int, VideoFrame]]:
        """``(index, frame)`` as they come; a damaged packet is passed over, its picture will be found wanting."""
        counted = 0
        for packet in packets(self._container, self._stream):
            frames: list[VideoFrame] = []
            with suppress(av.error.FFmpegError):
                frames = self._codec.decode(packet)
            for frame in frames:
                index = self._index.get(frame.pts or 0) if self._timeline.exact else counted
                counted += 1
                if index is not None:
                    yield index, frame

    def _keep(self, index: int, frame: VideoFrame) -> None:
        self._kept[index] = frame
        size = sum(plane.buffer_size for plane in frame.planes)
        while len(self._kept) > max(1, KEPT_BYTES // max(1, size)):
            self._kept.popitem(last=False)


def _decoder_for(stream: VideoStream) -> VideoCodecContext:
    """The stream's own decoder; for VP9 with alpha libvpx, because FFmpeg's drops alpha without a word."""
    codec = stream.codec_context
    if codec.name == "vp9" and stream.metadata.get("alpha_mode") == "1":
        codec = VideoCodecContext.create("libvpx-vp9", "r")
        codec.extradata = stream.codec_context.extradata
    codec.thread_type = "AUTO"
    codec.thread_count = THREADS
    return codec


def _prepend(first: tuple[int, VideoFrame], rest: Iterator[tuple[int, VideoFrame]]) -> Iterator[tuple[int, VideoFrame]]:
    yield first
    yield from rest
