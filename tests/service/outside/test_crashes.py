"""Coming and going: workers and services that are killed, jobs cancelled, services started twice and left alone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from host_adapters.client import Client, JobFailed

pytestmark = pytest.mark.slow

PATIENCE = 240.0


def until(what: Callable[[], Any]) -> Any:
    """What ``what()`` gives once it gives something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


def marked_shot(client: Client, footage: Path, name: str) -> str:
    """A shot of the first six frames with a click on the disc."""
    client.open_folder(footage.parent)
    folder = str(footage.parent / f"{name}.roto")
    shot = str(client.new_shot(footage, folder=folder, range=[0, 5], model="nano", image_size=64)["id"])
    client.prompt(shot, "disc", 0, points=[(24, 32, True)])
    return shot


def running(client: Client, job: dict[str, Any]) -> bool:
    return bool(client.job(job["id"])["state"] == "running")


def test_a_killed_worker_fails_its_job_and_nothing_else(
    client: Client, workers: Callable[[int], list[int]], footage: Path
) -> None:
    service = client.connect()["pid"]
    one, other = marked_shot(client, footage, "one"), marked_shot(client, footage, "other")
    before = client.preview(other, "disc", 5, points=[(34, 32, True)])
    first, second = client.track(one), client.export(other, footage.parent / "mattes")
    until(lambda: running(client, first))
    [worker] = until(lambda: workers(service))
    os.kill(worker, signal.SIGKILL)

    with pytest.raises(JobFailed, match=r"was killed \(SIGKILL\).*start the job again"):
        client.wait(first, timeout=PATIENCE)
    assert client.connect()["pid"] == service
    assert client.preview(other, "disc", 5, points=[(34, 32, True)]) == before
    assert len(client.wait(second, timeout=PATIENCE)["result"]["files"]) >= 6

    client.wait(client.track(one), timeout=PATIENCE)  # and it can be started again
    assert client.shot(one)["tracked"] == {"disc": 0}


def test_a_killed_service_goes_on_with_its_jobs_when_it_is_started_again(
    start_service: Callable[[], Client], workers: Callable[[int], list[int]], footage: Path
) -> None:
    client, waiting = start_service(), start_service()
    shot, other = marked_shot(client, footage, "resumed"), marked_shot(client, footage, "queued")
    first, second = client.track(shot), client.track(other)
    until(lambda: running(client, first))
    old = client.find()
    [worker] = until(lambda: workers(old["pid"]))
    heard: list[Any] = []
    waiter = threading.Thread(target=lambda: heard.append(waiting.wait(second, timeout=PATIENCE)))
    waiter.start()
    os.kill(old["pid"], signal.SIGKILL)

    assert client.wait(first, timeout=PATIENCE)["state"] == "done"  # the client starts the next service
    waiter.join(PATIENCE)
    assert heard[0]["state"] == "done"
    new = client.find()
    assert (new["pid"] == old["pid"], new["token"] == old["token"]) == (False, False)
    assert not Path(f"/proc/{worker}").exists()
    assert client.folders() == [str(footage.parent)]
    assert client.shot(shot)["tracked"] == {"disc": 0}
    told = client.shot(shot)["objects"]
    assert [(entry["name"], entry["keyframes"]) for entry in told] == [("disc", [0])]


def test_a_cancelled_job_ends_and_the_next_one_runs(client: Client, footage: Path) -> None:
    one, other = marked_shot(client, footage, "cancelled"), marked_shot(client, footage, "next")
    first, second = client.track(one), client.track(other)
    until(lambda: running(client, first))
    assert client.job(second["id"])["state"] == "queued"
    client.cancel(first["id"])
    assert until(lambda: client.job(first["id"])["state"] == "cancelled")
    assert client.wait(second, timeout=PATIENCE)["state"] == "done"


def test_two_hosts_that_start_it_at_once_share_one_which_ends_when_it_is_left_alone(
    start_service: Callable[..., Client],
) -> None:
    hosts = [start_service(idle=1) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda host: host.connect()["pid"], hosts)
    assert one == other
    until(lambda: not (Path(hosts[0].runtime) / "service.json").exists())
    assert hosts[0].connect()["pid"] != one  # and comes again when it is needed
