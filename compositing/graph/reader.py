"""Footage read ahead: each in a thread of its own, a few frames before they are asked for."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from compositing.footage import Footage
from compositing.image import Image, Window
from compositing.operations.colorspace import through_matrix


class Reader:
    """One footage and the thread that reads it. At most ``ahead`` pictures wait besides the one that is asked for."""

    def __init__(self, footage: Footage, ahead: int = 3) -> None:
        self.footage = footage
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"read {footage.path.name}")
        self._pending: dict[int, Future[Image]] = {}
        self._display: Window | None = None

    @property
    def still(self) -> bool:
        """Whether there is one picture only, which is then there on every frame."""
        return len(self.footage) == 1

    def own(self, frame: int) -> int:
        """The footage's frame for a frame of the graph."""
        return self.footage.first if self.still else frame

    def display(self) -> Window:
        """The frame of the pictures: their display window."""
        if self._display is None:
            self._display = self.read(self.footage.first).display
        return self._display

    def expect(self, frame: int) -> None:
        """Begin to read a frame that will be asked for, unless enough is waiting or it is not there."""
        frame = self.own(frame)
        known = self.footage.first <= frame <= self.footage.last
        if known and frame not in self._pending and len(self._pending) < self._ahead:
            self._pending[frame] = self._pool.submit(self._load, frame)

    def read(self, frame: int) -> Image:
        """The picture of a frame, in the space that it names. Raises FootageError and its kin as the footage does."""
        frame = self.own(frame)
        waiting = self._pending.pop(frame, None) or self._pool.submit(self._load, frame)
        return waiting.result()

    def forget(self, wanted: set[int]) -> None:
        """Drop what waits and is not among the frames wanted, so that a jump in time leaves no room taken."""
        for frame in [each for each in self._pending if each not in wanted]:
            self._pending.pop(frame).cancel()

    def close(self) -> None:
        """End the thread and close the footage."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()
        self.footage.close()

    def _load(self, frame: int) -> Image:
        image, matrix = self.footage.read(frame), self.footage.to_rec709
        return image if matrix is None else through_matrix(image, matrix)
