"""Answers, dirty ranges, independence of objects, and frames that are exact."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from compositing.footage.frames import FrameRange
from sam2_roto.errors import ModelError, PromptError, ShotError
from sam2_roto.mattes import MatteRecipe
from sam2_roto.shot import Cut, Shot, Stroke, TrackingSettings
from sam2_roto.shot import session as session_module
from sam2_roto.shot.export import shot_mattes
from sam2_roto.shot.passes import spans
from sam2_roto.shot.results import MASKLETS
from sam2_roto.shot.session import Session, TrackReport
from sam2_roto.shot.streams import Mark, Stream, streams_of
from sam2_roto.tracking.fusion import Drift, missed


def digests(folder: Path) -> dict[str, str]:
    """What is in every file of masklets and answers."""
    files = [*folder.glob("masklets/*/*.masklet"), *folder.glob("answers/*")]
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in files}


def bits(session: Session, name: str) -> dict[int, bytes]:
    """Every result of an object, as bytes."""
    found = {frame: session.results.read(name, frame) for frame in session.shot.document.range}
    return {
        frame: b"" if result is None else result.logits.numpy().tobytes() + repr((result.score, result.iou)).encode()
        for frame, result in found.items()
    }


def mattes(session: Session, frame: int, recipe: MatteRecipe | None = None) -> dict[str, NDArray[np.float32]]:
    """The mattes of a frame as they are delivered."""
    document = replace(session.shot.document, recipe=(recipe or MatteRecipe()).to_json())
    session.results.update(document)
    return next(iter(shot_mattes(session.results, session.footage, [frame]))).mattes


def mark(session: Session) -> None:
    session.click("disc", 0, [(24, 32, True)])
    session.box("disc", 19, (52, 20, 76, 44))
    session.click("block", 4, [(66, 48, True)])


def test_a_click_is_answered_and_kept_as_one_edit(work: Shot) -> None:
    work.set_tracking(replace(work.document.settings, crop="none"))  # windows have tests of their own
    before = work.document
    with Session(work, device="cpu") as session:
        shown = session.click("disc", 3, [(30, 32, True)])
        said = work.object("disc").keyframes[3]
        assert shown.logits.shape == (16, 16)
        assert said.answer is not None
        assert said.answer.network == session.network.key
        kept = session.results.read("disc", 3)
        assert kept is not None
        assert torch.equal(kept.logits, shown.logits)
    work.undo()
    assert work.document == before


def test_a_preview_says_nothing(session: Session, work: Shot) -> None:
    before = work.document
    hovered = session.preview("disc", 3, [(30, 32, True)])
    assert work.document == before
    assert torch.equal(session.click("disc", 3, [(30, 32, True)]).logits, hovered.logits)
    both = session.preview("disc", 3, [(40, 32, False)])
    assert torch.equal(session.click("disc", 3, [(40, 32, False)]).logits, both.logits)


def test_every_frame_is_tracked_once_in_each_direction_that_reaches_it(work: Shot) -> None:
    work.set_tracking(replace(work.document.settings, crop="none"))  # in windows each object is encoded by itself
    with Session(work, device="cpu") as session:
        mark(session)
        report = session.track()
        assert report.tracked == {"disc": 19 + 19, "block": 15 + 4}  # as far as the other keyframe
        assert report.encoded == 19 + 19  # forward 1-19 and backward 18-0, objects together
        assert session.track() == TrackReport()
        assert all(bits(session, "disc").values())
    assert work.history.undoable == "click block 4"


def test_an_edit_tracks_what_it_can_affect_alone(session: Session, work: Shot) -> None:
    mark(session)
    session.track()
    files, others, before = digests(work.folder), bits(session, "block"), bits(session, "disc")
    session.click("disc", 8, [(40, 32, True)])
    assert session.track().tracked == {"disc": 11 + 8}  # 9-19 forward, 7-0 backward
    after = digests(work.folder)
    assert {name: after[name] for name in files} == files
    assert bits(session, "block") == others
    session.click("disc", 14, [(52, 32, True)])
    unreached = {frame: value for frame, value in bits(session, "disc").items() if frame <= 8 or frame == 19}
    assert session.track().tracked == {"disc": 5 + 6}  # 15-19 forward, 13-8 backward
    assert {frame: bits(session, "disc")[frame] for frame in unreached} == unreached
    work.undo()
    work.undo()
    assert session.track() == TrackReport()
    assert bits(session, "disc") == before


def test_redone_edits_find_what_was_tracked(session: Session, work: Shot) -> None:
    mark(session)
    session.click("disc", 8, [(40, 32, True)])
    session.track()
    after = bits(session, "disc")
    work.undo()
    assert session.track().tracked == {"disc": 11 + 8}  # the outer passes go on, as far as the other keyframe
    work.redo()
    assert session.track() == TrackReport()
    assert bits(session, "disc") == after


def test_an_object_has_the_same_bits_alone_and_among_others(
    tmp_path: Path, shot: Path, settings: TrackingSettings
) -> None:
    found = []
    for number, crowd in enumerate([(), ("block",), ("block", "ground", "sky")]):
        with Shot.new(tmp_path / f"{number}", shot, settings=settings) as work, Session(work, device="cpu") as session:
            work.set_cuts(())
            for place, name in enumerate(crowd):
                session.click(name, 2 * place, [(66 - 9 * place, 48, True)])
            session.click("disc", 5, [(34, 32, True)])
            session.track()
            found.append(bits(session, "disc"))
    assert found[0] == found[1] == found[2]


def after(count: int) -> Callable[[], bool]:
    """True from the call on that comes after ``count`` others."""
    calls = iter(range(1000))
    return lambda: next(calls) >= count


@pytest.mark.parametrize(("policy", "stop"), [("plain", 24), ("distractor", 9), ("motion", 9)])
def test_tracking_that_was_stopped_goes_on_in_the_same_bits(
    tmp_path: Path, shot: Path, settings: TrackingSettings, policy: str, stop: int
) -> None:
    ways = []
    for number in range(2):
        chosen = TrackingSettings(settings.model, settings.image_size, policy)
        with Shot.new(tmp_path / f"{number}", shot, settings=chosen) as work:
            work.set_cuts(())
            with Session(work, device="cpu") as session:
                mark(session)
                first = session.track(cancelled=after(stop if number else 1000))
            with Session(work, device="cpu") as session:
                rest = session.track()
                ways.append(bits(session, "disc"))
                total = {n: first.tracked.get(n, 0) + rest.tracked.get(n, 0) for n in ("disc", "block")}
                assert total == {"disc": 38, "block": 19}
    assert ways[0] == ways[1]


def test_clicks_that_wait_are_answered_by_what_is_tracked_there(session: Session, work: Shot) -> None:
    work.add_click("disc", 0, 24, 32)
    work.add_click("disc", 8, 40, 32)
    report = session.track()
    assert report.answered == {"disc": [0, 8]}
    waited = bits(session, "disc")
    assert report.tracked == {"disc": 8 + 8 + 11}  # 1-8, of which 8 is then corrected, 7-0 and 9-19
    work.undo()
    work.undo()
    session.click("disc", 0, [(24, 32, True)])
    session.track()
    session.click("disc", 8, [(40, 32, True)])
    session.track()
    assert bits(session, "disc") == waited


def test_answers_are_undone_with_what_they_answer(session: Session, work: Shot) -> None:
    work.add_click("disc", 0, 24, 32)
    session.track()
    assert work.undo() == "click disc 0"
    assert work.document.objects == ()
    work.redo()
    assert session.track() == TrackReport()


def test_another_model_answers_anew_and_locked_frames_stay(session: Session, work: Shot) -> None:
    mark(session)
    session.track()
    session.lock("disc", 7)
    locked = bits(session, "disc")[7]
    settings = work.document.settings
    work.set_tracking(TrackingSettings(settings.model, 96, crop="none"))  # so that logits are the network's own
    with Session(work, device="cpu") as other:
        report = other.track()
        assert report.answered == {"disc": [0, 19], "block": [4]}
        assert report.tracked == {"disc": 7 + 7 + 12 + 12, "block": 19}
        assert bits(other, "disc")[7] == locked
        shown = other.results.read("disc", 8)
        assert shown is not None
        assert shown.logits.shape == (24, 24)
    work.set_tracking(settings)
    with Session(work, device="cpu") as again:
        assert again.track().answered == {"disc": [0, 19], "block": [4]}
        assert bits(again, "disc")[7] == locked


def test_a_locked_frame_is_what_was_seen_and_never_tracked_over(session: Session, work: Shot) -> None:
    mark(session)
    session.track()
    seen = bits(session, "disc")
    session.lock("disc", 10)
    session.track()
    assert bits(session, "disc")[10] == seen[10]
    session.click("disc", 12, [(48, 32, False)])
    session.track()
    assert bits(session, "disc")[10] == seen[10]
    with pytest.raises(ShotError, match="frame 10 of 'disc' is locked"):
        session.click("disc", 10, [(44, 32, True)])
    work.unlock("disc", 10)
    assert 10 not in work.object("disc").keyframes
    with pytest.raises(ShotError, match="no matte on frame 3 to lock"):
        session.lock(add(work, "ghost"), 3)


def add(work: Shot, name: str) -> str:
    work.add_object(name)
    return name


def test_a_painted_mask_is_the_matte_of_its_frame(session: Session, work: Shot) -> None:
    mask = np.zeros((64, 96), np.float32)
    mask[10:30, 20:50] = 1
    mask[30, 20:50] = 0.2  # a soft edge
    work.add_mask("disc", 6, mask)
    session.track()
    matte = mattes(session, 6)["disc"]
    assert abs(matte - mask).max() < 1 / 255
    before = matte.tobytes()
    session.click("disc", 0, [(24, 32, True)])
    session.track()
    assert mattes(session, 6)["disc"].tobytes() == before
    softened = mattes(session, 6, MatteRecipe.from_options(feather=4))["disc"]
    assert 0 < softened[9, 30] < 0.5


def test_strokes_are_painted_over_what_is_seen(session: Session) -> None:
    mark(session)
    session.track()
    seen = mattes(session, 9).get("disc", np.zeros((64, 96), np.float32))
    session.paint("disc", 9, [Stroke(((10, 8), (30, 8)), 4), Stroke(((20, 8),), 2, positive=False)])
    painted = mattes(session, 9)["disc"]
    assert painted[8, 12] == 1
    assert painted[8, 20] == 0
    assert (abs(painted[20:] - seen[20:]) < 1 / 255).all()
    session.paint("disc", 9, [Stroke(((80, 60),), 3)])
    more = mattes(session, 9)["disc"]
    assert more[60, 80] == 1
    assert (abs(more[:50] - painted[:50]) < 1 / 255).all()
    with pytest.raises(PromptError, match="is painted on frame 9"):
        session.click("disc", 9, [(1, 1, True)])
    assert session.track().tracked == {"disc": 10 + 9}


def test_strokes_on_nothing_are_a_mask(session: Session, work: Shot) -> None:
    work.add_strokes("disc", 0, [Stroke(((24, 32),), 12)])
    session.track()
    matte = mattes(session, 0)["disc"]
    assert abs(matte.sum() - np.pi * 12**2) < 8


def test_nothing_is_tracked_across_a_cut(session: Session, work: Shot) -> None:
    work.set_cuts([Cut(5), Cut(12)])
    session.click("disc", 8, [(40, 32, True)])
    assert session.track().tracked == {"disc": 3 + 3}  # 9-11 and 7-5
    assert [frame for frame, value in bits(session, "disc").items() if value] == list(range(5, 12))
    work.open_cut(12)
    assert session.track().tracked == {"disc": 8}
    session.click("disc", 2, [(28, 32, True)])
    assert session.track().tracked == {"disc": 2 + 2}


def test_in_and_out_bound_what_is_tracked(session: Session, work: Shot) -> None:
    work.set_range(FrameRange(4, 9))
    session.click("disc", 6, [(36, 32, True)])
    session.click("disc", 15, [(54, 32, True)])
    assert session.track().tracked == {"disc": 3 + 2}
    work.set_range(None)
    assert session.track().tracked == {"disc": 6 + 4 + 4 + 9}


def test_spans_change_where_streams_begin_and_end() -> None:
    one, two = Stream("a", Mark(0, "x"), 1, 9), Stream("b", Mark(4, "y"), 1, 6)
    assert spans({one: one.frames, two: two.frames}, 1) == [(1, 4, [one]), (5, 6, [one, two]), (7, 9, [one])]
    back, other = Stream("a", Mark(9, "x"), -1, 5), Stream("b", Mark(3, "y"), -1, 0)
    assert spans({back: back.frames, other: other.frames}, -1) == [(8, 5, [back]), (2, 0, [other])]


def test_streams_name_what_decides_them(session: Session, work: Shot) -> None:
    mark(session)
    keys = {s.key: s.frames for s in streams_of(work.document, work.object("disc"), session.network.key)}
    session.click("disc", 8, [(40, 32, True)])
    more = {s.key: s.frames for s in streams_of(work.document, work.object("disc"), session.network.key)}
    assert set(keys) < set(more)
    assert {key: len(more[key]) for key in keys} == {key: 8 if "_0f" in key else 11 for key in keys}


def beyond(work: Shot, network: str) -> dict[tuple[int, int], list[int]]:
    """The keyframes that streams remember besides, by where they start and their direction."""
    streams = streams_of(work.document, work.object("disc"), network)
    return {(s.start.frame, s.step): [mark.frame for mark in s.behind] for s in streams if s.behind}


def test_a_correction_remembers_what_it_corrects(session: Session, work: Shot) -> None:
    """Only beyond the outermost keyframe: between two of them those two alone decide."""
    network = session.network.key
    session.click("disc", 4, [(32, 32, True)])
    session.track()
    session.click("disc", 8, [(40, 32, True)])
    assert beyond(work, network) == {(8, 1): [4]}
    session.track()
    first = bits(session, "disc")
    session.click("disc", 12, [(48, 32, True)])
    assert beyond(work, network) == {(12, 1): [4, 8]}
    assert session.track().tracked == {"disc": 7 + 4 + 4}  # 13-19 and 11-8; 9-12 without what lies behind
    assert {frame: bits(session, "disc")[frame] for frame in range(9)} == {frame: first[frame] for frame in range(9)}
    session.click("disc", 8, [(41, 33, True)])
    assert session.track().tracked == {"disc": 7 + 4 + 4}  # 13-19, which remember it, 9-12 and 7-4


def test_first_prompts_decide_alone(session: Session, work: Shot) -> None:
    mark(session)
    assert beyond(work, session.network.key) == {}


def test_passes_show_how_far_they_went_astray(session: Session, work: Shot) -> None:
    """They land on each other's keyframe, and the one that comes nearer counts for more."""
    session.click("disc", 0, [(24, 32, True)])
    mask = np.zeros((64, 96), np.float32)
    mask[10:30, 20:50] = 1
    session.mask("disc", 10, mask > 0)
    session.track()
    results, entry = session.results, work.object("disc")
    place = results.place(entry, 5)
    ends = [(results.passes(entry, place, 10)[0], 10), (results.passes(entry, place, 0)[1], 0)]
    found = []
    for landed, frame in ends:
        assert landed is not None
        answer = results.answer(entry.keyframes[frame])
        cells = results.network.config.logit_size
        found.append(missed(landed.through(answer.window, cells, results.plate), answer.result))
    assert max(found) > 0
    clicked = results.answer(entry.keyframes[0]).result
    assert results.drifts(entry, place) == (Drift((1 - clicked.iou) / 2, found[0]), Drift(0, found[1]))


