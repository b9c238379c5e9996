"""States of a job, heard as events or asked for."""

from __future__ import annotations

import queue
import threading

from .errors import ServiceError

TYPE_CHECKING = False  # importing typing takes longer than importing this client
if TYPE_CHECKING:
    from typing import Any

    from .calls import Client


class Listener:
    """Reads a job's events in a thread of its own, so that whoever waits stays free to cancel."""

    def __init__(self, client: Client, job: str) -> None:
        self._client, self._job = client, job
        self._states: queue.Queue[dict[str, Any]] = queue.Queue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name="sam2-roto events", daemon=True)
        self._thread.start()

    def get(self, seconds: float) -> dict[str, Any] | None:
        """The next state; None where none came in time. Asks for it where no events come any more."""
        listening = self._thread.is_alive()
        try:
            return self._states.get(timeout=seconds)
        except queue.Empty:
            return None if listening else self._client.job(self._job)

    def close(self) -> None:
        """Hear no more; the thread ends with its next event."""
        self._closed.set()

    def _read(self) -> None:
        from contextlib import suppress
        from http.client import HTTPException

        with suppress(OSError, HTTPException, ValueError, ServiceError):  # where they break off, it is asked for
            for state in self._client.events(self._job):
                self._states.put(state)
                if self._closed.is_set():
                    return
