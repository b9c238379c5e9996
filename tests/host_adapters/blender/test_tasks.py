"""Work beside the interface, without Blender."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from host_adapters.blender.extension.errors import SceneError
from host_adapters.blender.extension.tasks import EDITS, JOBS, Order, Tasks, said_of, share_of
from host_adapters.client import Cancelled, Task


def test_a_lane_keeps_its_order_and_asking_never_waits() -> None:
    tasks, gate, heard = Tasks(), threading.Event(), []
    for index in range(3):
        tasks.add(EDITS, Order("say", lambda _task, index=index: (gate.wait(10), index)[1], heard.append))
    assert tasks.pump()
    assert heard == []
    gate.set()
    tasks.settle()
    assert heard == [0, 1, 2]


def test_lanes_run_side_by_side() -> None:
    tasks, gate, heard = Tasks(), threading.Event(), []
    tasks.add(JOBS, Order("track", lambda _task: gate.wait(10), lambda _made: heard.append("job")))
    tasks.add(EDITS, Order("click", lambda _task: None, lambda _made: heard.append("click")))
    while tasks.busy(EDITS):
        tasks.pump()
    assert heard == ["click"]
    assert tasks.busy(JOBS)
    gate.set()
    tasks.settle()
    assert heard == ["click", "job"]


def test_what_fails_is_said_and_taken_back_and_the_next_is_done() -> None:
    tasks, heard = Tasks(), []

    def fail(_task: Task) -> None:
        raise SceneError("It went wrong; try again.")

    tasks.add(EDITS, Order("first", fail, heard.append, lambda: heard.append("taken back")))
    tasks.add(EDITS, Order("second", lambda _task: "done", heard.append))
    with pytest.raises(SceneError, match=r"It went wrong; try again\."):
        tasks.settle()
    assert heard == ["taken back", "done"]


def test_cancel_ends_the_job_and_drops_those_that_wait() -> None:
    tasks, heard = Tasks(), []

    def work(task: Task) -> None:
        task.report({"state": "running", "stage": "track", "done": 3, "total": 12})
        while not task.is_cancelled():
            pass
        raise Cancelled("the track was cancelled", {})

    tasks.add(JOBS, Order("track", work, heard.append))
    tasks.add(JOBS, Order("export", lambda _task: "export", heard.append))
    while not tasks.job():
        tasks.pump()
    assert said_of(tasks.job()) == "track: 3 of 12"
    assert share_of(tasks.job()) == 0.25
    tasks.cancel()
    with pytest.raises(SceneError, match="cancelled"):
        tasks.settle()
    assert heard == []


def test_a_fault_of_our_own_is_not_hidden() -> None:
    tasks = Tasks()

    def fail(_task: Task) -> None:
        raise KeyError("a bug")

    tasks.add(EDITS, Order("say", fail, print))
    with pytest.raises(KeyError):
        tasks.settle()


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({}, "waiting for the service"),
        ({"state": "queued"}, "waiting for other jobs"),
        ({"state": "running", "kind": "export", "done": 0, "total": 0}, "export: 0 of ?"),
    ],
)
def test_a_job_is_told_in_a_few_words(job: dict[str, Any], words: str) -> None:
    assert said_of(job) == words
    assert share_of(job) == 0
