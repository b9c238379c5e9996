"""Lanes: threads that take work from a queue of bounded length, with an account of the time that it took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass
class Stage:
    """The account of one stage of a pipeline; for several threads.

    Attributes:
        name: of the stage, for reports.
        workers: threads that share its work.
        frames: units of work that it has done.
        seconds: time that its threads worked, all of them together, without what they waited.
    """

    name: str
    workers: int = 1
    frames: int = 0
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, seconds: float, frames: int = 1) -> None:
        """Account for work that took ``seconds``."""
        with self._lock:
            self.seconds += seconds
            self.frames += frames

    @contextmanager
    def work(self, frames: int = 1) -> Iterator[None]:
        """Account for the block, which is work for ``frames``."""
        began = time.perf_counter()
        yield
        self.add(time.perf_counter() - began, frames)


class Lane(Generic[Item]):
    """Hands items to a function in threads of its own; with one worker they are taken in order.

    ``put`` blocks once every worker is busy and ``waiting`` items queue. The first exception that the function raises
    ends the lane: it comes out of the next ``put``, or of ``close``, and items that wait are dropped.
    """

    def __init__(self, name: str, work: Callable[[Item], None], *, workers: int = 1, waiting: int = 2) -> None:
        self.stage = Stage(name, workers)
        self._work = work
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._places = threading.BoundedSemaphore(workers + waiting)
        self._error: BaseException | None = None

    def put(self, item: Item) -> None:
        """Hand over an item; raises what an earlier one met with."""
        self.check()
        self._places.acquire()
        try:
            self.check()
            future = self._pool.submit(self._run, item)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(self._finished)

    def check(self) -> None:
        """Raises what an item met with, if any did."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Wait until every item is worked on. Raises what one met with."""
        self._pool.shutdown(wait=True)
        self.check()

    def abandon(self) -> None:
        """Drop the items that wait; those begun are finished."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, item: Item) -> None:
        if self._error is None:
            with self.stage.work():
                self._work(item)

    def _finished(self, future: Future[None]) -> None:
        if not future.cancelled() and self._error is None:
            self._error = future.exception()
        self._places.release()
