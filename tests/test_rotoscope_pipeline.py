"""Decoding, tracking, mattes and writing side by side: order, overlap, and a clean end however it comes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from compositing.errors import FootageError, OutputError
from sam2_roto import rotoscope as run
from sam2_roto.cli.rotoscope import as_json
from sam2_roto.deliverables import Deliverables
from sam2_roto.errors import Cancelled
from sam2_roto.export import frames as kinds
from sam2_roto.export.lanes import Lane, Stage
from sam2_roto.job import Click, RotoscopeJob
from sam2_roto.mattes import MatteRecipe
from sam2_roto.pipeline import Arrivals, Background, SettledMasklets, report
from sam2_roto.tracking.objects import ObjectFrame

MATTES_ALONE = Deliverables(preview=False)


@pytest.fixture
def job(shot: Path, tmp_path: Path, random_weights: Path) -> RotoscopeJob:
    """A job whose object is marked in the middle, so that it is tracked both ways."""
    return RotoscopeJob(
        shot,
        tmp_path / "out",
        (Click("ball", 6, 36, 32),),
        model=str(random_weights),
        image_size=64,
        device="cpu",
        deliver=MATTES_ALONE,
    )


@contextmanager
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert {thread.name for thread in set(threading.enumerate()) - before} == set()


def test_a_frame_is_settled_when_every_pass_has_gone_past() -> None:
    arrivals = Arrivals([[2, 1, 0], [2, 3]])
    seen: list[int] = []
    thread = threading.Thread(target=lambda: [(arrivals.wait(frame), seen.append(frame)) for frame in (0, 1, 2, 3)])
    thread.start()
    for frame in (2, 1):
        arrivals.passed(frame)
    assert seen == []
    for frame in (0, 2, 3):
        arrivals.passed(frame)
    thread.join(30)
    assert seen == [0, 1, 2, 3]


def test_who_waits_is_let_go_when_the_work_stops() -> None:
    arrivals = Arrivals([[0]])
    with no_threads_left(), pytest.raises(KeyError), Background("wait", lambda: arrivals.wait(0), arrivals.stop):
        raise KeyError("another error, in the caller's thread")
    with pytest.raises(Cancelled):
        arrivals.wait(0)


def test_results_that_are_kept_late_are_waited_for() -> None:
    result = ObjectFrame(torch.zeros(4, 4), 1.0, 1.0, torch.zeros(8), prompted=False)
    kept: dict[int, ObjectFrame] = {}

    class Late:
        def read(self, _: str, frame: int) -> ObjectFrame | None:
            return kept.get(frame)

    arrivals = Arrivals([[0, 1]])
    settled, found = SettledMasklets(Late(), arrivals), []
    reader = threading.Thread(target=lambda: [found.append(settled.read("ball", frame)) for frame in (0, 1)])
    reader.start()
    arrivals.passed(0)
    kept[0] = result
    arrivals.passed(1)
    arrivals.finish()
    reader.join(30)
    assert found == [result, None]


def test_an_error_beside_comes_home() -> None:
    def fail() -> None:
        raise OutputError("the disk is full")

    with no_threads_left(), Background("fail", fail, lambda: None) as beside, pytest.raises(OutputError, match="full"):
        beside.join(lambda: None)


def test_a_lane_holds_up_who_outruns_it() -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)

    def work(_: int) -> None:
        begun.release()
        gate.wait(30)

    lane: Lane[int] = Lane("slow", work, workers=1, waiting=2)
    put: list[int] = []
    feeder = threading.Thread(target=lambda: [(lane.put(item), put.append(item)) for item in range(9)])
    feeder.start()
    assert begun.acquire(timeout=30)
    feeder.join(0.2)
    assert len(put) <= 3
    gate.set()
    feeder.join(30)
    lane.close()
    assert (put, lane.stage.frames) == (list(range(9)), 9)


def test_the_slowest_stage_is_named() -> None:
    stages = Stage("track", 1, 4, 2.0), Stage("write", 4, 4, 6.0), Stage("movie")
    found = report(stages, 2.5)
    assert found.slowest is not None
    assert found.slowest.name == "track"
    assert [stage.name for stage in found.stages] == ["track", "write"]
    assert "'track' was the slowest stage (ms a frame: track 500, write 375)" in str(found)


def test_files_are_written_while_the_network_goes_on(job: RotoscopeJob) -> None:
    """The network is held up at frame 17 until frame 3 lies on the disk."""
    there: list[bool] = []

    def progress(stage: str, done: int, _: int) -> None:
        if (stage, done) == ("track", 18):  # six frames backward, then 6 to 17 forward
            for _ in range(600):
                if (job.output / "shot_matte.0003.exr").exists():
                    break
                time.sleep(0.05)
            there.append((job.output / "shot_matte.0003.exr").exists())

    result = run(job, progress)
    assert there == [True]
    assert len(result.mattes) == 20


def test_progress_counts_every_frame_of_both_stages(job: RotoscopeJob) -> None:
    told: dict[str, list[int]] = {}
    run(job, lambda stage, done, _: told.setdefault(stage, []).append(done))
    assert told["track"] == list(range(1, 21))
    assert told["write"] == list(range(1, 21))


def test_the_report_names_the_stages(job: RotoscopeJob) -> None:
    told = json.loads(as_json(run(job)))["pace"]
    assert set(told["stages"]) == {"decode", "track", "matte", "plate", "write"}
    assert told["slowest"] in told["stages"]
    assert told["stages"]["write"]["frames"] == 20


def _stop_at(stage: str, count: int) -> Callable[[str, int, int], None]:
    def progress(said: str, done: int, _: int) -> None:
        if (said, done) == (stage, count):
            raise Cancelled("stop")

    return progress


@pytest.mark.parametrize("moment", [("track", 3), ("track", 15), ("write", 2)])
def test_cancelled_it_ends_and_goes_on_later(job: RotoscopeJob, moment: tuple[str, int]) -> None:
    with no_threads_left(), pytest.raises(Cancelled, match="stop"):
        run(job, _stop_at(*moment))
    assert not [path.name for path in job.output.iterdir() if path.name.startswith(".")]
    assert len(run(job).mattes) == 20


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        (kinds, "write_matte", OutputError("the disk is full")),
        (MatteRecipe, "alpha", ValueError("no such step")),
        (kinds.MatteFiles, "paths", KeyError("ball")),
    ],
)
def test_an_error_in_any_stage_ends_all(
    job: RotoscopeJob, owner: Any, name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(owner, name, fail)
    with no_threads_left(), pytest.raises(type(error), match=str(error.args[0])):
        run(job)
    assert not [path.name for path in job.output.glob("*.exr")]


def test_a_picture_that_cannot_be_decoded_ends_all(job: RotoscopeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    from compositing.footage.video import VideoFootage

    view = VideoFootage.view

    def fail(footage: VideoFootage, frame: int) -> Any:
        if frame == 11:
            raise FootageError("frame 11 cannot be decoded")
        return view(footage, frame)

    monkeypatch.setattr(VideoFootage, "view", fail)
    with no_threads_left(), pytest.raises(FootageError, match="frame 11"):
        run(job)
