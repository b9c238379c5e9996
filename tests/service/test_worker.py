"""Jobs in processes of their own: tracked while the artist goes on, cancelled, killed, resumed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from compositing.footage import open_footage
from sam2_roto.service.jobs import Jobs
from sam2_roto.shot import Shot, TrackingSettings
from sam2_roto.shot.session import Session

CLICKS = (
    {"object": "disc", "frame": 0, "points": [[24, 32, True]]},
    {"object": "block", "frame": 4, "points": [[66, 48, True]]},
)

LONGEST = 300.0
"""Seconds after which a test gives a job up."""


def wait(client: TestClient, job: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The job once it is as ``until`` says, or over."""
    given_up = time.monotonic() + LONGEST
    while time.monotonic() < given_up:
        found: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
        if until(found) or found["ended"]:
            return found
        time.sleep(0.02)
    raise AssertionError(f"the job is still {found}")


def over(client: TestClient, job: str) -> dict[str, Any]:
    return wait(client, job, lambda found: bool(found["ended"]))


def tracking(found: dict[str, Any]) -> bool:
    return found["stage"] == "track" and found["done"] >= 2


def jobs_of(client: TestClient) -> Jobs:
    found: Jobs = client.app.state.service.jobs  # type: ignore[attr-defined]
    return found


@pytest.fixture
def marked(client: TestClient, work: str) -> str:
    """The shot with both objects marked."""
    for click in CLICKS:
        assert client.post(f"{work}/prompts", json=click).status_code == 200
    return work


def test_the_artist_goes_on_while_a_job_tracks(client: TestClient, marked: str) -> None:
    job = client.post(f"{marked}/track", json={}).json()
    assert job["state"] in ("queued", "running")
    found = wait(client, job["id"], tracking)
    assert found["state"] == "running"
    more = {"object": "disc", "frame": 10, "points": [[44, 32, True]]}
    assert client.post(f"{marked}/prompts", json=more).status_code == 200
    done = over(client, job["id"])
    assert (done["state"], done["error"]) == ("done", None)
    assert done["result"] == {"tracked": {"disc": 19, "block": 19}}
    assert client.get(marked).json()["tracked"] == {"disc": 18, "block": 0}
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
    settings = TrackingSettings(model=found["model"], image_size=64)
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


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_a_killed_worker_fails_its_job_and_nothing_else(client: TestClient, marked: str) -> None:
    first = client.post(f"{marked}/track", json={}).json()["id"]
    second = client.post(f"{marked}/track", json={}).json()["id"]
    found = wait(client, first, tracking)
    pid = jobs_of(client).pid(first)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert client.get(marked).status_code == 200
    failed = over(client, first)
    assert failed["state"] == "failed"
    assert "was killed (SIGKILL)" in failed["error"]
    assert "start the job again" in failed["error"]
    resumed = over(client, second)
    assert resumed["state"] == "done"
    assert 0 < resumed["total"] < found["total"]
    assert client.get(marked).json()["tracked"] == {"disc": 0, "block": 0}


def test_a_cancelled_job_stops_at_a_frame_and_keeps_what_it_has(client: TestClient, marked: str) -> None:
    job = client.post(f"{marked}/track", json={}).json()["id"]
    waiting = client.post(f"{marked}/track", json={"priority": 7}).json()
    assert (waiting["state"], waiting["priority"]) == ("queued", 7)
    assert client.patch(f"/v1/jobs/{waiting['id']}", json={"priority": -7}).json()["priority"] == -7
    assert client.delete(f"/v1/jobs/{waiting['id']}").json()["state"] == "cancelled"
    wait(client, job, tracking)
    assert client.delete(f"/v1/shots/{marked.rpartition('/')[2]}").status_code == 409
    client.delete(f"/v1/jobs/{job}")
    cancelled = over(client, job)
    assert (cancelled["state"], cancelled["error"]) == ("cancelled", None)
    assert 0 < sum(client.get(marked).json()["tracked"].values()) < 38


def test_one_that_does_not_stop_is_killed(client: TestClient, marked: str) -> None:
    job = client.post(f"{marked}/track", json={}).json()["id"]
    wait(client, job, lambda _: jobs_of(client).pid(job) is not None)
    runner = jobs_of(client)._runners[job]
    runner._grace = 0.0
    client.delete(f"/v1/jobs/{job}")  # it is still importing
    assert over(client, job)["state"] == "cancelled"


def test_mattes_are_written_and_composited(client: TestClient, marked: str, tmp_path: Path) -> None:
    client.post("/v1/folders", json={"path": str(tmp_path)})
    client.patch(marked, json={"range": [2, 5], "recipe": {"edge_width": 1.0}})
    body = {"output": str(tmp_path / "mattes"), "format": "png", "deliverables": {"preview": False}}
    exported = over(client, client.post(f"{marked}/export", json=body).json()["id"])
    assert exported["state"] == "done", exported
    files = [Path(file) for file in exported["result"]["files"]]
    assert exported["result"]["kinds"] == {"mattes": [str(file) for file in files]}
    assert len(files) == 8  # two objects, four frames
    assert all(file.is_file() and file.parent == tmp_path / "mattes" for file in files)
    body = {"output": str(tmp_path / "comp.####.png"), "background": "#204060", "range": [3, 4]}
    composited = over(client, client.post(f"{marked}/composite", json=body).json()["id"])
    assert composited["state"] == "done", composited
    with open_footage(Path(composited["result"]["files"][0])) as footage:
        assert (footage.first, footage.last, footage.width) == (3, 4, 96)


def test_prompts_that_await_an_answer_get_it_from_the_job(
    client: TestClient, words: dict[str, Any], work: str, tmp_path: Path
) -> None:
    client.post("/v1/folders", json={"path": str(tmp_path)})
    settings = TrackingSettings(model=words["model"], image_size=64)
    with Shot.new(tmp_path / "asked", words["footage"], settings=settings) as shot:
        shot.add_click("disc", 0, 24, 32)
        shot.add_click("disc", 12, 48, 32)
    shot_id = client.post("/v1/shots", json={"folder": str(tmp_path / "asked.roto")}).json()["id"]
    asked = f"/v1/shots/{shot_id}"
    assert client.get(asked).json()["tracked"] == {"disc": 2}
    done = over(client, client.post(f"{asked}/track", json={}).json()["id"])
    assert done["state"] == "done", done
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
    job = over(client, client.post(f"/v1/shots/{made['id']}/track", json={}).json()["id"])
    assert job["state"] == "failed"
    assert "clip.mp4" in job["error"]
