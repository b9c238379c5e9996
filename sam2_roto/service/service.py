"""The service itself: what all requests share."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import shots
from .events import Events
from .faults import Refused
from .job import Job
from .jobs import Jobs
from .paths import Folders, openable
from .room import Models
from .rooms import Rooms
from .runner import Runner
from .runtime import private_folder
from .settings import Settings
from .store import Store

_LOG = logging.getLogger(__name__)

Json = dict[str, Any]


class Service:
    """Folders, shots and jobs of one service. Raises ServiceError where its folders cannot be used.

    Used by the thread of the event loop alone, from ``begin`` to ``end``.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        for folder in (settings.state, settings.shots, settings.logs, settings.state / "locks"):
            private_folder(folder)
        self.store = Store(settings.state / "service.db")
        self.folders = Folders(self.store.folders(), [settings.shots])
        self.events = Events()
        self.jobs = Jobs(self.store, self.events, settings.devices * settings.jobs, self._runner, self._take_in)
        self.models = Models(settings.devices[0])
        self.rooms = Rooms(self.store, self.folders, self.models, settings.warm, self.jobs.busy)
        self.began = time.monotonic()
        self.requests = 0
        self.touched = self.began
        self.on_end: Callable[[], None] = lambda: None
        self._watch: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Take up the jobs that an earlier service left, and end when there is nothing to do for long."""
        self.jobs.resume()
        self._watch = asyncio.ensure_future(self._watching())

    async def end(self) -> None:
        """Stop workers, close shots. Jobs that were running go on with the next service."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        self.events.close()
        await self.jobs.stop()
        await self.rooms.close()
        self.store.close()

    def shut_down(self) -> None:
        """End the service soon: streams of events end, and the server stops."""
        self.events.close()
        self.on_end()

    def open_folder(self, text: str) -> None:
        """Open a folder for reading and writing, also for services to come."""
        path = str(openable(text))
        self.store.add_folder(path)
        self.folders.opened[:] = map(Path, self.store.folders())

    async def close_folder(self, text: str) -> None:
        """Take a folder out of the opened ones. Raises Refused where it is none, or a job is at work.

        Open shots are let go: where they need the folder, they cannot be opened again.
        """
        path = next((folder for folder in self.folders.opened if text in (str(folder), f"{folder}/")), None)
        if path is None:
            raise Refused(404, "path", f"the folder {text} is not open; ask for /v1/folders")
        if self.jobs.count("queued") or self.jobs.count("running"):
            raise Refused(409, "busy", "a job may be at work in the folder; cancel all jobs, or wait for their end")
        self.store.remove_folder(str(path))
        self.folders.opened[:] = map(Path, self.store.folders())
        await self.rooms.close()

    def touch(self) -> None:
        """Someone was here."""
        self.touched = time.monotonic()

    def idle_since(self) -> float | None:
        """Since when, by the monotonic clock, nothing was asked and nothing runs; ``None`` while something does."""
        if self.requests or self.jobs.count("running") or self.jobs.count("queued"):
            return None
        return self.touched

    def task(self, job: Job, device: str) -> Json:
        """What a worker has to know of a job. Raises Refused where its shot was closed."""
        return {
            "kind": job.kind,
            "folder": str(self.rooms.folder(job.shot)),
            "options": job.options,
            "device": device,
            "folders": list(map(str, self.folders.opened)),
            "own": list(map(str, self.folders.own)),
            "lock": str(self.settings.state / "locks" / job.shot),
        }

    def _runner(self, job: Job, device: str, heard: Callable[[Json], Awaitable[None]]) -> Runner:
        log = self.settings.logs / f"job-{job.id}.txt"
        return Runner(self.task(job, device), log, heard, self.settings.grace)

    async def _take_in(self, shot: str, found: Json) -> None:
        await self.rooms.do(shot, shots.take_in, found)

    async def _watching(self) -> None:
        """End when idle for as long as the settings say."""
        limit = self.settings.idle
        while limit:
            since = self.idle_since()
            if since is None:
                self.touch()
            left = limit - (time.monotonic() - self.touched)
            if left <= 0:
                _LOG.info("idle for %g seconds; ending", limit)
                self.shut_down()
                return
            await asyncio.sleep(min(left, 5.0) + 0.01)
