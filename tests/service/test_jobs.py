"""The queue: order, slots, cancelling, and what a restart finds. Workers are played by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sam2_roto.errors import ShotError
from sam2_roto.service.events import Events
from sam2_roto.service.faults import Refused
from sam2_roto.service.job import Job
from sam2_roto.service.jobs import Jobs
from sam2_roto.service.runner import Outcome, Runner
from sam2_roto.service.store import Store

Heard = Callable[[dict[str, Any]], Awaitable[None]]


class Played(Runner):
    """A worker that does what the test says."""

    def __init__(self, job: Job, device: str, heard: Heard) -> None:
        super().__init__({}, Path(), heard, 0)
        self.job, self.device, self.heard = job, device, heard
        self.ending: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    async def run(self) -> Outcome:
        return await self.ending

    def cancel(self) -> None:
        self.ending.set_result(Outcome("cancelled"))

    def kill(self) -> None:
        if not self.ending.done():
            self.ending.set_result(Outcome("failed", "killed"))


class Stage:
    """A queue, and the workers that it started."""

    def __init__(self, path: Path, slots: tuple[str, ...]) -> None:
        self.path, self.slots = path, slots
        self.begun: list[Played] = []
        self.found: list[tuple[str, Any]] = []
        self.open()

    def open(self) -> None:
        self.store, self.events = Store(self.path), Events()
        self.jobs = Jobs(self.store, self.events, self.slots, self.start, self.take_in)
        self.jobs.resume()

    def start(self, job: Job, device: str, heard: Heard) -> Runner:
        if job.options.get("impossible"):
            raise ShotError("the shot is gone")
        self.begun.append(Played(job, device, heard))
        return self.begun[-1]

    async def take_in(self, shot: str, found: Any) -> None:
        if found == "trouble":
            raise ShotError("open in another program")
        self.found.append((shot, found))

    @property
    def order(self) -> list[str]:
        return [played.job.shot for played in self.begun]


async def settle() -> None:
    """Let all that is ready go on."""
    for _ in range(20):
        await asyncio.sleep(0)


def played(test: Callable[[Path], Any]) -> Callable[[Path], None]:
    """A test that runs in an event loop."""

    def run(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    run.__name__ = test.__name__
    return run


@played
async def test_jobs_run_by_priority_then_by_age(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cpu",))
    added = {
        name: stage.jobs.add(name, "track", {}, priority)
        for name, priority in zip("abcde", (0, 0, 5, -1, 0), strict=True)
    }
    stage.jobs.hasten(added["e"].id, 1)
    for _ in added:
        await settle()
        stage.begun[-1].ending.set_result(Outcome("done", None, {"tracked": {}}))
    await settle()
    assert stage.order == ["a", "c", "e", "b", "d"]
    assert {job.state for job in stage.jobs.all()} == {"done"}
    assert added["b"].result == {"tracked": {}}
    assert [job.id for job in stage.jobs.all("b")] == [added["b"].id]


@played
async def test_each_device_has_its_slots_and_each_shot_one_job(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cuda:0", "cuda:1"))
    for shot in ("a", "a", "b", "c"):
        stage.jobs.add(shot, "track", {}, 0)
    await settle()
    assert [(played.job.shot, played.device) for played in stage.begun] == [("a", "cuda:0"), ("b", "cuda:1")]
    assert stage.jobs.busy("c")
    stage.begun[1].ending.set_result(Outcome("done"))
    await settle()
    assert [(played.job.shot, played.device) for played in stage.begun[2:]] == [("c", "cuda:1")]
    stage.begun[0].ending.set_result(Outcome("done"))
    await settle()
    assert stage.order == ["a", "b", "c", "a"]


@played
async def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_by_its_worker(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cpu",))
    first, second = (stage.jobs.add("a", "track", {}, 0) for _ in range(2))
    await settle()
    assert stage.jobs.cancel(second.id).state == "cancelled"
    assert stage.jobs.cancel(first.id).state == "running"
    await settle()
    assert first.state == "cancelled"
    assert len(stage.begun) == 1
    ended = first.ended
    assert stage.jobs.cancel(first.id).ended == ended
    assert not stage.jobs.busy("a")


@played
async def test_one_job_fails_and_nothing_else(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cpu",))
    impossible = stage.jobs.add("a", "track", {"impossible": True}, 2)
    breaks = stage.jobs.add("b", "track", {}, 1)
    last = stage.jobs.add("c", "track", {}, 0)
    await settle()
    stage.begun[0].ending.set_exception(OSError("no more processes"))
    await settle()
    stage.begun[1].ending.set_result(Outcome("done"))
    await settle()
    assert (impossible.state, impossible.error) == ("failed", "the shot is gone")
    assert breaks.state == "failed"
    assert "could not be started" in str(breaks.error)
    assert last.state == "done"


@played
async def test_a_restart_goes_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cpu",))
    running = stage.jobs.add("a", "track", {"x": 1}, 0)
    waiting = stage.jobs.add("b", "export", {}, 0)
    over = stage.jobs.add("c", "track", {}, 0)
    stage.jobs.cancel(over.id)
    await settle()
    assert running.state == "running"
    stage.open()  # the first service died without a word
    await settle()
    again = {job.id: job.state for job in stage.jobs.all()}
    assert again == {running.id: "running", waiting.id: "queued", over.id: "cancelled"}
    assert stage.begun[-1].job.options == {"x": 1}
    await stage.jobs.stop()
    assert {job.id: job.state for job in Store(stage.path).jobs()} == {**again, running.id: "running"}


@played
async def test_progress_and_what_is_found_are_heard(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cpu",))
    job = stage.jobs.add("a", "track", {}, 0)
    await settle()
    await stage.begun[0].heard({"stage": "track", "done": 3, "total": 9})
    assert (job.stage, job.done, job.total) == ("track", 3, 9)
    await stage.begun[0].heard({"found": "something"})
    await stage.begun[0].heard({"found": "trouble"})
    assert stage.found == [("a", "something")]
    assert job.state == "running"


@played
async def test_there_must_be_such_a_job(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cpu",))
    for call in (stage.jobs.find, stage.jobs.cancel, lambda identity: stage.jobs.hasten(identity, 1)):
        with pytest.raises(Refused, match="no job x"):
            call("x")


@played
async def test_a_listener_hears_a_job_to_its_end(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cpu",))
    job = stage.jobs.add("a", "track", {}, 0)
    heard: list[str] = []

    async def listen(stream: AsyncIterator[str]) -> None:
        heard.extend([text async for text in stream])

    listening = asyncio.ensure_future(listen(stage.events.stream([job], only=job.id)))
    await settle()
    other = stage.jobs.add("b", "track", {}, 0)
    for done in range(100):  # without a pause: the listener hears the last
        await stage.begun[0].heard({"stage": "track", "done": done, "total": 99})
    await settle()
    stage.begun[0].ending.set_result(Outcome("done"))
    await asyncio.wait_for(listening, 5)
    assert other.id not in "".join(heard)
    assert [text.count('"done": 99') for text in heard] == [0, 1, 1]
    assert '"state": "done"' in heard[-1]
    assert all(text.startswith("data: {") and text.endswith("}\n\n") for text in heard)


@played
async def test_listeners_leave_when_the_service_ends(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cpu",))
    stream = stage.events.stream([])
    waiting = asyncio.ensure_future(anext(stream))
    await settle()
    stage.events.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 5)


@played
async def test_a_job_whose_turn_comes_after_the_end_is_left_to_the_next_service(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "base.db", ("cpu",))
    job = stage.jobs.add("a", "track", {}, 0)
    async with asyncio.timeout(5):
        await stage.jobs.stop()
    assert stage.begun == []
    assert [kept.state for kept in stage.store.jobs()] == [job.state] == ["running"]


@played
async def test_a_worker_that_is_killed_while_it_starts_ends(tmp_path: Path) -> None:
    async def heard(_: dict[str, Any]) -> None:
        return

    runner = Runner({}, tmp_path / "log.txt", heard, grace=60)
    running = asyncio.ensure_future(runner.run())
    await asyncio.sleep(0)
    assert runner.pid is None
    runner.kill()
    outcome = await asyncio.wait_for(running, 60)
    assert outcome.error is not None
    assert "was killed (SIGKILL)" in outcome.error
