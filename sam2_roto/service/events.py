"""Progress as server-sent events (HTML standard, section 9.2): clients that listen hear of every job that changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable

from .job import Job

PULSE = 15.0
"""Seconds of silence after which a comment is sent, so that a connection that died is noticed."""


class Events:
    """Listeners of one service; used by the thread of its event loop alone.

    A listener that is slow hears the latest state of each job, not every step on the way: what waits is bounded.
    """

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._closed = False

    def publish(self, job: Job) -> None:
        """Tell all that listen how a job is now."""
        for listener in self._listeners:
            listener.hear(job)

    async def stream(self, known: Iterable[Job], only: str | None = None) -> AsyncIterator[str]:
        """Events of all jobs, ``known`` ones first; with ``only``, of that job, until it is over."""
        listener = _Listener(only)
        for job in known:
            listener.hear(job)
        self._listeners.add(listener)
        try:
            while not self._closed:
                for text, over in await listener.heard():
                    yield text
                    if over and only is not None:
                        return
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for listener in self._listeners:
            listener.wake()


class _Listener:
    def __init__(self, only: str | None) -> None:
        self._only = only
        self._waiting: dict[str, tuple[str, bool]] = {}
        self._news = asyncio.Event()

    def hear(self, job: Job) -> None:
        if self._only in (None, job.id):
            self._waiting[job.id] = (f"data: {json.dumps(job.to_json())}\n\n", job.over)
            self._news.set()

    def wake(self) -> None:
        self._news.set()

    async def heard(self) -> list[tuple[str, bool]]:
        """What was heard since the last call; a comment where that was nothing for a while."""
        try:
            await asyncio.wait_for(self._news.wait(), PULSE)
        except TimeoutError:
            return [(": still here\n\n", False)]
        self._news.clear()
        heard, self._waiting = list(self._waiting.values()), {}
        return heard
