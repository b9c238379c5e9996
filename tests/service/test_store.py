"""The tables outlive the process."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sam2_roto.errors import ServiceError
from sam2_roto.service import store
from sam2_roto.service.job import Job
from sam2_roto.service.store import ShotRow, Store


def test_what_was_put_is_found_again(tmp_path: Path) -> None:
    job = Job("shot", "export", {"output": "/ü", "range": [1, 2]}, priority=-3)
    first = Store(tmp_path / "base.db")
    first.put(job)
    first.add_folder("/b")
    first.add_folder("/a")
    first.add_folder("/a")
    first.add_shot(ShotRow("2", "/x.roto"))
    first.add_shot(ShotRow("1", "/y.roto"))
    job.state, job.result, job.ended, job.done = "done", {"files": ["a"]}, 5.5, 7
    first.put(job)  # first is not closed: the process died
    second = Store(tmp_path / "base.db")
    assert second.jobs() == [job]
    assert second.folders() == ["/a", "/b"]
    assert second.shots() == [ShotRow("2", "/x.roto"), ShotRow("1", "/y.roto")]
    second.remove_folder("/a")
    second.remove_shot("2")
    assert (second.folders(), [row.id for row in second.shots()]) == (["/b"], ["1"])
    second.close()
    first.close()


def test_it_is_synced_at_every_commit(tmp_path: Path) -> None:
    opened = Store(tmp_path / "base.db")
    assert opened._base.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert opened._base.execute("PRAGMA synchronous").fetchone()[0] == 2
    opened.close()


def test_old_jobs_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT", 2)
    opened = Store(tmp_path / "base.db")
    for number in range(5):
        opened.put(Job("shot", "track", id=str(number), created=number, state="queued" if number == 0 else "done"))
    opened.prune()
    assert [job.id for job in opened.jobs()] == ["0", "3", "4"]
    opened.close()


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "base.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(ServiceError, match="move it away"):
        Store(path)


def test_a_newer_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "base.db"
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA user_version = {store.FORMAT + 1}")
    base.close()
    with pytest.raises(ServiceError, match="newer version"):
        Store(path)
