"""What a worker finds goes into the shot as far as the artist said nothing else there meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sam2_roto.service.found import difference, with_found
from sam2_roto.shot import edits
from sam2_roto.shot.document import Answer, Cut, Document, FootageReference

ANSWER = Answer("digest", "network")


@pytest.fixture
def asked() -> Document:
    """Two objects, each with a click that no one has answered."""
    document = Document(FootageReference("a.mp4", "a.mp4", 1, "x", 96, 64, 0, 19))
    for name in ("disc", "block"):
        document = edits.add_points(edits.with_object(document, name), name, 3, [(10.0, 20.0, True)])
    return document


def answered(document: Document, *names: str) -> Document:
    found = {(document.object(name).id, 3): (ANSWER, None) for name in names}
    return edits.set_answers(document, found)


def through_json(found: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(found))
    return read


def test_answers_go_in(asked: Document) -> None:
    found = through_json(difference(asked, answered(asked, "disc", "block")))
    assert with_found(asked, found) == answered(asked, "disc", "block")
    assert len(found["answers"]) == 2


def test_one_that_was_clicked_again_keeps_what_was_said(asked: Document) -> None:
    found = through_json(difference(asked, answered(asked, "disc", "block")))
    clicked = edits.add_points(asked, "disc", 3, [(11.0, 20.0, False)])
    assert with_found(clicked, found) == answered(clicked, "block")


def test_one_that_is_gone_stays_away(asked: Document) -> None:
    found = through_json(difference(asked, answered(asked, "disc", "block")))
    gone = edits.remove_object(asked, "disc")
    assert with_found(gone, found) == answered(gone, "block")
    cleared = edits.clear_keyframe(asked, "disc", 3)
    assert with_found(cleared, found) == answered(cleared, "block")


def test_other_edits_do_not_matter(asked: Document) -> None:
    found = through_json(difference(asked, answered(asked, "disc")))
    moved = replace(edits.set_object(asked, "disc", rename="sun", colour="#000000"), recipe={"edge_width": 2.0})
    assert with_found(moved, found).object("sun").keyframes[3].answer == ANSWER


def test_cuts_go_in_where_no_one_looked_for_them(asked: Document) -> None:
    cuts = edits.set_cuts(asked, [Cut(7, "dissolve")])
    found = through_json(difference(asked, cuts))
    assert with_found(asked, found) == cuts
    opened = edits.open_cut(edits.set_cuts(asked, [Cut(7)]), 7)
    assert with_found(opened, found) == opened


def test_nothing_is_found_where_nothing_changed(asked: Document) -> None:
    assert difference(asked, asked) == {"answers": [], "cuts": None}
