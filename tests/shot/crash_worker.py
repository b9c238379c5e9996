"""A process that edits and tracks a shot until it is killed; for ``test_crash.py``.

python crash_worker.py FOLDER

Reads seeds, one on a line. For each it forks a worker, prints its number, and waits for its end. Nothing has run here
before but imports, so that there is no thread whose locks a fork would take along.

A worker ends by itself when whoever gives the seeds is gone: it watches the pipe that they come through, on which
nothing is to be read while it works, until the other end is closed.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import threading
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from sam2_roto.shot import Shot, Stroke, journal
from sam2_roto.shot.schema import to_json
from sam2_roto.shot.session import Session
from sam2_roto.shot.streams import Stream

OFTEN, SHORT = 3, 40
"""Entries between checkpoints, and of the longest journal: both are written all the time."""


def digest(document: object) -> str:
    """Equal for equal documents."""
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def said_by(folder: Path, seed: int) -> Path:
    """The file in which a worker says what is kept."""
    return folder.parent / f"said-{seed}.jsonl"


class Worker:
    """Edits, tracks and saves without end, and says of each thing when it is kept."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.told = os.open(said_by(folder, seed), os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def run(self) -> NoReturn:
        try:
            while True:
                with Shot(self.folder) as shot, Session(shot, device="cpu") as session:
                    for _ in range(6):
                        self.edit(shot, session)
                        self.say({"document": digest(to_json(shot.document))})
                    self.track(session)
                    self.say({"document": digest(to_json(shot.document))})
        except BaseException as error:  # noqa: BLE001 - it must not come back into the process that forks
            self.say({"error": f"{type(error).__name__}: {error}"})
        os._exit(1)

    def edit(self, shot: Shot, session: Session) -> None:
        name, frame = self.random.choice(["disc", "block"]), self.random.randrange(20)
        x, y = self.random.randrange(96), self.random.randrange(64)
        painted = any(frame in entry.keyframes for entry in shot.document.objects)
        match self.random.randrange(6):
            case 0:
                shot.undo()
            case 1:
                shot.redo()
            case 2 if not painted:
                session.paint(name, frame, [Stroke(((x, y),), 5)])
            case 3:
                shot.add_box(name, frame, (x, y, x + 20, y + 20))
            case _ if not painted:
                session.click(name, frame, [(x, y, True)])

    def track(self, session: Session) -> None:
        advance = session.results.advance

        def told(stream: Stream, frame: int) -> None:
            advance(stream, frame)
            self.say({"key": stream.key, "frame": frame})

        session.results.advance = told  # type: ignore[method-assign]
        session.track()

    def say(self, kept: dict[str, object]) -> None:
        os.write(self.told, json.dumps(kept).encode() + b"\n")


def end_with(pipe: int) -> None:
    """End this process as soon as there is anything to read from ``pipe``, its end above all."""
    select.select([pipe], [], [])
    os._exit(1)


def main() -> None:
    journal.CHECKPOINT, journal.LONGEST = OFTEN, SHORT
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            threading.Thread(target=end_with, args=(sys.stdin.fileno(),), daemon=True).start()
            Worker(folder, int(line)).run()
        print(process, flush=True)
        os.waitpid(process, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    main()
