"""A worker: a process that does one job, and dies.

``python -m sam2_roto.service.worker`` reads one line of JSON, the task, and writes lines of JSON: progress, what it
found about the shot, and at last how it ended. ``cancel`` on its input stops it at a frame's end; the end of its input,
which comes when the service dies, ends it at once. All that it tracked until then is kept with the shot.
"""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from compositing.errors import CompositingError
from sam2_roto.errors import Cancelled, ServiceError, ShotError
from sam2_roto.shot.durable import claimed

from .found import Snapshot
from .paths import Folders
from .plans import composite_plan, export_plan

Json = dict[str, Any]

PATIENCE = 30.0
"""Seconds to wait for the end of a worker that a service which died has left."""


@dataclass
class Desk:
    """What a job has at hand: its task, whom to tell, and whether it shall stop."""

    task: Json
    told: IO[str]
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def options(self) -> Json:
        """What the client asked for."""
        options: Json = self.task["options"]
        return options

    @property
    def folders(self) -> Folders:
        """Where the job may read and write."""
        return Folders(self.task["folders"], [Path(folder) for folder in self.task["own"]])

    def tell(self, message: Json) -> None:
        """Say something to the service."""
        self.told.write(json.dumps(message, default=str) + "\n")
        self.told.flush()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Say how far the job is. Raises Cancelled where it shall stop."""
        self.tell({"stage": stage, "done": done, "total": total})
        if self.stop.is_set():
            raise Cancelled("cancelled")


def track(desk: Desk) -> Json:
    """Track what the shot lacks, as it is now."""
    with _snapshot(desk) as shot:
        return {"tracked": _track(desk, shot)}


def export(desk: Desk) -> Json:
    """Write mattes and what else is wanted."""
    plan = export_plan(desk.options, desk.folders)
    with _snapshot(desk) as shot:
        if plan.track:
            _track(desk, shot)
        done = shot.export(plan.output, plan.what, desk.progress)
    files = {kind: list(map(str, paths)) for kind, paths in done.files.items()}
    absent = {name: list(frames) for name, frames in done.absent.items() if frames}
    return {
        "folder": str(plan.output),
        "files": [path for paths in files.values() for path in paths],
        "kinds": files,
        "absent": absent,
    }


def composite(desk: Desk) -> Json:
    """Put the shot's objects before another background."""
    from compositing.background_run import composite as render
    from sam2_roto.deliverables import Deliverables
    from sam2_roto.shot.footage import locate

    with _snapshot(desk) as shot:
        footage = shot.document.footage
        plate = desk.folders.footage(locate(footage, shot.folder))
        plan = composite_plan(desk.options, footage, plate, desk.folders)
        if plan.track:
            _track(desk, shot)
        shot.export(plan.mattes, Deliverables(preview=False), desk.progress)
        seen = [entry.name for entry in shot.document.objects if entry.visible]
        job = replace(plan.job, frames=plan.job.frames or shot.document.range)
        if len(seen) > 1 and not job.objects:
            job = replace(job, objects=tuple(seen))
    result = render(job, desk.progress)
    return {"folder": str(job.output.parent), "files": list(map(str, result.files)), "notes": list(result.notes)}


WORK: dict[str, Callable[[Desk], Json]] = {"track": track, "export": export, "composite": composite}


def main() -> None:
    """Do the job that standard input tells."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no message
    heard = os.fdopen(os.dup(0), "rb", buffering=0)  # a buffer's lock would be held when the interpreter ends
    desk = Desk(json.loads(heard.readline()), told)
    threading.Thread(target=_listen, args=(heard, desk.stop), daemon=True).start()
    desk.tell(run(desk))


def run(desk: Desk) -> Json:
    """Do the job; gives how it ended."""
    try:
        with _alone(Path(desk.task["lock"])):
            return {"state": "done", "result": WORK[desk.task["kind"]](desk)}
    except Cancelled:
        return {"state": "cancelled"}
    except CompositingError as error:
        return {"state": "failed", "error": str(error)}
    except Exception as error:  # noqa: BLE001 - a worker's last words: every failure reaches the table of jobs
        traceback.print_exc()
        said = str(error).strip() or "no message"
        return {"state": "failed", "error": f"the job failed with {type(error).__name__}: {said}"}


def _listen(heard: IO[bytes], stop: threading.Event) -> None:
    """Hear the service: a word stops the job, its death ends it."""
    while heard.read(4096):
        stop.set()
    os._exit(3)


def _snapshot(desk: Desk) -> Snapshot:
    folder = desk.folders.shot(desk.task["folder"])
    return Snapshot(folder, lambda found: desk.tell({"found": found}))


def _track(desk: Desk, shot: Snapshot) -> dict[str, int]:
    """Track what is missing; gives the frames that were, by object."""
    from sam2_roto.shot.session import Session

    from .opening import check_sources

    check_sources(shot.document, shot.folder, desk.folders)
    with Session(shot, device=desk.task["device"]) as session:
        report = session.track(desk.progress, desk.stop.is_set)
    if desk.stop.is_set():
        raise Cancelled("cancelled")
    return report.tracked


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the shot's lock for workers, after the end of one that a service which died has left."""
    until = time.monotonic() + PATIENCE
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(claimed(path))
                break
            except ShotError as error:
                if time.monotonic() > until:
                    told = "another process is at work on this shot; end it, and start the job again"
                    raise ServiceError(told) from error
                time.sleep(0.1)
        yield


if __name__ == "__main__":
    main()
