"""The service's calls as methods."""

from __future__ import annotations

import os
import time

from .connection import Connection
from .discovery import await_end
from .errors import Cancelled, JobFailed, TimedOut
from .transport import exchange, join_path, refusal

TYPE_CHECKING = False  # importing typing takes longer than importing this client
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Json = dict[str, Any]
    Path = str | os.PathLike[str]

FINAL = ("done", "failed", "cancelled")
"""States in which a job stays."""

_POLL_S = 0.25
_CANCEL_S = 60.0


class Client(Connection):
    """Every call of the service; ``Connection`` tells what to give at the start.

    All of them raise ServiceError and what is below it. A shot and a job are named by their ``id``.
    """

    # The service itself

    def connect(self) -> Json:
        """Find or start the service, and give its name, version, protocol and process."""
        return self.call("GET", "/version")

    def status(self) -> Json:
        """Device, models, how many shots and jobs, seconds since the start."""
        return self.call("GET", "/status")

    def shutdown(self) -> None:
        """End the service that runs, if one does, and wait until it has; its jobs go on with the next one."""
        with self._lock:
            self._endpoint = None
            endpoint = self._probe()
            if endpoint is None:
                return
            status, said = exchange(endpoint, "POST", "/v1/shutdown", None, self.timeout)
            if status != 200:
                raise refusal(status, said)
            if not await_end(self.runtime, endpoint, self.timeout):
                raise TimedOut(f"the sam2-roto service has not ended in {self.timeout:g} s; it may still finish a job")

    # Folders and shots

    def folders(self) -> list[str]:
        """The folders in which the service may read and write."""
        return list(self.call("GET", "/folders")["folders"])

    def open_folder(self, path: Path) -> None:
        """Let the service read and write below ``path``, for good."""
        self.call("POST", "/folders", {"path": os.path.abspath(path)})

    def close_folder(self, path: Path) -> None:
        """Take that back."""
        self.call("DELETE", "/folders", query={"path": os.path.abspath(path)})

    def shots(self) -> list[Json]:
        """The shots that the service knows, as their documents tell; ``shot`` knows what is still to be tracked."""
        return list(self.call("GET", "/shots")["shots"])

    def new_shot(self, footage: Path, **settings: Any) -> Json:
        """A shot of ``footage``; ``settings``: folder, range, start, color_space, model, image_size, crop, recipe."""
        return self.call("POST", "/shots", {"footage": os.path.abspath(footage), **settings})

    def open_shot(self, folder: Path) -> Json:
        """The shot that lies in ``folder`` (NAME.roto) already."""
        return self.call("POST", "/shots", {"folder": os.path.abspath(folder)})

    def shot(self, shot: str) -> Json:
        """What the service knows of a shot."""
        return self.call("GET", join_path("shots", shot))

    def change_shot(self, shot: str, **fields: Any) -> Json:
        """Set range, recipe, model, image_size or crop."""
        return self.call("PATCH", join_path("shots", shot), fields)

    def close_shot(self, shot: str) -> None:
        """Forget the shot; its files stay."""
        self.call("DELETE", join_path("shots", shot))

    def undo(self, shot: str) -> Json:
        """Take the last edit back; ``label`` (None where there was none) and ``shot``."""
        return self.call("POST", join_path("shots", shot, "undo"))

    def redo(self, shot: str) -> Json:
        """Do again what was taken back."""
        return self.call("POST", join_path("shots", shot, "redo"))

    # Objects and what is said about them

    def add_object(self, shot: str, name: str, **fields: Any) -> Json:
        """A new object; ``colour`` may be given."""
        return self.call("POST", join_path("shots", shot, "objects"), {"name": name, **fields})

    def change_object(self, shot: str, object_name: str, **fields: Any) -> Json:
        """Set name, colour, visible or locked."""
        return self.call("PATCH", join_path("shots", shot, "objects", object_name), fields)

    def remove_object(self, shot: str, object_name: str) -> Json:
        """Take an object away, with all that was said about it."""
        return self.call("DELETE", join_path("shots", shot, "objects", object_name))

    def prompt(self, shot: str, object_name: str, frame: int, **said: Any) -> Json:
        """Say something about an object, as an edit that can be undone, and see the answer as ``preview`` gives it.

        ``said``: points ``[(x, y, inside)]``, box ``(x0, y0, x1, y1)``, mask (a file), strokes, width.
        """
        return self._answer(shot, "prompts", object_name, frame, said)

    def preview(self, shot: str, object_name: str, frame: int, **said: Any) -> Json:
        """What the network would answer; nothing changes. ``mask`` is an 8-bit grey PNG, ``width`` pixels wide."""
        return self._answer(shot, "preview", object_name, frame, said)

    def _answer(self, shot: str, what: str, object_name: str, frame: int, said: Mapping[str, Any]) -> Json:
        import base64

        answer = self.call("POST", join_path("shots", shot, what), {"object": object_name, "frame": frame, **said})
        if isinstance(answer.get("mask"), str):
            answer["mask"] = base64.b64decode(answer["mask"])
        return answer

    def clear(self, shot: str, object_name: str, frame: int) -> Json:
        """Take back all that was said about an object in a frame."""
        return self.call("DELETE", join_path("shots", shot, "prompts"), query={"object": object_name, "frame": frame})

    def lock(self, shot: str, object_name: str, frame: int, locked: bool = True) -> Json:
        """Accept a frame as it is, or give it free again."""
        body = {"object": object_name, "frame": frame, "locked": locked}
        return self.call("POST", join_path("shots", shot, "lock"), body)

    # Pictures

    def plate(self, shot: str, frame: int, width: int | None = None) -> bytes:
        """A frame of the footage as people see it: PNG."""
        return self.fetch("GET", join_path("shots", shot, "frames", frame), query={"width": width})

    def matte(self, shot: str, object_name: str, frame: int, width: int | None = None) -> bytes:
        """The matte of a frame that is tracked: 8-bit grey PNG."""
        return self.fetch("GET", join_path("shots", shot, "mattes", object_name, frame), query={"width": width})

    def review(self, shot: str) -> Json:
        """The frames to look at, worst first."""
        return self.call("GET", join_path("shots", shot, "review"))

    # Jobs

    def track(self, shot: str, priority: int = 0) -> Json:
        """Start to track what is missing; see ``wait``."""
        return self.call("POST", join_path("shots", shot, "track"), {"priority": priority})

    def export(self, shot: str, output: Path, **options: Any) -> Json:
        """Start to write mattes; ``options`` are format, deliverables, track, priority."""
        return self.call("POST", join_path("shots", shot, "export"), {"output": os.path.abspath(output), **options})

    def composite(self, shot: str, output: Path, background: str, **options: Any) -> Json:
        """Start to put the shot before another background."""
        body = {"output": os.path.abspath(output), "background": background, **options}
        return self.call("POST", join_path("shots", shot, "composite"), body)

    def jobs(self, shot: str | None = None) -> list[Json]:
        """All jobs, or those of a shot."""
        return list(self.call("GET", "/jobs", query={"shot": shot})["jobs"])

    def job(self, job: str) -> Json:
        """The state of a job."""
        return self.call("GET", join_path("jobs", job))

    def prioritise(self, job: str, priority: int) -> Json:
        """Let a job that waits run before those of lower priority."""
        return self.call("PATCH", join_path("jobs", job), {"priority": priority})

    def cancel(self, job: str) -> Json:
        """Ask a job to end; it does so after the frame that it works on."""
        return self.call("DELETE", join_path("jobs", job))

    def wait(
        self,
        job: Json | str,
        progress: Callable[[Json], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
        timeout: float | None = None,
    ) -> Json:
        """The last state of a job, once it is done.

        Listens to the job's events, and asks from time to time where they break off, also of a service that was started
        anew. ``progress`` is called with each state, ``cancelled`` several times a second: where it says True, the job
        is asked to end. Both are called in this thread.

        Raises JobFailed, Cancelled, TimedOut (after ``timeout`` seconds; the job goes on) and whatever they raise.
        """
        from .waiting import Listener

        name = job if isinstance(job, str) else str(job["id"])
        deadline = None if timeout is None else time.monotonic() + timeout
        asked = False
        listener = Listener(self, name)
        try:
            while True:
                state = listener.get(_POLL_S)
                if state and progress:
                    progress(state)
                if state and state["state"] in FINAL:
                    return _ended(state)
                if not asked and cancelled and cancelled():
                    self.cancel(name)
                    asked, deadline = True, time.monotonic() + _CANCEL_S
                if deadline is not None and time.monotonic() > deadline:
                    raise TimedOut(f"job {name} has not ended in time; it goes on, see its state or cancel it")
        finally:
            listener.close()


def _ended(job: Json) -> Json:
    if job["state"] == "done":
        return job
    if job["state"] == "cancelled":
        raise Cancelled(f"the {job.get('kind', 'job')} was cancelled", job)
    raise JobFailed(str(job.get("error") or f"job {job['id']} failed and gave no reason"), job)
