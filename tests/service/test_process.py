"""The service as a process: found, alone, killed, resumed, idle, ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sam2_roto.service.runtime import ADDRESS

pytestmark = pytest.mark.slow

LONGEST = 900.0
"""Seconds after which a test gives up what it waits for."""

REPOSITORY = Path(__file__).resolve().parents[2]


class Run:
    """``sam2-roto serve`` with folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []

    def command(self, *words: str) -> list[str]:
        places = ("--runtime", str(self.folder / "run"), "--state", str(self.folder / "state"))
        return [sys.executable, "-m", "sam2_roto", "serve", *places, *words]

    def start(self, *words: str) -> dict[str, Any]:
        """Start a service, and give what it says when it listens."""
        command = self.command("--json", "--device", "cpu", *words)
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.processes.append(process)
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(process.stdout.readline())
        return told

    def once(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*words), cwd=REPOSITORY, capture_output=True, text=True, timeout=LONGEST, check=False
        )

    @property
    def address(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "run" / ADDRESS).read_text())
        return found

    def call(self, method: str, path: str, body: Any = None) -> Any:
        address = self.address
        headers = {"Authorization": f"Bearer {address['token']}", "Content-Type": "application/json"}
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", address["port"], timeout=LONGEST)
        ) as connection:
            connection.request(method, f"/v1{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            found = json.loads(answer.read())
        assert answer.status == 200, found
        return found

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    run.end()


def wait(until: Callable[[], bool]) -> None:
    given_up = time.monotonic() + LONGEST
    while not until():
        assert time.monotonic() < given_up
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether there is such a process, and it is not a dead one that no one has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """Processes that one has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_a_killed_service_is_started_again_and_its_job_goes_on(service: Run, shot: Path, random_weights: Path) -> None:
    told = service.start()
    assert told == {key: value for key, value in service.address.items() if key != "token"}
    again = service.once()
    assert again.returncode == 2
    assert f"already on port {told['port']}" in again.stderr
    for path in (shot, random_weights):
        service.call("POST", "/folders", {"path": str(path.parent)})
    words = {"footage": str(shot), "model": str(random_weights), "image_size": 64}
    made = f"/shots/{service.call('POST', '/shots', words)['id']}"
    service.call("POST", f"{made}/prompts", {"object": "disc", "frame": 0, "points": [[24, 32, True]]})
    jobs = [service.call("POST", f"{made}/track", {})["id"] for _ in range(2)]
    wait(lambda: service.call("GET", f"/jobs/{jobs[0]}")["stage"] == "track")
    workers = children(told["pid"])
    assert workers
    os.kill(told["pid"], signal.SIGKILL)
    wait(lambda: not any(map(alive, workers)))  # none goes on without its service
    stale = service.address
    assert stale["pid"] == told["pid"]

    service.start()
    assert service.address["token"] != stale["token"]
    for job in jobs:
        wait(lambda job=job: bool(service.call("GET", f"/jobs/{job}")["ended"]))  # type: ignore[misc]
    assert [service.call("GET", f"/jobs/{job}")["state"] for job in jobs] == ["done", "done"]
    assert service.call("GET", made)["tracked"] == {"disc": 0}
    assert service.call("GET", "/folders")["folders"] == sorted({str(shot.parent), str(random_weights.parent)})

    assert service.once("--stop").returncode == 0
    assert not (service.folder / "run" / ADDRESS).exists()
    assert service.processes[-1].wait(LONGEST) == 0
    assert service.once("--stop").returncode == 2


def test_an_idle_service_ends_by_itself(service: Run) -> None:
    service.start("--idle", "0.5")
    assert service.processes[0].wait(LONGEST) == 0
    assert not (service.folder / "run" / ADDRESS).exists()


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_a_service_that_is_told_to_end_cleans_up(service: Run) -> None:
    told = service.start()
    os.kill(told["pid"], signal.SIGTERM)
    service.processes[0].wait(LONGEST)
    assert not (service.folder / "run" / ADDRESS).exists()


def test_a_port_that_is_taken_is_told(service: Run) -> None:
    told = service.start()
    other = Run(service.folder / "other")
    refused = other.once("--port", str(told["port"]))
    assert refused.returncode == 2
    assert "give another --port" in refused.stderr
    assert "Traceback" not in refused.stderr
