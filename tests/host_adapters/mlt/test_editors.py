"""Projects of Kdenlive and Shotcut: their clips, what is changed in them, what is not, and how they render."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import pytest
from mlt_helpers.editors import LENGTH, kdenlive, shotcut
from mlt_helpers.melt import over, render, worst
from mlt_helpers.scenes import BACK, RATE, SIZE, matte, picture, plate, put_matte

from host_adapters.mlt.forms import Filter
from host_adapters.mlt.project import Project

LIMIT = 4.0
INVERT = (Filter("invert"),)


def lay_out(folder: Path, editor: str) -> Path:
    """A project of that editor with its footage."""
    plate(folder / "plate.mkv", SIZE, RATE, LENGTH)
    path = folder / ("edit.kdenlive" if editor == "kdenlive" else "edit.mlt")
    path.write_text(kdenlive(folder) if editor == "kdenlive" else shotcut(folder), encoding="utf-8")
    return path


def told(project: Project) -> list[tuple[str, str, str, int, int, int]]:
    return [(clip.id, clip.name, clip.track, clip.start, clip.first, clip.last) for clip in project.clips]


def test_clips_of_kdenlive(tmp_path: Path) -> None:
    project = Project.read(lay_out(tmp_path, "kdenlive"))
    assert project.flavor == "kdenlive"
    assert told(project) == [
        ("V2:1", "plate.mkv", "V2", 3, 5, 14),
        ("V2:2", "plate.mkv", "V2", 15, 20, 31),
    ]


def test_clips_of_shotcut_reach_into_their_transitions(tmp_path: Path) -> None:
    project = Project.read(lay_out(tmp_path, "shotcut"))
    assert project.flavor == "shotcut"
    assert told(project) == [
        ("V2:1", "plate.mkv", "V2 (Hero)", 3, 5, 18),
        ("V2:2", "plate.mkv", "V2 (Hero)", 17, 16, 31),
    ]


@pytest.mark.parametrize("effects", [(), INVERT])
@pytest.mark.parametrize("editor", ["kdenlive", "shotcut"])
def test_everything_else_is_unchanged(tmp_path: Path, editor: str, effects: tuple[Filter, ...]) -> None:
    path = lay_out(tmp_path, editor)
    before = path.read_bytes()
    edited, _ = put_matte(Project.read(path), "V2:1", tmp_path / "mattes", effects)
    after = edited.write(path.with_stem("edit_disc")).read_bytes()
    assert path.read_bytes() == before
    added = without_common_ends(before, after)
    assert before == after.replace(added, b"", 1)
    new, old = (ElementTree.fromstring(data) for data in (after, before))
    known = {element.get("id") for element in old.iter("filter")}
    for holder in list(new.iter()):
        for one in [child for child in holder if child.tag == "filter" and child.get("id") not in known]:
            holder.remove(one)
    assert flat(new) == flat(old)


def without_common_ends(before: bytes, after: bytes) -> bytes:
    """What was put into ``before`` in one place."""
    pairs = zip(before, after, strict=False)
    start = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return after[start : start + len(after) - len(before)]


def flat(root: ElementTree.Element) -> list[tuple[str, list[tuple[str, str]], str]]:
    return [(one.tag, list(one.attrib.items()), (one.text or "").strip()) for one in root.iter()]


@pytest.mark.parametrize("editor", ["kdenlive", "shotcut"])
def test_alpha_in_an_editors_project(tmp_path: Path, editor: str) -> None:
    path = lay_out(tmp_path, editor)
    edited, _ = put_matte(Project.read(path), "V2:1", tmp_path / "mattes")
    shown = render(edited.write(path.with_stem("edit_disc")), 13)
    errors = [
        worst(shown[3 + index], over(picture(frame, SIZE), matte(frame, SIZE), BACK))
        for index, frame in enumerate(range(5, 15))
    ]
    assert max(errors) <= LIMIT


@pytest.mark.parametrize("editor", ["kdenlive", "shotcut"])
def test_effect_in_an_editors_project(tmp_path: Path, editor: str) -> None:
    path = lay_out(tmp_path, editor)
    edited, _ = put_matte(Project.read(path), "V2:1", tmp_path / "mattes", INVERT)
    shown = render(edited.write(path.with_stem("edit_disc")), 13)
    fronts = [picture(frame, SIZE) for frame in range(5, 15)]
    wanted = [over(255 - front, matte(frame, SIZE), front) for frame, front in zip(range(5, 15), fronts, strict=True)]
    assert max(worst(frame, want) for frame, want in zip(shown[3:], wanted, strict=True)) <= LIMIT


def test_the_matte_follows_the_clip_through_a_transition(tmp_path: Path) -> None:
    path = lay_out(tmp_path, "shotcut")
    edited, frames = put_matte(Project.read(path), "V2:2", tmp_path / "mattes")
    assert frames == list(range(16, 32))
    shown = render(edited.write(path.with_stem("edit_disc")), 29)
    errors = [
        worst(shown[17 + index], over(picture(frame, SIZE), matte(frame, SIZE), BACK))
        for index, frame in enumerate(range(20, 32))
    ]
    assert max(errors) <= LIMIT


@pytest.mark.parametrize("editor", ["kdenlive", "shotcut"])
def test_the_matte_stays_on_the_picture_when_the_clip_is_trimmed(tmp_path: Path, editor: str) -> None:
    path = lay_out(tmp_path, editor)
    edited, _ = put_matte(Project.read(path), "V2:1", tmp_path / "mattes")
    text = edited.document.data.decode()
    trimmed = text.replace('in="00:00:00.200" out="00:00:00.560"', 'in="00:00:00.320" out="00:00:00.560"')
    assert trimmed != text
    path.with_stem("trimmed").write_text(trimmed, encoding="utf-8")
    shown = render(path.with_stem("trimmed"), 10)
    errors = [
        worst(shown[3 + index], over(picture(frame, SIZE), matte(frame, SIZE), BACK))
        for index, frame in enumerate(range(8, 15))
    ]
    assert max(errors) <= LIMIT