def test_streams_know_whether_they_start_from_a_drawn_mask(session: Session, work: Shot) -> None:
    session.click("disc", 0, [(24, 32, True)])
    mask = np.zeros((64, 96), np.float32)
    mask[10:30, 20:50] = 1
    work.add_mask("disc", 8, mask)
    session.track()
    streams = streams_of(work.document, work.object("disc"), session.network.key)
    assert {(stream.start.frame, stream.start.drawn) for stream in streams} == {(0, False), (8, True)}


def test_unknown_settings_are_refused(work: Shot) -> None:
    work.set_tracking(TrackingSettings(policy="hope"))
    with pytest.raises(PromptError, match="no memory policy 'hope'"):
        Session(work)
    work.set_tracking(TrackingSettings(precision="int2"))
    with pytest.raises(ModelError, match="the precision 'int2' is not one of"):
        Session(work)


def test_a_session_that_cannot_begin_lets_go_of_the_footage(work: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    plain = session_module.open_reference

    def noted(*words: Any) -> Any:
        footage = plain(*words)
        monkeypatch.setattr(footage, "close", lambda: closed.append("footage"))
        return footage

    monkeypatch.setattr(session_module, "open_reference", noted)
    (work.folder / MASKLETS).write_text("in the way")
    with pytest.raises(OSError, match="exists"):
        Session(work, device="cpu")
    assert closed == ["footage"]


def test_masklets_are_let_go_of_though_the_footage_fails(work: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    opened = Session(work, device="cpu")
    monkeypatch.setattr(opened.results, "close", lambda: closed.append("results"))
    with monkeypatch.context() as patch:
        patch.setattr(opened.footage, "close", fail)
        with pytest.raises(OSError, match="no space"):
            opened.close()
    assert closed == ["results"]


def test_a_shot_that_cannot_be_written_is_let_go_of(work: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    work.add_object("fox")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(ShotError, match="cannot be written"):
            work.close()
    with pytest.raises(ShotError, match="is closed"):
        work.add_object("dog")
    with Shot(work.folder) as again:
        assert [entry.name for entry in again.document.objects] == ["fox"]


def fail(*_: object) -> None:
    raise OSError(28, "no space left on device")
