"""Objects that are small on the plate, followed in windows: answers, passes, corrections, and what stays exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import torch

from compositing.footage.writer import write_movie
from sam2_roto.errors import PromptError
from sam2_roto.shot import Session, Shot, Stroke, TrackingSettings
from sam2_roto.shot.streams import streams_of
from sam2_roto.tracking import FramePrompt
from sam2_roto.tracking.crop_tracker import CropMemory, CropTracker
from sam2_roto.tracking.policies import find_policy
from sam2_roto.tracking.sight import Sight
from sam2_roto.tracking.window import Window, window_about

WIDTH, HEIGHT, FRAMES = 192, 128, 12
PLATE = (WIDTH, HEIGHT)
BIRD, WHALE = (60.0, 40.0, 72.0, 52.0), (90.0, 20.0, 180.0, 110.0)
LATER = (71.0, 40.0, 85.0, 54.0)


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bird of 12 pixels that flies to the right over noise, as a movie."""
    views = np.random.default_rng(2).integers(60, 120, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    for frame, view in enumerate(views):
        view[40:52, 60 + frame : 72 + frame] = (230, 40, 40)
    path = tmp_path_factory.mktemp("sky") / "sky.mp4"
    write_movie(path, views, 24)
    return path


@pytest.fixture
def work(tmp_path: Path, sky: Path, settings: TrackingSettings) -> Iterator[Shot]:
    with Shot.new(tmp_path / "work", sky, settings=settings) as opened:
        opened.set_cuts(())
        yield opened


@pytest.fixture
def session(work: Shot) -> Iterator[Session]:
    with Session(work, device="cpu") as opened:
        yield opened


def mark(session: Session) -> None:
    session.box("bird", 0, BIRD)
    session.box("bird", 11, LATER)
    session.box("whale", 4, WHALE)


def sights(session: Session, name: str) -> list[Sight]:
    found = [session.results.sight(name, frame) for frame in range(FRAMES)]
    return [sight for sight in found if sight is not None]


def bits(session: Session, name: str) -> list[tuple[Window | None, bytes, float, float]]:
    """Every result of an object, as it was seen."""
    return [(s.window, s.result.logits.numpy().tobytes(), s.result.score, s.result.iou) for s in sights(session, name)]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.glob("masklets/*/*.masklet")}


def test_a_small_object_is_answered_and_followed_in_windows_and_a_large_one_is_not(session: Session) -> None:
    mark(session)
    report = session.track()
    assert report.tracked == {"bird": 11 + 11, "whale": 7 + 4}
    bird, whale = sights(session, "bird"), sights(session, "whale")
    assert (len(bird), len(whale)) == (FRAMES, FRAMES)
    assert bird[0].window == window_about(BIRD, 0.5, PLATE, 64)
    assert all(sight.window is not None for sight in bird)
    assert all(sight.window is None for sight in whale)
    shown = session.results.read("bird", 0)
    assert shown is not None
    assert shown.logits.shape == (
        round(HEIGHT * 16 / 32),
        round(WIDTH * 16 / 32),
    )  # as fine over the plate as in the window


def test_a_pass_in_windows_is_that_of_a_crop_tracker(session: Session, work: Shot) -> None:
    session.box("bird", 3, BIRD)
    session.track()
    start = session.results.sight("bird", 3)
    assert start is not None
    assert start.window is not None
    for reverse in (False, True):
        memory = CropMemory()
        memory.write_cropped("bird", 3, start.window, start.result)
        tracker = CropTracker(
            session.model, session.footage, "bird", memory, policy=find_policy(session.network.settings.policy)
        )
        tracker.restore("bird", 3, FramePrompt(box=BIRD), start.result)
        frames = [result.frame for result in tracker.propagate(2 if reverse else 4, reverse=reverse)]
        assert frames == ([2, 1, 0] if reverse else list(range(4, FRAMES)))
        for frame in frames:
            kept, found = memory.kept["bird", frame], session.results.sight("bird", frame)
            assert found is not None
            assert found.window == kept[0]
            assert torch.equal(found.result.logits, kept[1].logits)
    assert work.object("bird").keyframes.keys() == {3}


