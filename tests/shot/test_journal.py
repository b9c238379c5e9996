"""The journal: what is on disk after crashes, damage, long histories and older formats."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from sam2_roto.errors import ShotError
from sam2_roto.shot import Shot, edits, journal
from sam2_roto.shot.document import Document, FootageReference
from sam2_roto.shot.durable import write_whole
from sam2_roto.shot.schema import FORMAT, to_json

FOOTAGE = FootageReference("../clip.mp4", "clip.mp4", 1, "00", width=96, height=64, first=0, last=19)
FORMAT1 = Path(__file__).with_name("format1.roto")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "a.roto"
    place.mkdir()
    journal.create(place, to_json(Document(FOOTAGE)))
    return place


def lines(folder: Path) -> list[bytes]:
    return (folder / "journal-1.jsonl").read_bytes().splitlines(keepends=True)


def test_an_edit_is_on_disk_when_the_call_returns(folder: Path) -> None:
    with Shot(folder) as shot:
        shot.add_click("dog", 3, 10, 20)
        with Shot(folder, read_only=True) as seen:
            assert seen.document == shot.document
            assert seen.history.undoable == "click dog 3"


def test_one_process_writes_at_a_time(folder: Path) -> None:
    with Shot(folder):
        with pytest.raises(ShotError, match="open in another program"):
            Shot(folder)
        with pytest.raises(ShotError, match="opened to be read"), Shot(folder, read_only=True) as seen:
            seen.add_object("dog")
    with Shot(folder) as shot:
        shot.add_object("dog")
    with pytest.raises(ShotError, match="is closed"):
        shot.add_object("cat")


def test_a_crash_within_a_line_loses_that_line_alone(folder: Path) -> None:
    title = (folder / "shot.json").read_bytes()
    with Shot(folder) as shot:
        for name in ("dog", "cat", "bird"):
            before = shot.document
            shot.add_object(name)
    whole = lines(folder)
    for cut in (0, 1, 8, 9, 30, len(whole[2]) - 1):
        (folder / "shot.json").write_bytes(title)
        (folder / "journal-1.jsonl").write_bytes(b"".join(whole[:2]) + whole[2][:cut])
        with Shot(folder) as shot:
            assert shot.document == before
            shot.add_object("fox")
        with Shot(folder) as shot:
            assert [entry.name for entry in shot.document.objects] == ["dog", "cat", "fox"]


def test_shot_json_tells_the_latest_state_now_and_then(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "CHECKPOINT", 2)
    with Shot(folder) as shot:
        told = []
        for name in ("dog", "cat", "bird"):
            shot.add_object(name)
            told.append(json.loads((folder / "shot.json").read_text())["entries"])
    assert told == [0, 2, 2]
    assert json.loads((folder / "shot.json").read_text())["entries"] == 3


def test_a_crash_while_shot_json_is_written_leaves_the_old_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Shot(folder) as shot:
        shot.add_object("dog")
        document = shot.document
        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(ShotError, match=r"shot\.json cannot be written: no"):
            shot._writing().checkpoint()
        monkeypatch.undo()
        (folder / ".shot.json.0123.part").write_text("half")
    old = time.time() - 2 * journal.LEFT
    os.utime(folder / ".shot.json.0123.part", (old, old))
    with Shot(folder) as shot:
        assert shot.document == document
    assert not list(folder.glob(".*"))


def test_what_another_process_is_writing_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    young, gone = folder / "answers" / ".a.npz.0123.part", folder / "answers" / ".b.npz.4567.part"
    young.parent.mkdir(exist_ok=True)
    young.write_text("half")
    found = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda path, pattern: [*found(path, pattern), gone])  # finished since
    with Shot(folder):
        assert young.exists()


def fail(*_: object) -> None:
    raise OSError(28, "no space left on device")


def test_a_full_disk_refuses_the_edit_and_keeps_the_shot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Shot(folder) as shot:
        shot.add_object("dog")
        before = shot.document
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(ShotError, match="no space left on device; check the folder's permissions"):
            shot.add_object("cat")
        monkeypatch.undo()
        assert shot.document == before
        shot.add_object("bird")
    with Shot(folder) as shot:
        assert [entry.name for entry in shot.document.objects] == ["dog", "bird"]


def test_damage_is_told(folder: Path, tmp_path: Path) -> None:
    with Shot(folder) as shot:
        for name in ("dog", "cat", "bird"):
            shot.add_object(name)
    whole = lines(folder)
    (folder / "journal-1.jsonl").write_bytes(whole[0] + b"x" + whole[1] + whole[2])
    with pytest.raises(ShotError, match=r"line 2 of .* is damaged"):
        Shot(folder)
    (folder / "journal-1.jsonl").write_bytes(whole[0])
    with pytest.raises(ShotError, match="is cut short"):
        Shot(folder)
    (folder / "journal-1.jsonl").unlink()
    with pytest.raises(ShotError, match="has lost its journal"):
        Shot(folder)
    (folder / "shot.json").write_text("{")
    with pytest.raises(ShotError, match=r"shot\.json is damaged"):
        Shot(folder)
    with pytest.raises(ShotError, match="there is no shot"):
        Shot(tmp_path / "b.roto")


def test_a_newer_format_is_refused(folder: Path) -> None:
    title = json.loads((folder / "shot.json").read_text())
    (folder / "shot.json").write_text(json.dumps({**title, "format": FORMAT + 1}))
    with pytest.raises(ShotError, match=f"is of format {FORMAT + 1}, and this version reads up to {FORMAT}"):
        Shot(folder)


def test_a_long_journal_is_shortened_and_can_still_be_undone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LONGEST", 12)
    monkeypatch.setattr(journal, "KEPT", 5)
    with Shot(folder) as shot:
        for frame in range(15):
            shot.add_click("dog", frame, 10, 20)
        shot.undo()
        shot.undo()
        document = shot.document
    with Shot(folder) as shot:
        assert shot.document == document
        assert len(list(folder.glob("journal-*.jsonl"))) == 1
        assert (folder / "journal-2.jsonl").exists()
        assert [shot.undo() for _ in range(6)] == [f"click dog {frame}" for frame in (12, 11, 10, 9, 8)] + [None]
        assert [shot.redo() for _ in range(8)][-2:] == ["click dog 14", None]


def test_a_crash_while_a_journal_is_shortened_leaves_the_long_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Shot(folder) as shot:
        for frame in range(15):
            shot.add_click("dog", frame, 10, 20)
        document = shot.document
    monkeypatch.setattr(journal, "LONGEST", 12)
    monkeypatch.setattr(journal, "_write_shot", fail)
    with pytest.raises(OSError, match="no space"):
        Shot(folder)
    assert (folder / "journal-2.jsonl").exists()
    monkeypatch.undo()
    with Shot(folder) as shot:
        assert shot.document == document
        assert not (folder / "journal-2.jsonl").exists()


def test_format_1_is_migrated_with_its_history(tmp_path: Path) -> None:
    folder = tmp_path / "old.roto"
    shutil.copytree(FORMAT1, folder)
    with Shot(folder, read_only=True) as seen:
        assert seen.document.cuts is None
        assert seen.document.settings.crop == "none"  # it was tracked on the whole plate
        assert json.loads((folder / "shot.json").read_text())["format"] == 1
    with Shot(folder) as shot:
        assert shot.document == seen.document
        assert shot.object("cat").keyframes[8].strokes[0].radius == 2.5
        assert shot.redo() == "set cat visible=False"
        labels = [shot.undo() for _ in range(6)]
        assert labels == ["set cat visible=False", "paint cat 8", "click dog 7", "box cat 5", "click dog 0", None]
        assert shot.document.objects == ()
    assert json.loads((folder / "shot.json").read_text())["format"] == FORMAT


def test_an_edit_that_changes_nothing_is_none(folder: Path) -> None:
    with Shot(folder) as shot:
        shot.edit("nothing", lambda old: edits.set_range(old, None))
        assert shot.history.undoable is None


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "a", b"first")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ShotError, match="cannot be written"):
        write_whole(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
