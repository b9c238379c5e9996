"""A process that is killed at any moment loses nothing that it was told is kept."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sam2_roto.shot import Shot, TrackingSettings, journal
from sam2_roto.shot.results import Results, opened
from sam2_roto.shot.schema import to_json
from sam2_roto.shot.session import Session

KILLS = 50

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the process to be killed is forked"),
    pytest.mark.slow,
]


def digest(document: object) -> str:
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def killed(forks: subprocess.Popen[str], folder: Path, seed: int) -> list[dict[str, Any]]:
    """Let a worker run for a while, kill it, and give what it said."""
    assert forks.stdin is not None
    assert forks.stdout is not None
    chance = random.Random(seed)
    wanted, told = chance.randrange(60), folder.parent / f"said-{seed}.jsonl"
    print(seed, file=forks.stdin, flush=True)
    process = int(forks.stdout.readline())
    # A worker that fails says so, and is then waited for no longer.
    while (said := told.read_bytes() if told.exists() else b"").count(b"\n") < wanted and b"error" not in said:
        time.sleep(0.005)
    time.sleep(chance.random() * 0.02)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    assert forks.stdout.readline() == "ended\n"
    whole = told.read_text().split("\n")[:-1] if told.exists() else []
    return [json.loads(line) for line in whole]


def check(folder: Path, said: list[dict[str, Any]], before: str) -> str:
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
                assert results.store.has(line["key"], line["frame"])
        read_all(results)
        return states[place]


def read_all(results: Results) -> None:
    for entry in results.document.objects:
        for frame in results.document.range:
            results.read(entry.name, frame)


def test_a_worker_ends_with_whoever_had_it_forked(tmp_path: Path, shot: Path, settings: TrackingSettings) -> None:
    with Shot.new(tmp_path / "work", shot, settings=settings) as work:
        work.set_cuts(())
        folder = work.folder
    told = subprocess.run(
        [sys.executable, "-c", _GIVES_A_SEED_AND_IS_KILLED, *words(folder)],
        env=room(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert told.returncode == -signal.SIGKILL
    worker, until = int(told.stdout), time.monotonic() + 60
    while there(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not there(worker)


_GIVES_A_SEED_AND_IS_KILLED = """
import os, signal, subprocess, sys
forks = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(0, file=forks.stdin, flush=True)
print(forks.stdout.readline(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def there(process: int) -> bool:
    """Whether a process runs; one that ended and that no one has asked after does not."""
    status = Path(f"/proc/{process}/stat")
    if not status.parent.parent.exists():
        pytest.skip("processes are looked up in /proc, which is not here")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def words(folder: Path) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("crash_worker.py")), str(folder)]


def room() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}


def test_fifty_kills_lose_nothing(
    tmp_path: Path, shot: Path, settings: TrackingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LONGEST", 40)
    with Shot.new(tmp_path / "work", shot, settings=settings) as work:
        work.set_cuts(())
        folder, before = work.folder, digest(to_json(work.document))
    count = 0
    pipe = subprocess.PIPE
    with subprocess.Popen(words(folder), stdin=pipe, stdout=pipe, text=True, env=room()) as forks:
        for seed in range(KILLS):
            said = killed(forks, folder, seed)
            before = check(folder, said, before)
            count += len(said)
            print(f"kill {seed}: {len(said)} things kept", flush=True)
    assert count > KILLS
    with Shot(folder) as work, Session(work, device="cpu") as session:
        session.track()
        assert not session.results.missing()
