"""Documents, their schema, edits, undo and redo."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compositing.errors import CompositingError
from compositing.footage.frames import FrameRange
from sam2_roto.errors import PromptError, ShotError
from sam2_roto.shot import Cut, Document, Shot, Stroke, TrackingSettings, edits, journal
from sam2_roto.shot.document import Answer, FootageReference
from sam2_roto.shot.history import Edit, History
from sam2_roto.shot.patch import apply, difference, inverse
from sam2_roto.shot.schema import from_json, to_json

FOOTAGE = FootageReference("../clip.mp4", "clip.mp4", 1, "00", width=96, height=64, first=0, last=19)
EMPTY = Document(FOOTAGE)


@pytest.fixture(autouse=True, scope="module")
def _unsynced() -> Iterator[None]:
    """Hundreds of edits are made here, and none of them has to survive a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        yield


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
keys = st.sampled_from(["a", "b", "0"])
trees = st.recursive(scalars | st.lists(scalars, max_size=2), lambda inner: st.dictionaries(keys, inner), max_leaves=4)
documents = st.dictionaries(keys, trees)

names = st.sampled_from(["dog", "cat", "bird"])
frames = st.integers(-1, 20)
coordinates = st.floats(-4, 100, allow_nan=False)


@given(documents, documents)
def test_a_difference_leads_to_the_other_document_and_back(old: dict[str, Any], new: dict[str, Any]) -> None:
    patch = difference(old, new)
    assert json.dumps(apply(old, patch), sort_keys=True) == json.dumps(new, sort_keys=True)
    assert json.dumps(apply(new, inverse(patch)), sort_keys=True) == json.dumps(old, sort_keys=True)


def test_a_difference_names_what_changed_alone() -> None:
    before = edits.add_points(edits.add_object(EMPTY, "dog"), "dog", 3, [(1, 2, True)])
    after = edits.add_points(before, "dog", 9, [(5, 6, False)])
    (change,) = difference(to_json(before), to_json(after))
    assert change == {
        "path": ["objects", before.object("dog").id, "keyframes", "9"],
        "new": {"points": [[5, 6, False]]},
    }


def test_a_patch_for_another_document_is_refused() -> None:
    with pytest.raises(ShotError, match="a/b does not fit"):
        apply({"a": {"b": 2}}, [{"path": ["a", "b"], "old": 1, "new": 3}])


def rich() -> Document:
    """A document with something of everything."""
    document = edits.add_object(edits.add_object(EMPTY, "dog"), "cat", "#112233")
    document = edits.add_points(document, "dog", 7, [(1.5, 2, True), (3, 4, False)])
    document = edits.set_box(document, "dog", 7, (1, 2, 30, 40))
    document = edits.set_mask(document, "cat", 2, "abc")
    document = edits.add_strokes(document, "cat", 2, [Stroke(((1, 2), (3, 4)), 2.5, positive=False)])
    answers = {(document.object("dog").id, 7): (Answer("d", "n", "p"), "s")}
    document = edits.lock_frame(edits.set_answers(document, answers), "dog", 7)
    document = edits.set_object(document, "cat", visible=False, locked=True)
    document = edits.set_cuts(document, [Cut(12), Cut(5, "dissolve", open=True)])
    return edits.set_range(document, FrameRange(2, 15))


def test_documents_come_back_from_json() -> None:
    document = rich()
    assert from_json(json.loads(json.dumps(to_json(document)))) == document


@pytest.mark.parametrize(
    ("place", "value"),
    [("frames", [3]), ("order", ["?"]), ("settings", {"mode": 1}), ("cuts", [{"at": 3}]), ("objects", [])],
)
def test_wrong_schema_is_refused(place: str, value: object) -> None:
    with pytest.raises(ShotError, match="does not follow its schema"):
        from_json({**to_json(rich()), place: value})


def test_an_object_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ShotError, match="lists other objects"):
        from_json({**to_json(rich()), "order": []})


def test_takes_lie_between_closed_cuts() -> None:
    assert [str(take) for take in rich().takes] == ["2-11", "12-15"]
    assert [str(take) for take in edits.open_cut(rich(), 12).takes] == ["2-15"]
    assert [str(take) for take in edits.open_cut(rich(), 5, False).takes] == ["2-4", "5-11", "12-15"]


