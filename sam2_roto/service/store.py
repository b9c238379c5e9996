"""What outlives the service: opened folders, the list of shots and the table of jobs, in SQLite.

What a call wrote is on disk when the call returns, also after a power cut (write-ahead log, synced at every commit).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from sam2_roto.errors import ServiceError

from .job import Job

FORMAT = 1
"""Version of the tables, in SQLite's ``user_version``."""

KEPT = 1000
"""Jobs that are over and that a service still lists when it starts."""

_TABLES = """
CREATE TABLE IF NOT EXISTS folders (path TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS shots (id TEXT PRIMARY KEY, folder TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, shot TEXT NOT NULL, kind TEXT NOT NULL, options TEXT NOT NULL, priority INTEGER NOT NULL,
    state TEXT NOT NULL, stage TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
    created REAL NOT NULL, started REAL, ended REAL, error TEXT, result TEXT
);
"""

_COLUMNS = (
    *("id", "shot", "kind", "options", "priority", "state", "stage", "done", "total"),
    *("created", "started", "ended", "error", "result"),
)

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ShotRow(NamedTuple):
    """A shot that the service knows."""

    id: str
    folder: str


def _guarded(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """SQLite's complaints as ServiceError."""

    def guarded(*args: _P.args, **words: _P.kwargs) -> _T:
        try:
            return method(*args, **words)
        except sqlite3.Error as error:
            raise ServiceError(f"the service's table of jobs cannot be used ({error}); check the disk") from error

    return guarded


class Store:
    """The tables of one service, used by one thread at a time. Raises ServiceError where the file is no good."""

    def __init__(self, path: Path) -> None:
        try:
            self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            found = self._base.execute("PRAGMA user_version").fetchone()[0]
            if found > FORMAT:
                raise ServiceError(f"{path} is of a newer version; install that one, or move the file away")
            self._base.executescript(f"{_TABLES} PRAGMA user_version = {FORMAT};")
        except sqlite3.Error as error:
            raise ServiceError(f"{path} cannot be used ({error}); move it away, and a new one is made") from error

    @_guarded
    def folders(self) -> list[str]:
        """The opened folders, in the order of their names."""
        return [row[0] for row in self._base.execute("SELECT path FROM folders ORDER BY path")]

    @_guarded
    def add_folder(self, path: str) -> None:
        """Keep a folder as opened."""
        self._base.execute("INSERT OR IGNORE INTO folders VALUES (?)", (path,))

    @_guarded
    def remove_folder(self, path: str) -> None:
        """Forget a folder."""
        self._base.execute("DELETE FROM folders WHERE path = ?", (path,))

    @_guarded
    def shots(self) -> list[ShotRow]:
        """The shots, the oldest first."""
        return [ShotRow(*row) for row in self._base.execute("SELECT id, folder FROM shots ORDER BY rowid")]

    @_guarded
    def add_shot(self, row: ShotRow) -> None:
        """Keep a shot in the list."""
        self._base.execute("INSERT INTO shots VALUES (?, ?)", row)

    @_guarded
    def remove_shot(self, identity: str) -> None:
        """Take a shot out of the list."""
        self._base.execute("DELETE FROM shots WHERE id = ?", (identity,))

    @_guarded
    def jobs(self) -> list[Job]:
        """All jobs, the oldest first."""
        rows = self._base.execute(f"SELECT {', '.join(_COLUMNS)} FROM jobs ORDER BY created, rowid")
        return [_job(dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    @_guarded
    def put(self, job: Job) -> None:
        """Keep a job as it is now."""
        values = {**vars(job), "options": json.dumps(job.options)}
        values["result"] = None if job.result is None else json.dumps(job.result)
        places = ", ".join(f":{name}" for name in _COLUMNS)
        changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
        self._base.execute(
            f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {changes}",
            {name: values[name] for name in _COLUMNS},
        )

    @_guarded
    def prune(self) -> None:
        """Forget the oldest jobs that are over, beyond the number that is kept."""
        over = "SELECT id FROM jobs WHERE state IN ('done', 'failed', 'cancelled') ORDER BY created DESC"
        self._base.execute(f"DELETE FROM jobs WHERE id IN ({over} LIMIT -1 OFFSET {KEPT})")

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()


def _job(row: dict[str, object]) -> Job:
    options, result = str(row.pop("options")), row.pop("result")
    read = None if result is None else json.loads(str(result))
    return Job(options=json.loads(options), result=read, **row)  # type: ignore[arg-type]