@pytest.mark.parametrize("policy", ["plain", "distractor", "motion"])
def test_passes_that_were_stopped_go_on_in_the_same_bits(
    tmp_path: Path, sky: Path, settings: TrackingSettings, policy: str
) -> None:
    ways = []
    for number, stops in enumerate([(), (6, 5, 9)]):
        chosen = replace(settings, policy=policy)
        with Shot.new(tmp_path / f"{number}", sky, settings=chosen) as work:
            work.set_cuts(())
            with Session(work, device="cpu") as session:
                mark(session)
            for stop in stops:
                calls = count()
                with Session(work, device="cpu") as session:
                    session.track(cancelled=lambda calls=calls, stop=stop: next(calls) >= stop)
            with Session(work, device="cpu") as session:
                session.track()
                ways.append((bits(session, "bird"), bits(session, "whale")))
    assert ways[0] == ways[1]


@pytest.mark.parametrize("crop", ["auto", "none"])
def test_passes_from_a_correction_go_on_in_the_same_bits(
    tmp_path: Path, sky: Path, settings: TrackingSettings, crop: Literal["auto", "none"]
) -> None:
    """They remember keyframes behind, each through its own window."""
    ways = []
    for number, stop in enumerate((100, 4)):
        with Shot.new(tmp_path / f"{number}", sky, settings=replace(settings, crop=crop)) as work:
            work.set_cuts(())
            with Session(work, device="cpu") as session:
                session.box("bird", 1, BIRD)
                session.track()
                alone = bits(session, "bird")
                session.click("bird", 5, [(70, 46, True)])
                calls = count()
                session.track(cancelled=lambda calls=calls, stop=stop: next(calls) >= stop)
            with Session(work, device="cpu") as session:
                session.track()
                ways.append(bits(session, "bird"))
                assert [frame for frame in (0, 1) if ways[-1][frame] != alone[frame]] == []
            streams = streams_of(work.document, work.object("bird"), session.network.key)
            assert [mark.frame for s in streams for mark in s.behind] == [1]
    assert ways[0] == ways[1]


def test_an_edit_tracks_what_it_can_affect_alone(session: Session, work: Shot) -> None:
    mark(session)
    session.box("crumb", 0, (20, 90, 30, 100))
    session.track()
    files, before = digests(work.folder), bits(session, "bird")
    others = {name: bits(session, name) for name in ("whale", "crumb")}
    session.click("bird", 5, [(70, 46, True)])
    assert session.track().tracked == {"bird": 6 + 5}  # 6-11 forward, 4-0 backward
    after = digests(work.folder)
    assert {name: after[name] for name in files} == files
    assert {name: bits(session, name) for name in others} == others
    work.undo()
    assert session.track().tracked == {}
    assert bits(session, "bird") == before


def test_an_object_has_the_same_bits_alone_and_among_others(
    tmp_path: Path, sky: Path, settings: TrackingSettings
) -> None:
    found = []
    for number, crowd in enumerate([{}, {"whale": WHALE}, {"crumb": (20.0, 90.0, 30.0, 100.0), "whale": WHALE}]):
        with Shot.new(tmp_path / f"{number}", sky, settings=settings) as work, Session(work, device="cpu") as session:
            work.set_cuts(())
            for name, box in crowd.items():
                session.box(name, 2, box)
            session.box("bird", 5, BIRD)
            session.track()
            found.append(bits(session, "bird"))
    assert found[0] == found[1] == found[2]


def test_a_correction_looks_where_tracking_looked(session: Session) -> None:
    mark(session)
    session.track()
    seen = session.results.sight("bird", 5)
    assert seen is not None
    assert seen.window is not None
    session.warm("bird", 5)
    middle = (seen.window.x + seen.window.width / 2, seen.window.y + seen.window.height / 2, True)
    hovered = session.preview("bird", 5, [middle])
    shown = session.click("bird", 5, [middle])
    assert torch.equal(hovered.logits, shown.logits)
    answered = session.results.sight("bird", 5)
    assert answered is not None
    assert answered.window == seen.window
    assert torch.equal(answered.on_plate(PLATE).logits, shown.logits)


def test_a_click_beside_the_window_moves_it(session: Session) -> None:
    first = session.box("bird", 0, BIRD)
    session.click("bird", 0, [(66, 46, True)])
    stays = session.results.sight("bird", 0)
    session.click("bird", 0, [(110, 46, True)])
    moved = session.results.sight("bird", 0)
    session.click("bird", 0, [(8, 126, True), (185, 126, True)])  # so far apart that no window holds all
    whole = session.results.sight("bird", 0)
    assert first.present
    assert stays is not None
    assert stays.window == window_about(BIRD, 0.5, PLATE, 64)
    assert moved is not None
    assert moved.window is not None
    assert moved.window.width > stays.window.width
    assert all(moved.window.shows(x, y, PLATE) for x, y in (BIRD[:2], BIRD[2:], (110, 46)))
    assert whole is not None
    assert whole.window is None
    assert session.track().tracked == {"bird": 11}