def test_locked_objects_and_frames_do_not_change() -> None:
    document = rich()
    for change in (
        lambda: edits.add_points(document, "cat", 4, [(1, 1, True)]),
        lambda: edits.remove_object(document, "cat"),
        lambda: edits.set_object(document, "cat", rename="kitten"),
        lambda: edits.add_points(document, "dog", 7, [(1, 1, True)]),
        lambda: edits.set_mask(document, "dog", 7, "x"),
        lambda: edits.clear_keyframe(document, "dog", 7),
    ):
        with pytest.raises(ShotError, match="is locked; unlock it first"):
            change()
    free = edits.unlock_frame(edits.set_object(document, "cat", locked=False), "dog", 7)
    assert 7 not in edits.clear_keyframe(free, "dog", 7).object("dog").keyframes
    assert edits.set_object(free, "cat", rename="kitten").object("kitten").colour == "#112233"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: edits.add_points(d, "dog", 3, [(96, 5, True)]), "the click 96,5 of 'dog' on frame 3 lies outside"),
        (lambda d: edits.add_points(d, "dog", 3, [(float("nan"), 5, True)]), "lies outside the plate"),
        (lambda d: edits.add_points(d, "dog", 20, [(9, 5, True)]), "has the frames 0-19"),
        (lambda d: edits.set_box(d, "dog", 3, (9, 9, 9, 12)), "is empty; give two opposite corners"),
        (lambda d: edits.set_box(d, "dog", 3, (99, 9, 120, 12)), "lies outside the plate"),
        (lambda d: edits.add_object(d, "dog"), "an object 'dog' already"),
        (lambda d: edits.add_object(d, "the dog"), "cannot name an object"),
        (lambda d: edits.set_object(d, "dog", colour="red"), "'red' is not a colour"),
        (lambda d: edits.add_points(d, "fox", 3, [(9, 5, True)]), "no object 'fox'; its objects are: dog"),
        (lambda d: edits.clear_keyframe(d, "dog", 3), "no prompt on frame 3"),
        (lambda d: edits.lock_frame(d, "dog", 3), "no matte on frame 3 to lock"),
        (lambda d: edits.unlock_frame(d, "dog", 3), "frame 3 of 'dog' is not locked"),
        (lambda d: edits.set_range(d, FrameRange(4, 30)), "the range 4-30 is not within the footage, 0-19"),
        (lambda d: edits.set_cuts(d, [Cut(0)]), "a cut before frame 0 is not within"),
        (lambda d: edits.open_cut(d, 8), "no cut before frame 8; the cuts are: none"),
        (lambda d: edits.add_strokes(d, "dog", 3, [Stroke(((0, float("inf")),), 2)]), "a point that is not a number"),
    ],
)
def test_wrong_edits_are_refused_in_a_sentence(change: Any, words: str) -> None:
    with pytest.raises((PromptError, ShotError), match=words):
        change(edits.add_object(EMPTY, "dog"))


@pytest.mark.parametrize(("points", "radius"), [((), 2.0), (((1, 1),), 0.0), (((1, 1),), float("nan"))])
def test_strokes_that_paint_nothing_are_refused(points: Any, radius: float) -> None:
    with pytest.raises(PromptError):
        Stroke(points, radius)


def test_a_painted_frame_takes_no_clicks() -> None:
    document = edits.set_mask(edits.add_object(EMPTY, "dog"), "dog", 3, "abc")
    with pytest.raises(PromptError, match="is painted on frame 3"):
        edits.add_points(document, "dog", 3, [(1, 1, True)])


def test_more_clicks_correct_the_answer_that_was_there() -> None:
    document = edits.add_points(edits.add_object(EMPTY, "dog"), "dog", 3, [(1, 1, True)])
    answered = edits.set_answers(document, {(document.object("dog").id, 3): (Answer("first", "n"), None)})
    said = edits.add_points(answered, "dog", 3, [(2, 2, False)]).object("dog").keyframes[3]
    assert (said.answer, said.seen, len(said.points)) == (None, "first", 2)
    boxed = edits.set_box(answered, "dog", 3, (0, 0, 9, 9)).object("dog").keyframes[3]
    assert (boxed.seen, boxed.waits) == (None, False)


