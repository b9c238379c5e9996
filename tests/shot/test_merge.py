"""Two people's copies of a shot, and footage that has moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from compositing.errors import FootageError
from compositing.footage.writer import write_movie
from sam2_roto.errors import ShotError
from sam2_roto.shot import Shot
from sam2_roto.shot.document_file import LOCK
from sam2_roto.shot.merge import _copy_sparse, merge
from sam2_roto.shot.session import Session, TrackReport


@pytest.fixture
def copy(work: Shot, tmp_path: Path) -> Path:
    """The other person's copy, made when each had marked two objects."""
    work.add_click("disc", 0, 24, 32)
    work.add_click("block", 4, 66, 48)
    shutil.copytree(work.folder, tmp_path / "theirs.roto", ignore=shutil.ignore_patterns(LOCK))
    return tmp_path / "theirs.roto"


def test_what_one_side_changed_is_taken_from_it(work: Shot, copy: Path) -> None:
    work.add_click("block", 9, 60, 48)
    with Shot(copy) as theirs:
        theirs.add_click("disc", 7, 38, 32)
        theirs.add_click("ground", 3, 5, 60)
        disc, ground = theirs.object("disc"), theirs.object("ground")
    block = work.object("block")
    report = merge(work, copy)
    assert (report.changed, report.added, report.removed) == (["disc"], ["ground"], [])
    assert [entry for entry in work.document.objects] == [disc, block, ground]  # noqa: C416
    assert work.undo() == "merge theirs.roto"
    assert 7 not in work.object("disc").keyframes
    assert merge(work, copy).added == ["ground"]
    assert merge(work, copy).added == []


def test_where_both_changed_an_object_someone_must_say(work: Shot, copy: Path) -> None:
    work.add_click("disc", 9, 42, 32)
    with Shot(copy) as theirs:
        theirs.add_click("disc", 7, 38, 32)
    before = work.document
    with pytest.raises(ShotError, match="both shots changed 'disc'; say whose counts with --take NAME=ours"):
        merge(work, copy)
    assert work.document == before
    merge(work, copy, {"disc": "ours"})
    assert work.document == before
    merge(work, copy, {"disc": "theirs"})
    assert list(work.object("disc").keyframes) == [0, 7]


def test_removed_objects_and_taken_names(work: Shot, copy: Path) -> None:
    work.add_click("sky", 3, 50, 3)
    with Shot(copy) as theirs:
        theirs.remove_object("block")
        theirs.add_click("sky", 5, 70, 3)
    report = merge(work, copy)
    assert report.removed == ["block"]
    assert report.renamed == {"sky": "sky_2"}
    assert [entry.name for entry in work.document.objects] == ["disc", "sky", "sky_2"]


def test_what_was_tracked_comes_along(work: Shot, copy: Path) -> None:
    mask = np.zeros((64, 96), bool)
    mask[5:20, 5:20] = True
    with Shot(copy) as theirs, Session(theirs, device="cpu") as session:
        theirs.add_mask("ground", 10, mask)
        session.track()
    merge(work, copy)
    with Session(work, device="cpu") as session:
        assert session.track() == TrackReport()


def test_another_shot_cannot_be_merged(work: Shot, tmp_path: Path) -> None:
    write_movie(tmp_path / "other.mp4", np.zeros((20, 64, 96, 3), np.uint8), 24)
    Shot.new(tmp_path / "other", tmp_path / "other.mp4").close()
    with pytest.raises(ShotError, match=r"is of other footage, other\.mp4"):
        merge(work, tmp_path / "other.roto")


def test_moved_footage_is_found_again(shot: Path, tmp_path: Path) -> None:
    place = tmp_path / "plates" / "a.mp4"
    place.parent.mkdir()
    shutil.copy(shot, place)
    with Shot.new(tmp_path / "work", place) as work:
        assert work.document.footage.path == "../plates/a.mp4"
        place.rename(tmp_path / "b.mp4")
        with pytest.raises(FootageError, match=r"give 'sam2-roto shot relink' its new place"):
            Session(work)
        identity = work.document.footage.identity
        work.relink(tmp_path / "b.mp4")
        assert work.document.footage.path == "../b.mp4"
        assert work.document.footage.identity == identity
        (tmp_path / "b.mp4").rename(tmp_path / "plates" / "c.mp4")
    with Shot(tmp_path / "work.roto", read_only=True) as seen, pytest.raises(FootageError, match=r"b\.mp4"):
        Session(seen)


def test_footage_beside_the_shot_is_found_by_its_name(shot: Path, tmp_path: Path) -> None:
    (tmp_path / "plates").mkdir()
    shutil.copy(shot, tmp_path / "plates" / "a.mp4")
    with Shot.new(tmp_path / "work", tmp_path / "plates" / "a.mp4") as work:
        (tmp_path / "plates" / "a.mp4").rename(tmp_path / "a.mp4")
        with Session(work) as session:
            assert session.footage.last == 19


def test_other_footage_is_refused_unless_it_shall_take_over(work: Shot, tmp_path: Path) -> None:
    write_movie(tmp_path / "other.mp4", np.full((20, 64, 96, 3), 90, np.uint8), 24)
    with pytest.raises(ShotError, match=r"is not the footage that work\.roto was made with"):
        work.relink(tmp_path / "other.mp4")
    before = work.document.footage.identity
    work.relink(tmp_path / "other.mp4", replace_footage=True)
    assert work.document.footage.identity != before
    write_movie(tmp_path / "short.mp4", np.zeros((9, 64, 96, 3), np.uint8), 24)
    with pytest.raises(ShotError, match="has other frames or another size"):
        work.relink(tmp_path / "short.mp4", replace_footage=True)


def test_masklets_keep_their_holes(tmp_path: Path) -> None:
    source, target = tmp_path / "source.masklet", tmp_path / "target.masklet"
    with source.open("wb") as file:
        file.write(b"\1" * 5000)
        file.seek(1 << 22)
        file.write(b"\2")
        file.truncate((1 << 23) + 3)
    _copy_sparse(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_blocks * 512 < 1 << 20
