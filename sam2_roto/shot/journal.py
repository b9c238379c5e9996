"""The journal: a document and its history on disk, safe against a crash at any moment.

    shot.json         format, name of the journal, how many of its entries are in the document, and the document
    journal-N.jsonl   one line for each edit, undo and redo: a checksum, then the entry as JSON
    lock              held by the one process that writes

A transaction is a line, appended and synced: it counts once it is whole. A line that a crash left torn at the end is no
transaction; the next writer cuts it off. ``shot.json`` is written anew now and then, under a hidden name that is
renamed: it spares reading all lines, and is the document for other programs to read. A shortened or migrated history
goes to a journal of another name first, which counts from the moment in which ``shot.json`` names it.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sam2_roto.errors import ShotError

from .durable import HIDDEN, refused, sync_folder, write_whole
from .history import History, replay
from .migration import migrated
from .schema import FORMAT

Json = dict[str, Any]

SHOT = "shot.json"
CHECKPOINT = 50
"""Entries after which ``shot.json`` is written anew."""
KEPT = 1000
"""Edits that can still be undone when a long journal is shortened."""
LONGEST = 4000
"""Entries of a journal that is shortened when it is opened to write."""
LEFT = 3600.0
"""Seconds after which a file that is still unfinished was left by a crash: others write into the folder as well."""


@dataclass(frozen=True)
class Loaded:
    """A shot as found on disk."""

    format: int
    journal: str
    document: Json
    history: History
    entries: int
    length: int
    """Bytes of whole entries in the journal."""


class Journal:
    """The open journal of the one process that may write; ``document`` and ``history`` are those in force."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = load(folder)
        self.document, self.history = found.document, found.history
        self._name, self._entries, self._noted = found.journal, found.entries, found.entries
        if found.format < FORMAT or found.entries > LONGEST:
            self._renew(found)
        self._file = self._open(found.length if self._name == found.journal else None)
        self._sweep()

    def append(self, entry: Mapping[str, Any]) -> None:
        """Carry an edit, an undo or a redo out, and keep it; when this returns, it outlives any crash."""
        history = History(list(self.history.edits), self.history.position)
        document = replay(history, self.document, [entry])
        self._write(_line(entry))
        self.document, self.history = document, history
        self._entries += 1
        if self._entries - self._noted >= CHECKPOINT:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Write ``shot.json`` anew, unless it tells the latest state already."""
        if self._noted != self._entries:
            _write_shot(self.folder, self._name, self._entries, self.document)
            self._noted = self._entries

    def close(self) -> None:
        """Write ``shot.json`` and let go of the file."""
        try:
            self.checkpoint()
        finally:
            self._file.close()

    def _write(self, line: bytes) -> None:
        length = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) < len(line):
                raise OSError(0, "no space left")
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(length)
            raise refused(self.folder / self._name, error) from error

    def _renew(self, found: Loaded) -> None:
        """Begin another journal, with the latest edits, in the present format."""
        document, history = migrated(found.format, found.document, _latest(found.history))
        number = int(found.journal.removeprefix("journal-").removesuffix(".jsonl"))
        self._name, entries = f"journal-{number + 1}.jsonl", list(_spell(history))
        write_whole(self.folder / self._name, b"".join(map(_line, entries)))
        _write_shot(self.folder, self._name, len(entries), document)
        self.document, self.history = document, history
        self._entries = self._noted = len(entries)

    def _open(self, length: int | None) -> BinaryIO:
        path = self.folder / self._name
        try:
            file = path.open("r+b", buffering=0)
            if length is not None:
                file.truncate(length)
            file.seek(0, os.SEEK_END)
        except OSError as error:
            raise refused(path, error) from error
        return file

    def _sweep(self) -> None:
        """Remove what crashes left: unfinished files, and journals that do not count any more."""
        old = [path for path in self.folder.glob("journal-*.jsonl") if path.name != self._name]
        left = [path for path in self.folder.rglob(f".*{HIDDEN}") if _is_left(path)]
        for path in [*old, *left]:
            path.unlink(missing_ok=True)


def create(folder: Path, document: Json) -> None:
    """Begin a shot in ``folder``, which exists and holds none; it is there once ``shot.json`` is."""
    write_whole(folder / "journal-1.jsonl", b"")
    _write_shot(folder, "journal-1.jsonl", 0, document)
    sync_folder(folder.parent)


def load(folder: Path) -> Loaded:
    """The shot in ``folder``, read and not changed. Raises ShotError where there is none, or where it is damaged."""
    for _ in range(3):
        title = _read_shot(folder)
        try:
            data = (folder / title["journal"]).read_bytes()
        except OSError:
            continue  # a writer may just have replaced the journal; shot.json then names another one
        entries, length = _entries(data, folder / title["journal"])
        return _restore(folder, title, entries, length)
    raise ShotError(f"{folder} has lost its journal {title['journal']}; take it from a copy of the shot")


def _restore(folder: Path, title: Json, entries: list[Json], length: int) -> Loaded:
    noted = title["entries"]
    if noted > len(entries):
        raise ShotError(f"{folder / title['journal']} is cut short; take the shot from a copy that is whole")
    history = History()
    try:
        _count(history, entries[:noted])
        document = replay(history, title["document"], entries[noted:])
    except (KeyError, TypeError, AttributeError) as error:
        raise ShotError(f"{folder / title['journal']} is damaged; take the shot from a copy that is whole") from error
    return Loaded(title["format"], title["journal"], document, history, len(entries), length)


def _count(history: History, entries: Iterable[Json]) -> None:
    """Fill a history with entries whose effect is in the document already."""
    bare: list[Json] = [entry if "step" in entry else {**entry, "patch": []} for entry in entries]
    replay(history, {}, bare)
    patches = {entry["id"]: entry["patch"] for entry in entries if "step" not in entry}
    history.edits = [type(edit)(edit.id, edit.label, patches[edit.id], edit.joined) for edit in history.edits]


def _latest(history: History) -> History:
    """The last KEPT edits in force, from the beginning of a step, and all that can be redone."""
    begin = max(history.position - KEPT, 0)
    while begin < history.position and history.edits[begin].joined:
        begin += 1
    return History(history.edits[begin:], history.position - begin)


def _spell(history: History) -> Iterable[Json]:
    """The entries that lead to this history."""
    yield from (edit.to_json() for edit in history.edits)
    turned = History(list(history.edits), len(history.edits))
    while turned.position > history.position:
        turned.position = turned.begin()
        yield {"step": "undo"}


def _is_left(path: Path) -> bool:
    """Whether no one is at work on an unfinished file any more; one that is gone by now was finished."""
    try:
        return time.time() - path.stat().st_mtime > LEFT
    except FileNotFoundError:
        return False


def _write_shot(folder: Path, journal: str, entries: int, document: Json) -> None:
    title = {"format": FORMAT, "journal": journal, "entries": entries, "document": document}
    write_whole(folder / SHOT, json.dumps(title, indent=1).encode())


def _read_shot(folder: Path) -> Json:
    path = folder / SHOT
    try:
        title: Json = json.loads(path.read_bytes())
        version, _ = title["format"], (title["journal"], title["entries"], title["document"])
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ShotError(f"there is no shot {folder}; make one with 'sam2-roto shot new'") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShotError(f"{path} is damaged; take the shot from a copy that is whole") from error
    if not isinstance(version, int) or version > FORMAT:
        raise ShotError(f"{folder} is of format {version}, and this version reads up to {FORMAT}; install a newer one")
    return title


def _line(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _entries(data: bytes, path: Path) -> tuple[list[Json], int]:
    """All whole entries and their bytes. A torn one at the end is left out; ShotError where one before is damaged."""
    found: list[Json] = []
    length = 0
    lines = data.split(b"\n")
    for number, line in enumerate(lines[:-1]):
        checksum, _, text = line.partition(b" ")
        if checksum != b"%08x" % zlib.crc32(text):
            if number < len(lines) - 2:
                raise ShotError(f"line {number + 1} of {path} is damaged; take the shot from a copy that is whole")
            break
        found.append(json.loads(text))
        length += len(line) + 1
    return found, length
