"""A process that is killed at any moment loses nothing that it was told is kept."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from sam2_roto.shot import Shot, Stroke, TrackingSettings, journal
from sam2_roto.shot.results import Results, opened
from sam2_roto.shot.schema import to_json
from sam2_roto.shot.session import Session
from sam2_roto.shot.streams import Stream

KILLS = 50

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the process to be killed is forked"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.slow,
]


def digest(document: object) -> str:
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


class Worker:
    """Edits, tracks and saves without end, and says of each thing when it is kept."""

    def __init__(self, folder: Path, pipe: int, seed: int) -> None:
        self.folder, self.pipe = folder, pipe
        self.random = random.Random(seed)

    def run(self) -> NoReturn:
        try:
            while True:
                with Shot(self.folder) as shot, Session(shot, device="cpu") as session:
                    for _ in range(6):
                        self.edit(shot, session)
                        self.say({"document": digest(to_json(shot.document))})
                    self.track(session)
                    self.say({"document": digest(to_json(shot.document))})
        except BaseException as error:  # noqa: BLE001 - it must not come back into the test's own process
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
        os.write(self.pipe, json.dumps(kept).encode() + b"\n")


def killed(folder: Path, seed: int) -> list[dict[str, object]]:
    """Let a worker run for a while, kill it, and give what it said."""
    chance = random.Random(seed)
    theirs, ours = os.pipe()[::-1]
    process = os.fork()
    if process == 0:
        Worker(folder, theirs, seed).run()
    os.close(theirs)
    said = b""
    wanted = chance.randrange(60)
    while said.count(b"\n") < wanted and (more := os.read(ours, 4096)):
        said += more
    time.sleep(chance.random() * 0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    while more := os.read(ours, 4096):
        said += more
    os.close(ours)
    return [json.loads(line) for line in said.splitlines()]


def check(folder: Path, said: list[dict[str, object]], before: str) -> str:
    """The shot opens; the last document that was said to be kept is there, and so is all that was tracked."""
    assert not [line["error"] for line in said if "error" in line]
    last = str([before, *(line["document"] for line in said if "document" in line)][-1])
    with Shot(folder) as shot, opened(shot) as results:
        states = [digest(state) for state in shot.history.states(to_json(shot.document))]
        place = shot.history.position
        assert states[place] == digest(to_json(shot.document))
        found = min((other for other, state in enumerate(states) if state == last), key=lambda at: abs(at - place))
        # One step may be kept, or taken back, without having been told of, and the answers joined to it.
        between = shot.history.edits[min(found, place) : max(found, place)]
        assert sum(not edit.joined for edit in between) <= 1
        for line in said:
            if "key" in line:
                assert results.store.has(str(line["key"]), int(str(line["frame"])))
        read_all(results)
        return states[place]


def read_all(results: Results) -> None:
    for entry in results.document.objects:
        for frame in results.document.range:
            results.read(entry.name, frame)


def test_fifty_kills_lose_nothing(
    tmp_path: Path, shot: Path, settings: TrackingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "CHECKPOINT", 3)
    monkeypatch.setattr(journal, "LONGEST", 40)
    torch.set_num_threads(1)  # a forked process has none of the others
    with Shot.new(tmp_path / "work", shot, settings=settings) as work:
        work.set_cuts(())
        folder, before = work.folder, digest(to_json(work.document))
    count = 0
    for seed in range(KILLS):
        said = killed(folder, seed)
        before = check(folder, said, before)
        count += len(said)
    assert count > KILLS
    with Shot(folder) as work, Session(work, device="cpu") as session:
        session.track()
        assert not session.results.missing()
