"""Work beside the interface: calls to the service in threads, their results taken up by a timer of Blender's.

Knows nothing of Blender. Work of one lane is done one after another, in the order in which it was asked for; lanes run
side by side, so that an artist may click while a job goes on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from host_adapters.client import ServiceError, Task

from .errors import SceneError

EDITS, LOOKS, JOBS = "edits", "looks", "jobs"
"""The lanes: what the artist says, previews while the pointer hovers, tracking and export."""


@dataclass
class Order:
    """Something to do: ``work(task)`` in a thread, then ``done(result)`` or ``failed()`` in the interface's thread."""

    title: str
    work: Callable[[Task], Any]
    done: Callable[[Any], None]
    failed: Callable[[], None] = lambda: None


@dataclass
class Tasks:
    """The lanes, and what is told of them.

    Attributes:
        message: what is going on, or what came of it.
        error: the sentence of what failed last; empty where all is well.
    """

    message: str = ""
    error: str = ""
    _waiting: dict[str, deque[Order]] = field(default_factory=dict)
    _running: dict[str, tuple[Order, Task]] = field(default_factory=dict)

    def add(self, lane: str, order: Order) -> None:
        """Have something done after what waits in the lane; the error of before is forgotten."""
        self._waiting.setdefault(lane, deque()).append(order)
        self.error = ""
        self._start(lane)

    def busy(self, lane: str | None = None) -> bool:
        """Whether anything runs or waits, in one lane or in any."""
        lanes = [lane] if lane else list(self._waiting)
        return any(name in self._running or self._waiting.get(name) for name in lanes)

    def job(self) -> dict[str, Any]:
        """The latest state of the job that runs; empty where none does."""
        running = self._running.get(JOBS)
        return running[1].job if running else {}

    def cancel(self) -> None:
        """End the job that runs, and drop those that wait."""
        self._waiting.get(JOBS, deque()).clear()
        if JOBS in self._running:
            self._running[JOBS][1].cancel()

    def pump(self) -> bool:
        """Take up what has ended, start what waits; whether anything goes on. Call it in the interface's thread."""
        for lane in list(self._waiting):
            running = self._running.get(lane)
            if running and running[1].poll():
                del self._running[lane]
                self._take_up(*running)
            self._start(lane)
        return self.busy()

    def settle(self, seconds: float = 600.0) -> None:
        """Wait until all is done, where there is no interface; raises SceneError with the first that failed."""
        deadline = time.monotonic() + seconds
        while self.pump():
            if time.monotonic() > deadline:
                raise SceneError(f"'{self.message}' is not done after {seconds:g} s; cancel it and try again.")
            time.sleep(0.02)
        if self.error:
            raise SceneError(self.error)

    def _start(self, lane: str) -> None:
        if lane not in self._running and self._waiting.get(lane):
            order = self._waiting[lane].popleft()
            self.message = order.title
            self._running[lane] = (order, Task(order.work))

    def _take_up(self, order: Order, task: Task) -> None:
        try:
            order.done(task.result())
        except (ServiceError, SceneError, OSError) as error:
            self.error = self.error or str(error)
            self.message = ""
            order.failed()


def said_of(job: dict[str, Any]) -> str:
    """A job's state in a few words."""
    if not job:
        return "waiting for the service"
    if job.get("state") == "queued":
        return "waiting for other jobs"
    return f"{job.get('stage') or job.get('kind')}: {job.get('done', 0)} of {job.get('total') or '?'}"


def share_of(job: dict[str, Any]) -> float:
    """How much of a job's stage is done, 0 to 1."""
    total = job.get("total") or 0
    return min(job.get("done", 0) / total, 1.0) if total else 0.0