def test_a_locked_frame_is_what_was_seen(session: Session, work: Shot) -> None:
    mark(session)
    session.track()
    seen = bits(session, "bird")
    session.lock("bird", 6)
    assert bits(session, "bird")[6] == seen[6]
    session.track()
    assert bits(session, "bird")[6] == seen[6]
    work.set_tracking(replace(work.document.settings, crop="none"))
    with Session(work, device="cpu") as other:
        other.track()
        assert bits(other, "bird")[6] == seen[6]
        assert [s.window is None for s in sights(other, "bird")] == [frame != 6 for frame in range(FRAMES)]


def test_painted_frames_start_windows_of_their_own(session: Session, work: Shot) -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[40:52, 62:74] = True
    session.mask("bird", 2, mask)
    assert session.track().tracked == {"bird": 9 + 2}
    seen = session.results.sight("bird", 7)
    assert seen is not None
    assert seen.window is not None
    session.paint("bird", 7, [Stroke(((30, 30), (150, 100)), 8)])
    painted = session.results.sight("bird", 7)
    assert painted is not None
    assert painted.window is None  # it is large now
    assert session.track().tracked == {"bird": 4 + 5}
    work.undo()
    assert session.track().tracked == {}
    assert bits(session, "bird")[7] == (seen.window, seen.result.logits.numpy().tobytes(), *seen.result[1:3])


def test_without_windows_all_is_seen_on_the_whole_plate(tmp_path: Path, sky: Path, settings: TrackingSettings) -> None:
    chosen = replace(settings, crop="none")
    with Shot.new(tmp_path / "plain", sky, settings=chosen) as work, Session(work, device="cpu") as session:
        work.set_cuts(())
        mark(session)
        session.track()
        assert all(sight.window is None for sight in sights(session, "bird"))
        work.set_tracking(TrackingSettings(crop="sometimes"))  # type: ignore[arg-type]
        with pytest.raises(PromptError, match="the crop 'sometimes' is not one of none, auto"):
            Session(work)


TENT = (320, 208)
ROD = (20.0, 48.0, 299.0, 134.0)


@pytest.fixture(scope="module")
def tent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thin rod that sinks before a plain ground, as a movie."""
    views = np.full((5, TENT[1], TENT[0], 3), (70, 100, 60), np.uint8)
    for frame, view in enumerate(views):
        cv2.line(view, (24, 52 + 2 * frame), (295, 130 + 2 * frame), (230, 40, 40), 4)
    path = tmp_path_factory.mktemp("tent") / "tent.mp4"
    write_movie(path, views, 24)
    return path


def test_a_thin_thing_is_answered_corrected_and_followed_in_a_larger_picture(tmp_path: Path, tent: Path) -> None:
    with Shot.new(tmp_path / "work", tent, settings=TrackingSettings(model="nano")) as work:
        work.set_cuts(())
        with Session(work, device="cpu") as session:
            session.box("rod", 0, ROD)
            first = session.results.sight("rod", 0)
            assert first is not None
            assert first.window == Window(0, 0, *TENT)
            assert first.side > 384
            session.track()
            middle = session.results.sight("rod", 2)
            session.warm("rod", 2)
            hovered = session.preview("rod", 2, [(160, 95, True)])
            shown = session.click("rod", 2, [(160, 95, True)])
            assert torch.equal(hovered.logits, shown.logits)
            corrected = session.results.sight("rod", 2)
            assert middle is not None
            assert corrected is not None
            assert {middle.side, corrected.side} == {first.side}
            report = session.track()
            assert report.tracked == {"rod": 2 + 2}
            assert {sight.side for sight in map(partial(session.results.sight, "rod"), range(5)) if sight} == {
                first.side
            }


def test_passes_of_unlike_fineness_meet(tmp_path: Path, tent: Path) -> None:
    thick = np.zeros((TENT[1], TENT[0]), bool)
    thick[30:180, 30:280] = True
    with Shot.new(tmp_path / "work", tent, settings=TrackingSettings(model="nano")) as work:
        work.set_cuts(())
        with Session(work, device="cpu") as session:
            session.box("rod", 0, ROD)
            session.mask("rod", 4, thick)
            session.track()
            met = [session.results.sight("rod", frame) for frame in range(5)]
            sides = [sight.side for sight in met if sight is not None]
            assert sides[0] > sides[-1] == 384
            assert set(sides) == {sides[0], 384}
            assert session.results.disagreement("rod", 2) is not None