def test_joined_edits_are_undone_together() -> None:
    history, document = History(), {"a": 0}
    for number, joined in ((1, False), (2, False), (3, True), (4, True), (5, False)):
        patch = difference(document, {"a": number})
        document = apply(document, patch)
        history.push(Edit(str(number), f"set {number}", patch, joined))
    assert history.undoable == "set 5"
    steps = []
    while history.undoable:
        document = history.undo(document)
        steps.append(document["a"])
    assert steps == [4, 1, 0]
    steps = []
    while history.redoable:
        document = history.redo(document)
        steps.append(document["a"])
    assert steps == [1, 4, 5]
    assert [state["a"] for state in history.states(document)] == [0, 1, 2, 3, 4, 5]


commands = st.one_of(
    st.tuples(st.just("click"), names, frames, coordinates, coordinates, st.booleans()),
    st.tuples(st.just("box"), names, frames, coordinates, coordinates),
    st.tuples(st.just("paint"), names, frames, coordinates, coordinates),
    st.tuples(st.just("clear"), names, frames),
    st.tuples(st.just("add"), names),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("hide"), names, st.booleans()),
    st.tuples(st.just("lock"), names, st.booleans()),
    st.tuples(st.just("range"), frames, frames),
    st.tuples(st.just("cuts"), st.lists(frames, max_size=3)),
    st.tuples(st.just("tracking"), st.sampled_from(["plain", "motion"])),
    st.tuples(st.just("recipe"), st.integers(0, 3)),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)


CARRY_OUT: dict[str, Callable[..., object]] = {
    "click": Shot.add_click,
    "box": lambda shot, name, frame, x, y: shot.add_box(name, frame, (x, y, x + 8, y + 9)),
    "paint": lambda shot, name, frame, x, y: shot.add_strokes(name, frame, [Stroke(((x, y), (y, x)), 3)]),
    "clear": Shot.clear,
    "add": Shot.add_object,
    "remove": Shot.remove_object,
    "rename": lambda shot, name, new: shot.set_object(name, rename=new),
    "hide": lambda shot, name, visible: shot.set_object(name, visible=visible),
    "lock": lambda shot, name, locked: shot.set_object(name, locked=locked),
    "range": lambda shot, first, last: shot.set_range(FrameRange(first, last)),
    "cuts": lambda shot, cuts: shot.set_cuts([Cut(frame) for frame in cuts]),
    "tracking": lambda shot, policy: shot.set_tracking(TrackingSettings(policy=policy)),
    "recipe": lambda shot, width: shot.set_recipe({"edge_width": width, "steps": []}),
    "undo": Shot.undo,
    "redo": Shot.redo,
}
"""One edit as a person would ask for it, whether it makes sense or not."""


@settings(max_examples=100)
@given(st.lists(commands, max_size=25), st.integers(0, 25))
def test_all_undone_is_the_first_state_and_all_redone_the_last(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[Any, ...]], reopened: int
) -> None:
    folder = tmp_path_factory.mktemp("undo") / "a.roto"
    folder.mkdir()
    journal.create(folder, to_json(EMPTY))
    shot = Shot(folder)
    for number, command in enumerate(said):
        if number == reopened:
            shot.close()
            shot = Shot(folder)
        before = shot.document
        try:
            CARRY_OUT[command[0]](shot, *command[1:])
        except CompositingError:
            assert shot.document == before  # refused edits leave nothing behind
    last, depth = shot.document, shot.history.position
    while shot.redo():
        depth = shot.history.position
    end = shot.document
    assert depth == len(shot.history.edits)
    while shot.undo():
        pass
    assert shot.document == EMPTY
    while shot.redo():
        pass
    assert shot.document == end
    if ("undo",) not in said:
        assert end == last
    shot.close()
    with Shot(folder, read_only=True) as again:
        assert again.document == end


def test_objects_get_different_colours() -> None:
    document = EMPTY
    for number in range(8):
        document = edits.add_object(document, f"object{number}")
    assert len({entry.colour for entry in document.objects}) == 8
