"""Jobs in processes of their own: tracked while the artist goes on, cancelled, killed, resumed."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from compositing.footage import open_footage
from sam2_roto.service import worker
from sam2_roto.service.job import Job, Work
from sam2_roto.service.jobs import Jobs
from sam2_roto.shot import Shot, TrackingSettings
from sam2_roto.shot.session import Session

CLICKS = (
    {"object": "disc", "frame": 0, "points": [[24, 32, True]]},
    {"object": "block", "frame": 4, "points": [[66, 48, True]]},
)

posix = pytest.mark.skipif(os.name == "nt", reason="workers are stopped by signals of POSIX")

SIZE = 128

LONGEST = 900.0
"""Seconds after which a test gives a job up."""


def over(client: TestClient, job: str) -> dict[str, Any]:
    """The job once it is over."""
    given_up = time.monotonic() + LONGEST
    while time.monotonic() < given_up:
        found: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
        if found["ended"]:
            return found
        time.sleep(0.05)
    raise AssertionError(f"the job is still {found}")


def jobs_of(client: TestClient) -> Jobs:
    found: Jobs = client.app.state.service.jobs  # type: ignore[attr-defined]
    return found


class Pause:
    """Stops the first worker that has tracked two frames, until it is told to go on."""

    def __init__(self, jobs: Jobs) -> None:
        self.pid, self.there = 0, threading.Event()
        hear = jobs._hear

        async def heard(job: Job, message: dict[str, Any]) -> None:
            if message.get("stage") == "track" and message["done"] >= 2 and not self.pid:
                self.pid = jobs.pid(job.id) or -1
                os.kill(self.pid, signal.SIGSTOP)
                self.there.set()
            await hear(job, message)

        jobs._hear = heard  # type: ignore[method-assign]

    def wait(self) -> None:
        assert self.there.wait(LONGEST)

    def send(self, number: int) -> None:
        os.kill(self.pid, number)


@pytest.fixture
def pause(client: TestClient) -> Pause:
    return Pause(jobs_of(client))


@pytest.fixture
def words(words: dict[str, Any]) -> dict[str, Any]:
    """A size at which frames take their time."""
    return {**words, "image_size": SIZE}


@pytest.fixture
def marked(client: TestClient, work: str) -> str:
    """The shot with both objects marked."""
    for click in CLICKS:
        assert client.post(f"{work}/prompts", json=click).status_code == 200
    return work


@pytest.mark.slow
@posix
def test_the_artist_goes_on_while_a_job_tracks(client: TestClient, marked: str, pause: Pause) -> None:
    job = client.post(f"{marked}/track", json={}).json()
    assert job["state"] in ("queued", "running")
    pause.wait()
    more = {"object": "disc", "frame": 10, "points": [[44, 32, True]]}
    assert client.post(f"{marked}/prompts", json=more).status_code == 200
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "running"
    pause.send(signal.SIGCONT)
    done = over(client, job["id"])
    assert (done["state"], done["error"]) == ("done", None)
    assert done["result"] == {"tracked": {"disc": 19, "block": 19}}
    assert client.get(marked).json()["tracked"] == {"disc": 19, "block": 0}
    labels = [client.post(f"{marked}/undo").json() for _ in range(2)]
    assert labels[0]["label"] == "prompt disc 10"  # the cuts that the job found are undone with the click before
    folder = client.get(marked).json()["folder"]
    client.post(f"{marked}/redo")
    assert client.get(marked).json()["tracked"] == {"disc": 0, "block": 0}
    assert Shot(folder, read_only=True).document.cuts == ()
    direct(client, marked)


def direct(client: TestClient, marked: str) -> None:
    """What the job tracked is, to the bit, what a session tracks."""
    found = client.get(marked).json()
    settings = TrackingSettings(model=found["model"], image_size=SIZE)
    folder = Path(found["folder"])
    with Shot.new(folder.with_name("direct"), found["footage"], settings=settings) as shot:
        shot.set_cuts(())
        with Session(shot, device="cpu") as session, Shot(folder, read_only=True) as theirs:
            for click in CLICKS:
                session.click(click["object"], click["frame"], [tuple(point) for point in click["points"]])  # type: ignore[arg-type, misc]
            session.track()
            with Session(theirs, device="cpu") as tracked:
                for name in ("disc", "block"):
                    for frame in range(20):
                        mine, other = session.results.read(name, frame), tracked.results.read(name, frame)
                        assert mine is not None
                        assert other is not None
                        np.testing.assert_array_equal(mine.logits.numpy(), other.logits.numpy())


@pytest.mark.slow
@posix
def test_a_killed_worker_fails_its_job_and_nothing_else(client: TestClient, marked: str, pause: Pause) -> None:
    first = client.post(f"{marked}/track", json={}).json()["id"]
    second = client.post(f"{marked}/track", json={}).json()["id"]
    pause.wait()
    total = client.get(f"/v1/jobs/{first}").json()["total"]
    pause.send(signal.SIGKILL)
    assert client.get(marked).status_code == 200
    failed = over(client, first)
    assert failed["state"] == "failed"
    assert "was killed (SIGKILL)" in failed["error"]
    assert "start the job again" in failed["error"]
    resumed = over(client, second)
    assert resumed["state"] == "done"
    assert 0 < resumed["total"] < total
    assert client.get(marked).json()["tracked"] == {"disc": 0, "block": 0}


@pytest.mark.slow
@posix
def test_a_cancelled_job_stops_at_a_frame_and_keeps_what_it_has(client: TestClient, marked: str, pause: Pause) -> None:
    job = client.post(f"{marked}/track", json={}).json()["id"]
    waiting = client.post(f"{marked}/track", json={"priority": 7}).json()
    assert (waiting["state"], waiting["priority"]) == ("queued", 7)
    assert client.patch(f"/v1/jobs/{waiting['id']}", json={"priority": -7}).json()["priority"] == -7
    assert client.delete(f"/v1/jobs/{waiting['id']}").json()["state"] == "cancelled"
    pause.wait()
    assert client.delete(marked).status_code == 409
    assert client.delete("/v1/folders", params={"path": "/"}).status_code in (404, 409)
    jobs_of(client)._runners[job]._grace = LONGEST
    client.delete(f"/v1/jobs/{job}")
    pause.send(signal.SIGCONT)
    cancelled = over(client, job)
    assert (cancelled["state"], cancelled["error"]) == ("cancelled", None)
    assert 0 < sum(client.get(marked).json()["tracked"].values()) < 38


@pytest.mark.slow
@posix
def test_one_that_does_not_stop_is_killed(client: TestClient, marked: str, pause: Pause) -> None:
    job = client.post(f"{marked}/track", json={}).json()["id"]
    pause.wait()
    jobs_of(client)._runners[job]._grace = 0.0
    client.delete(f"/v1/jobs/{job}")
    assert over(client, job)["state"] == "cancelled"


def test_mattes_are_written_and_composited(client: TestClient, marked: str, tmp_path: Path) -> None:
    client.post("/v1/folders", json={"path": str(tmp_path)})
    client.patch(marked, json={"range": [0, 5], "recipe": {"edge_width": 1.0}})
    options = {"output": str(tmp_path / "mattes"), "format": "png", "deliverables": {"preview": False}}
    exported = done(client, marked, "export", options)
    files = [Path(file) for file in exported["files"]]
    assert exported["kinds"] == {"mattes": [str(file) for file in files]}
    assert len(files) == 12  # two objects, six frames
    assert all(file.is_file() and file.parent == tmp_path / "mattes" for file in files)
    options = {"output": str(tmp_path / "comp.####.png"), "background": "#204060", "range": [3, 4]}
    composited = done(client, marked, "composite", options)
    with open_footage(Path(composited["files"][0])) as footage:
        assert (footage.first, footage.last, footage.width) == (3, 4, 96)


def test_prompts_that_await_an_answer_get_it_from_the_job(
    client: TestClient, words: dict[str, Any], work: str, tmp_path: Path
) -> None:
    client.post("/v1/folders", json={"path": str(tmp_path)})
    settings = TrackingSettings(model=words["model"], image_size=SIZE)
    with Shot.new(tmp_path / "asked", words["footage"], settings=settings) as shot:
        shot.add_click("disc", 0, 24, 32)
        shot.add_click("disc", 12, 48, 32)
    shot_id = client.post("/v1/shots", json={"folder": str(tmp_path / "asked.roto")}).json()["id"]
    asked = f"/v1/shots/{shot_id}"
    assert client.get(asked).json()["tracked"] == {"disc": 2}
    done(client, asked, "track", {})
    assert client.get(asked).json()["tracked"] == {"disc": 0}
    keyframes = Shot(tmp_path / "asked.roto", read_only=True).document.object("disc").keyframes
    assert all(said.answer is not None for said in keyframes.values())
    assert client.get(work).status_code == 200


def test_footage_that_went_away_is_told(client: TestClient, words: dict[str, Any], work: str, tmp_path: Path) -> None:
    assert client.get(work).status_code == 200
    client.post("/v1/folders", json={"path": str(tmp_path)})
    (tmp_path / "clip.mp4").write_bytes(Path(words["footage"]).read_bytes())
    made = client.post("/v1/shots", json={**words, "footage": str(tmp_path / "clip.mp4")}).json()
    client.post(f"/v1/shots/{made['id']}/prompts", json=CLICKS[0])
    (tmp_path / "clip.mp4").unlink()
    ended = work_on(client, f"/v1/shots/{made['id']}", "track", {})
    assert ended["state"] == "failed"
    assert "clip.mp4" in ended["error"]


def test_a_link_that_was_moved_after_the_job_was_asked_for(client: TestClient, marked: str, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    client.post("/v1/folders", json={"path": str(tmp_path / "open")})
    (tmp_path / "open" / "out").symlink_to(tmp_path)
    ended = work_on(client, marked, "export", {"output": str(tmp_path / "open" / "out" / "mattes")})
    assert ended["state"] == "failed"
    assert "not within an opened folder" in ended["error"]
    assert not (tmp_path / "mattes").exists()


def test_a_failure_of_ours_ends_the_job_with_a_sentence(
    client: TestClient, marked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(worker.WORK, "track", lambda _: 1 // 0)  # type: ignore[arg-type, return-value]
    ended = work_on(client, marked, "track", {})
    assert ended == {
        "state": "failed",
        "error": "the job failed with ZeroDivisionError: integer division or modulo by zero",
    }


def work_on(client: TestClient, shot: str, kind: Work, options: dict[str, Any]) -> dict[str, Any]:
    """Do a job in this process, which has torch at hand already; gives its last words."""
    service = client.app.state.service  # type: ignore[attr-defined]
    job = Job(shot.rpartition("/")[2], kind, options)
    told = io.StringIO()
    desk = worker.Desk(service.task(job, "cpu"), told)
    ended = worker.run(desk)
    for line in told.getvalue().splitlines():
        if "found" in (message := json.loads(line)):
            client.portal.call(service._take_in, job.shot, message["found"])  # type: ignore[union-attr]
    return ended


def done(client: TestClient, shot: str, kind: Work, options: dict[str, Any]) -> dict[str, Any]:
    """The result of a job that is done in this process."""
    ended = work_on(client, shot, kind, options)
    assert ended["state"] == "done", ended
    result: dict[str, Any] = json.loads(json.dumps(ended["result"]))
    return result
