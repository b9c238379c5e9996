"""The pipeline of a job: pictures are decoded ahead of the tracker, mattes and files are made behind it.

    decode ──queue──► track ──store on disk──► mattes ──queues──► write, preview, movie, splines

The tracker runs in the caller's thread; everything else has threads of its own. Queues have bounded lengths, and the
store is on disk, so that memory does not grow with the clip, however unequal the stages are. The slowest stage sets
the pace, and the report names it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from types import TracebackType
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray

from compositing.footage import Footage
from compositing.footage.footage import prefetch
from sam2_roto.errors import Cancelled
from sam2_roto.export.lanes import Stage
from sam2_roto.rendering import Masklets
from sam2_roto.report import PipelineReport, StageReport
from sam2_roto.tracking.objects import ObjectFrame

View = NDArray[np.uint8]


class ReadAhead:
    """Footage as the tracker's source: a few pictures are decoded ahead, and the time that it takes is accounted for.

    ``ahead`` is the same footage, opened once more for the threads that decode; ``footage`` answers single frames.
    """

    def __init__(self, footage: Footage, ahead: Footage, stage: Stage) -> None:
        self._footage, self._ahead, self._stage = footage, ahead, stage
        self.width, self.height, self.frames = footage.width, footage.height, footage.frames
        self.waited = 0.0
        """Seconds for which a picture was not there yet when it was asked for."""

    def view(self, frame: int) -> View:
        """One display-referred picture, uint8 RGB ``[H, W, 3]``."""
        return self._footage.view(frame)

    def views(self, frames: Iterable[int], look_ahead: int = 4) -> Iterator[tuple[int, View]]:
        """Pictures in the order asked for, at most ``look_ahead`` of them decoded in advance."""
        ahead = prefetch(self._load, frames, look_ahead, workers=self._stage.workers)
        with closing(cast("Generator[tuple[int, View]]", ahead)) as pictures:
            while True:
                began = time.perf_counter()
                found = next(pictures, None)
                self.waited += time.perf_counter() - began
                if found is None:
                    return
                yield found

    def _load(self, frame: int) -> View:
        with self._stage.work():
            return self._ahead.view(frame)


class Arrivals:
    """Which frames are settled, because every pass of the tracker that touches them has gone past.

    One thread tells of frames with ``passed`` and ends with ``finish``; others wait for them.
    """

    def __init__(self, passes: Iterable[Sequence[int]] = ()) -> None:
        self._open = Counter(frame for frames in passes for frame in frames)
        self._changed = threading.Condition()
        self._told, self._finished, self._stopped = 0, False, False
        self.waited = 0.0
        """Seconds that others have waited."""

    def passed(self, frame: int) -> None:
        """A pass has gone past the frame."""
        with self._changed:
            self._open[frame] -= 1
            self._told += 1
            self._changed.notify_all()

    def finish(self) -> None:
        """All passes have ended, and what they found is kept."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def stop(self) -> None:
        """The work is over: whoever waits is let go with Cancelled."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait(self, frame: int) -> None:
        """Return once the frame is settled. Raises Cancelled where the work was stopped."""
        self._wait(lambda: self._open[frame] <= 0)

    def more(self) -> bool:
        """Wait for another frame; False where none will come. Raises Cancelled where the work was stopped."""
        told = self._told
        self._wait(lambda: self._told > told)
        return self._told > told

    def _wait(self, ready: Callable[[], bool]) -> None:
        began = time.perf_counter()
        with self._changed:
            self._changed.wait_for(lambda: ready() or self._finished or self._stopped)
            self.waited += time.perf_counter() - began
            if self._stopped:
                raise Cancelled("the job was stopped")


class SettledMasklets:
    """Masklets whose ``read`` waits until the frame is settled."""

    def __init__(self, store: Masklets, arrivals: Arrivals) -> None:
        self._store, self._arrivals = store, arrivals

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        """One object's result on one frame, or ``None``. Raises Cancelled where the work was stopped."""
        self._arrivals.wait(frame)
        found = self._store.read(name, frame)
        while found is None and self._arrivals.more():  # a tracker may keep its results a little later
            found = self._store.read(name, frame)
        return found or self._store.read(name, frame)


class Background:
    """Runs one function in a thread beside the caller's, and brings home what it raised.

    Use it as a context manager: a block that raises calls ``stop`` first, and never leaves the thread behind.
    """

    def __init__(self, name: str, work: Callable[[], None], stop: Callable[[], None]) -> None:
        self._work, self._stop = work, stop
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)

    def check(self) -> None:
        """Raises what the thread met with, if anything."""
        if self._error is not None:
            raise self._error

    def join(self, tell: Callable[[], None], interval: float = 0.1) -> None:
        """Wait for the thread to end, calling ``tell`` now and then. Raises what it met with."""
        while self._thread.is_alive():
            self._thread.join(interval)
            tell()
        self.check()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            self._error = error


def report(stages: Iterable[Stage], seconds: float) -> PipelineReport:
    """The report of stages that have done their work; those that had none are left out."""
    told = (StageReport(stage.name, stage.frames, stage.workers, stage.seconds) for stage in stages)
    return PipelineReport(tuple(entry for entry in told if entry.seconds > 0), seconds)
