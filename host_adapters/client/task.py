"""Work in the background that a host's timer asks after."""

from __future__ import annotations

import threading

TYPE_CHECKING = False  # importing typing takes longer than importing this client
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Task:
    """Runs ``work(task)`` in a thread of its own; nothing here waits, so a timer of the interface may ask at any time.

        task = Task(lambda task: client.wait(client.track(shot), task.report, task.is_cancelled))

        def timer():                        # in Blender: bpy.app.timers.register(timer)
            if not task.poll():
                show(task.job.get("done"), task.job.get("total"))
                return 0.2                  # ask again
            done = task.result()            # or the error, raised here
            return None

    ``work`` must not touch the host, whose interface belongs to the thread that asks.

    Attributes:
        job: the latest state that was reported; empty before the first.
    """

    def __init__(self, work: Callable[[Task], Any]) -> None:
        self.job: dict[str, Any] = {}
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._result: Any = None
        self._error: Exception | None = None
        threading.Thread(target=self._run, args=(work,), name="sam2-roto", daemon=True).start()

    def _run(self, work: Callable[[Task], Any]) -> None:
        try:
            self._result = work(self)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asks for the result
            self._error = error
        finally:
            self._ended.set()

    def report(self, job: dict[str, Any]) -> None:
        """Keep a job's state; give this to ``Client.wait`` as progress."""
        self.job = job

    def is_cancelled(self) -> bool:
        """Whether ``cancel`` was called; give this to ``Client.wait``."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the work to end; it tells so by raising Cancelled from ``result``."""
        self._cancelled.set()

    def poll(self) -> bool:
        """Whether the work has ended."""
        return self._ended.is_set()

    def result(self, timeout: float | None = None) -> Any:
        """What the work gave, or the error that it raised; waits for it, at most ``timeout`` seconds (TimeoutError)."""
        if not self._ended.wait(timeout):
            raise TimeoutError(f"the work has not ended after {timeout:g} s")
        if self._error is not None:
            raise self._error
        return self._result
