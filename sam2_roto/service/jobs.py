"""The queue of jobs: by priority, some at a time on each device, one on each shot, resumed after a restart."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from compositing.errors import CompositingError

from .events import Events
from .faults import Refused
from .job import Job, Work
from .runner import Outcome, Runner
from .store import Store

_LOG = logging.getLogger(__name__)

Json = dict[str, Any]

Start = Callable[[Job, str, Callable[[Json], Awaitable[None]]], Runner]
"""Makes the runner of a job on a device, which tells what it hears."""

TakeIn = Callable[[str, Json], Awaitable[None]]
"""Takes what a job found into the shot of that id."""


class Jobs:
    """All jobs of a service. Used by the thread of the event loop alone.

    What a call changed is in the table when it returns; how far a running job is, is not kept.
    """

    def __init__(self, store: Store, events: Events, slots: tuple[str, ...], start: Start, take_in: TakeIn) -> None:
        self._store, self._events, self._start, self._take_in = store, events, start, take_in
        self._free = list(slots)
        self._jobs: dict[str, Job] = {}
        self._runners: dict[str, Runner] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def resume(self) -> None:
        """Read the table; what was running when the service ended is queued again, and goes on where it was."""
        self._store.prune()
        for job in self._store.jobs():
            if job.state == "running":
                job.state, job.started = "queued", None
                self._store.put(job)
            self._jobs[job.id] = job
        self._begin()

    def all(self, shot: str | None = None) -> list[Job]:
        """The jobs, the oldest first; with ``shot``, those of one shot."""
        return [job for job in self._jobs.values() if shot in (None, job.shot)]

    def find(self, identity: str) -> Job:
        """The job of that id. Raises Refused."""
        if identity not in self._jobs:
            raise Refused(404, "job", f"there is no job {identity}; ask for /v1/jobs")
        return self._jobs[identity]

    def count(self, state: str) -> int:
        """Jobs in that state."""
        return sum(job.state == state for job in self._jobs.values())

    def busy(self, shot: str) -> bool:
        """Whether a job is at work on a shot, or waits to be."""
        return any(job.shot == shot and not job.over for job in self._jobs.values())

    def add(self, shot: str, kind: Work, options: Json, priority: int) -> Job:
        """Queue a job."""
        job = Job(shot, kind, options, priority)
        self._store.put(job)
        self._jobs[job.id] = job
        self._events.publish(job)
        self._begin()
        return job

    def hasten(self, identity: str, priority: int) -> Job:
        """Give a job another priority; it counts as long as the job waits."""
        job = self.find(identity)
        job.priority = priority
        self._note(job)
        return job

    def cancel(self, identity: str) -> Job:
        """Stop a job: at once where it waits, at a frame's end where it runs; one that is over stays as it is."""
        job = self.find(identity)
        if job.state == "queued":
            self._end(job, Outcome("cancelled"))
        elif runner := self._runners.get(identity):
            runner.cancel()
        return job

    async def stop(self) -> None:
        """End all workers; their jobs are resumed by the next service."""
        self._stopping = True
        for runner in self._runners.values():
            runner.kill()
        await asyncio.gather(*self._tasks)

    def pid(self, identity: str) -> int | None:
        """The process of a running job."""
        runner = self._runners.get(identity)
        return runner.pid if runner else None

    def _begin(self) -> None:
        """Start what can be started."""
        while self._free and not self._stopping:
            taken = {job.shot for job in self._jobs.values() if job.state == "running"}
            waiting = [job for job in self._jobs.values() if job.state == "queued" and job.shot not in taken]
            if not waiting:
                return
            job = max(waiting, key=lambda job: job.priority)  # the first of equals, which is the oldest
            job.state, job.started = "running", time.time()
            self._note(job)
            task = asyncio.ensure_future(self._run(job, self._free.pop(0)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Job, device: str) -> None:
        async def heard(message: Json) -> None:
            await self._hear(job, message)

        if self._stopping:  # before the task had its turn; the next service resumes the job
            return
        outcome = Outcome("failed", "the job's process could not be started; look into the service's log")
        try:
            self._runners[job.id] = self._start(job, device, heard)
            outcome = await self._runners[job.id].run()
        except CompositingError as error:
            outcome = Outcome("failed", str(error))
        except Exception:  # noqa: BLE001 - one job's trouble must not stop the queue
            _LOG.exception("job %s", job.id)
        finally:
            self._runners.pop(job.id, None)
            self._free.append(device)
        if not self._stopping:
            self._end(job, outcome)
            self._begin()

    async def _hear(self, job: Job, message: Json) -> None:
        """Progress, or something that the job found out."""
        if "found" in message:
            try:
                await self._take_in(job.shot, message["found"])
            except CompositingError as error:  # the shot is open elsewhere, or gone; what was found is found again
                _LOG.warning("job %s: %s", job.id, error)
            return
        job.stage, job.done, job.total = message["stage"], message["done"], message["total"]
        self._events.publish(job)

    def _end(self, job: Job, outcome: Outcome) -> None:
        job.state, job.error, job.result = outcome.state, outcome.error, outcome.result  # type: ignore[assignment]
        job.ended = time.time()
        self._note(job)

    def _note(self, job: Job) -> None:
        self._store.put(job)
        self._events.publish(job)
