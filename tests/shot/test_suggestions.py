"""Suggestions are numbered, kept, and become prompts; lassos and scribbles do too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sam2_roto.automatic import Everything, Proposal
from sam2_roto.errors import PromptError
from sam2_roto.shot import Session, Shot
from sam2_roto.shot.pictures import enclosed, read_mask
from sam2_roto.shot.suggestions import SUGGESTIONS, accept, draw, numbered, shown, suggest

EASY = Everything(points_per_side=3, iou=-1.0, stability=0.0)
"""Everything that a network of random weights answers is a suggestion."""


def square(session: Session) -> Proposal:
    """A suggestion that lies where it says."""
    height, width = session.footage.height, session.footage.width
    return Proposal(np.ones((20, 30), np.bool_), (10, 20, 40, 40), 0.9, 0.99, (25.0, 30.0), (0, 0, width, height))


def test_suggestions_are_kept_and_read_as_they_were(session: Session) -> None:
    found = suggest(session, 3, EASY)
    assert found
    assert [one.iou for one in found] == sorted((one.iou for one in found), reverse=True)
    (kept,) = (session.shot.folder / SUGGESTIONS).iterdir()
    session._model = None  # what is kept needs no network
    again = suggest(session, 3, EASY)
    assert session._model is None
    for one, other in zip(found, again, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert one[1:] == other[1:]
    kept.write_bytes(kept.read_bytes()[:100])  # as a full disk may leave it
    assert [one.box for one in suggest(session, 3, EASY)] == [one.box for one in found]


def test_the_list_that_was_shown_last_is_found_without_its_settings(session: Session) -> None:
    assert shown(session, 3) is None
    first, other = suggest(session, 3, EASY), suggest(session, 3, replace(EASY, points_per_side=2))
    assert len(first) != len(other)
    for settings, expected in ((EASY, first), (replace(EASY, points_per_side=2), other)):
        suggest(session, 3, settings)  # shown again, from the disk
        last = shown(session, 3)
        assert last is not None
        assert [one[1:] for one in last] == [one[1:] for one in expected]


def test_progress_counts_the_clicks(session: Session) -> None:
    told: list[tuple[str, int, int]] = []
    suggest(session, 4, Everything(points_per_side=3, points_per_batch=4), lambda *said: told.append(said))
    assert told == [("suggest", 4, 9), ("suggest", 8, 9), ("suggest", 9, 9)]


def test_a_suggestion_is_accepted_as_a_box_a_mask_or_a_click(session: Session) -> None:
    chosen = square(session)
    assert 0 <= accept(session, "a", 3, chosen) <= 1
    assert 0 <= accept(session, "b", 3, chosen, "click") <= 1
    assert accept(session, "c", 3, chosen, "mask") > 0.7  # the grid of a network of 64 pixels is coarse
    keyframes = {name: session.shot.object(name).keyframes[3] for name in "abc"}
    assert keyframes["a"].box == (10, 20, 40, 40)
    assert keyframes["b"].points == ((25, 30, True),)
    assert keyframes["c"].mask is not None
    mask = read_mask(session.shot.folder, keyframes["c"].mask)
    assert np.array_equal(mask > 0.5, chosen.full(mask.shape[:2]))
    assert session.shot.undo() == "mask c 3"
    assert not any(entry.name == "c" for entry in session.shot.document.objects)


def test_a_number_that_is_not_there_is_refused(session: Session) -> None:
    found = [square(session)]
    assert numbered(found, 1) is found[0]
    for number in (0, 2):
        with pytest.raises(PromptError, match=f"no suggestion {number}; the numbers are 1 to 1"):
            numbered(found, number)
    with pytest.raises(PromptError, match="frame 20 is not in"):
        suggest(session, 20)


def test_the_picture_tints_what_is_suggested_alone(session: Session) -> None:
    view = session.footage.view(3)
    picture = draw(view, [square(session)], [1])
    changed = (picture != view).any(axis=2)
    assert changed[22:38, 12:24].mean() > 0.9
    assert not changed[:10].any()


def test_a_lasso_is_the_matte_of_its_frame(work: Shot) -> None:
    work.add_lasso("disc", 2, [(10, 10), (30.5, 10), (30.5, 20), (10, 20)])
    digest = work.object("disc").keyframes[2].mask
    assert digest is not None
    mask = read_mask(work.folder, digest)
    assert mask[12:19, 12:30].min() == 1
    assert mask[:9].max() == 0
    with pytest.raises(PromptError, match="the lasso holds no pixel"):
        work.add_lasso("disc", 2, [(10, 10), (30, 10)])
    with pytest.raises(PromptError, match="the lasso holds no pixel"):
        enclosed([(-9, -9), (-3, -9), (-3, -3)], (20, 20))


def test_what_a_lasso_covers_is_its_area(work: Shot) -> None:
    size = (work.document.footage.height, work.document.footage.width)
    cover = enclosed([(10.25, 10), (40.5, 17), (22, 41)], size)
    corners = np.array([(10.25, 10), (40.5, 17), (22, 41)])
    (ax, ay), (bx, by) = corners[1] - corners[0], corners[2] - corners[0]
    assert cover.sum() == pytest.approx(abs(ax * by - ay * bx) / 2, rel=0.03)


def test_a_scribble_is_a_few_clicks_along_its_lines(work: Shot) -> None:
    work.add_scribble("disc", 2, [([(10, 10), (50, 10)], True), ([(5, 50), (60, 50)], False)])
    points = work.object("disc").keyframes[2].points
    assert {y for _, y, positive in points if positive} == {10}
    assert {y for _, y, positive in points if not positive} == {50}
    assert len(points) <= 16


def test_a_box_is_given_by_any_two_corners(work: Shot) -> None:
    work.add_box("disc", 2, (40, 50, 10, 20))
    assert work.object("disc").keyframes[2].box == (10, 20, 40, 50)
    with pytest.raises(PromptError, match="give two opposite corners"):
        work.add_box("disc", 2, (40, 50, 40, 20))
