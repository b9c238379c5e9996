"""Running a job in a process of its own: memory on the device is free when it ends, and its crash is its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import sam2_roto

Json = dict[str, Any]

LONGEST_LINE = 1 << 26
"""Bytes of a message; a result names every file that was written."""


class Outcome(NamedTuple):
    """How a job ended."""

    state: str
    error: str | None = None
    result: Json | None = None


class Runner:
    """The process of one job. ``heard`` is given its messages but the last, in their order."""

    def __init__(self, task: Json, log: Path, heard: Callable[[Json], Awaitable[None]], grace: float) -> None:
        self._task, self._log, self._heard, self._grace = task, log, heard, grace
        self._process: Process | None = None
        self._cancelled = self._killed = False
        self._killing: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process, once it runs."""
        return self._process.pid if self._process else None

    async def run(self) -> Outcome:
        """Start the process and wait for its end."""
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "sam2_roto.service.worker"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                env=_environment(),
                limit=LONGEST_LINE,
                start_new_session=True,  # Ctrl-C is for the service, which ends its workers itself
            )
        self._process = process
        try:
            if self._killed:
                self.kill()
            return await self._follow(process)
        finally:
            if self._killing:
                self._killing.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._sweep()

    def cancel(self) -> None:
        """Ask the job to stop at a frame's end; it is killed where it does not within the time of grace."""
        if self._cancelled:
            return
        self._cancelled = True
        self._send("cancel")
        self._killing = asyncio.get_running_loop().call_later(self._grace, self.kill)

    def kill(self) -> None:
        """End the process now, or as soon as it has started."""
        self._killed = True
        if self._process and self._process.returncode is None:
            self._process.kill()

    async def _follow(self, process: Process) -> Outcome:
        assert process.stdout is not None
        self._send(json.dumps(self._task))
        if self._cancelled:
            self._send("cancel")
        last: Outcome | None = None
        async for line in process.stdout:
            message: Json = json.loads(line)
            if "state" in message:
                last = Outcome(message["state"], message.get("error"), message.get("result"))
            else:
                await self._heard(message)
        status = await process.wait()
        if last is None:
            last = Outcome("cancelled") if self._cancelled else Outcome("failed", self._death(status))
        return last

    def _send(self, line: str) -> None:
        """Write to the process; one that is dead already is found out by its end."""
        pipe = self._process.stdin if self._process else None
        if pipe is not None and not pipe.is_closing():
            pipe.write(f"{line}\n".encode())

    def _death(self, status: int) -> str:
        """The sentence for a process that ended without a word."""
        how = f"was killed ({signal.Signals(-status).name})" if status < 0 else f"died with status {status}"
        return (
            f"the job's process {how}, perhaps for want of memory; start the job again, it goes on where it was "
            f"(what it said last is in {self._log})"
        )

    def _sweep(self) -> None:
        """Remove a log in which nothing is written."""
        if self._log.exists() and self._log.stat().st_size == 0:
            self._log.unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    """This process's, with the package where this one found it."""
    root = str(Path(sam2_roto.__file__).resolve().parents[1])
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, known] if known else [root])}
