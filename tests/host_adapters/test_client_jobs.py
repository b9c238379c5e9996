"""Waiting for jobs: events, polling where they break off, cancelling, and tasks in the background."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from host_adapters.client import Cancelled, Client, JobFailed, Task, TimedOut

RUNNING = [{"id": "j", "kind": "track", "state": "running", "done": n, "total": 3} for n in range(3)]
DONE = {"id": "j", "kind": "track", "state": "done", "done": 3, "total": 3, "result": {"files": ["a.exr"]}}
CANCELLED = {"id": "j", "kind": "track", "state": "cancelled"}


@pytest.fixture
def client(fake: Any) -> Client:
    return Client(start=False, runtime=fake.runtime, timeout=10)


def test_waiting_tells_of_each_state_and_gives_the_last(client: Client, fake: Any) -> None:
    fake.states = [*RUNNING, DONE]
    seen: list[Any] = []
    assert client.wait({"id": "j"}, seen.append) == DONE
    assert seen == fake.states
    assert [path for _, path, _ in fake.heard] == ["/v1/jobs/j/events"]


def test_a_job_may_be_named_by_its_id(client: Client, fake: Any) -> None:
    fake.states = [DONE]
    assert client.wait("j")["result"] == {"files": ["a.exr"]}


def test_a_failed_job_tells_its_reason(client: Client, fake: Any) -> None:
    fake.states = [{"id": "j", "state": "failed", "error": "the worker was killed; start the job again"}]
    with pytest.raises(JobFailed, match="the worker was killed") as caught:
        client.wait("j")
    assert caught.value.job["state"] == "failed"


def test_where_events_break_off_it_asks(client: Client, fake: Any) -> None:
    asked: list[int] = []

    def state(_: Any) -> tuple[int, Any]:
        asked.append(1)
        return 200, DONE if len(asked) > 1 else RUNNING[2]

    fake.states = RUNNING[:1]
    fake.routes["GET", "/v1/jobs/j"] = state
    seen: list[Any] = []
    assert client.wait("j", seen.append) == DONE
    assert seen == [RUNNING[0], RUNNING[2], DONE]


def test_where_there_are_no_events_it_asks(client: Client, fake: Any) -> None:
    fake.states = [DONE]
    fake.routes["GET", "/v1/jobs/j/events"] = lambda _: (404, {"error": {"kind": "job", "message": "no events"}})
    assert client.wait("j") == DONE


def test_a_service_that_was_restarted_is_asked_how_the_job_went_on(run_fake: Any, tmp_path: Path) -> None:
    client = Client(start=False, runtime=tmp_path)
    with run_fake(tmp_path) as first:
        first.states = RUNNING
        client.connect()
    with run_fake(tmp_path, token="another") as second:
        second.states = [DONE]
        assert client.wait("j") == DONE


def test_cancelling_ends_the_job_and_says_so(client: Client, fake: Any) -> None:
    ended = threading.Event()

    def events(handler: Any) -> None:
        handler.tell(RUNNING)
        ended.wait(10)
        handler.wfile.write(b'data: {"id": "j", "kind": "track", "state": "cancelled"}\n\n')

    def cancel(_: Any) -> tuple[int, Any]:
        ended.set()
        return 200, CANCELLED

    fake.routes["GET", "/v1/jobs/j/events"] = events
    fake.routes["DELETE", "/v1/jobs/j"] = cancel
    seen: list[Any] = []
    with pytest.raises(Cancelled, match="the track was cancelled") as caught:
        client.wait("j", seen.append, lambda: len(seen) == 3)
    assert caught.value.job == CANCELLED
    assert [method for method, _, _ in fake.heard].count("DELETE") == 1


def test_a_job_that_was_done_before_it_could_be_cancelled_is_done(client: Client, fake: Any) -> None:
    fake.states = [RUNNING[0], DONE]
    assert client.wait("j", cancelled=lambda: True) == DONE


def test_waiting_has_an_end(client: Client, fake: Any) -> None:
    ended = threading.Event()

    def events(handler: Any) -> None:
        handler.tell(RUNNING)
        ended.wait(10)

    fake.routes["GET", "/v1/jobs/j/events"] = events
    with pytest.raises(TimedOut, match="it goes on"):
        client.wait("j", timeout=0.1)
    ended.set()


def test_what_progress_raises_is_not_hidden(client: Client, fake: Any) -> None:
    def fail(job: Any) -> None:
        raise ZeroDivisionError(job["state"])

    fake.states = [DONE]
    with pytest.raises(ZeroDivisionError, match="done"):
        client.wait("j", fail)


def test_a_task_is_asked_after_without_waiting(client: Client, fake: Any) -> None:
    going = threading.Event()

    def events(handler: Any) -> None:
        handler.tell(RUNNING)
        going.wait(10)
        handler.tell([DONE])

    fake.routes["GET", "/v1/jobs/j/events"] = events
    task = Task(lambda task: client.wait("j", task.report, task.is_cancelled))
    assert not task.poll()
    with pytest.raises(TimeoutError):
        task.result(0)
    going.set()
    assert task.result(10) == DONE
    assert task.poll()
    assert task.job == DONE


def test_a_task_is_cancelled_through_the_job(client: Client, fake: Any) -> None:
    fake.states = RUNNING
    fake.routes["GET", "/v1/jobs/j"] = lambda _: (200, RUNNING[2])

    def cancel(_: Any) -> tuple[int, Any]:
        fake.routes["GET", "/v1/jobs/j"] = lambda _: (200, CANCELLED)
        return 200, CANCELLED

    fake.routes["DELETE", "/v1/jobs/j"] = cancel
    task = Task(lambda task: client.wait("j", task.report, task.is_cancelled))
    task.cancel()
    with pytest.raises(Cancelled):
        task.result(10)


def test_an_error_in_a_task_is_raised_where_its_result_is_asked_for() -> None:
    def fail(_: Task) -> None:
        raise ValueError("no clip is selected")

    task = Task(fail)
    with pytest.raises(ValueError, match="no clip"):
        task.result(10)
    assert task.poll()
