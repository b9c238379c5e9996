"""DocumentFile: the document of a shot on disk, opened, edited by transactions, undone and closed."""

from __future__ import annotations

import json
import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from compositing.closing import Closing
from compositing.errors import CompositingError
from sam2_roto.errors import ShotError

from . import journal
from .document import Document
from .durable import claimed
from .edits import Change
from .history import Edit, History
from .migration import migrated
from .patch import difference
from .schema import from_json, to_json

LOCK = "lock"
"""File of a shot that is held by who edits it."""


class DocumentFile(Closing):
    """A document in a folder. Every edit is a transaction: when the call returns, a crash cannot lose it.

    One process at a time may edit it; ``read_only`` opens one that is in use. Raises ShotError.
    """

    def __init__(self, folder: Path | str, *, read_only: bool = False) -> None:
        self.folder = Path(folder)
        self._stack = ExitStack()
        self._journal: journal.Journal | None = None
        found = journal.load(self.folder)  # says what is wrong before anything is locked
        if read_only:
            document, self._history = migrated(found.format, found.document, found.history)
        else:
            self._stack.enter_context(claimed(self.folder / LOCK))
            self._journal = self._begin()
            document = self._journal.document
        self.document = self._checked(document)

    @property
    def history(self) -> History:
        """What can be undone and redone; not to be changed."""
        return self._journal.history if self._journal else self._history

    def edit(self, label: str, change: Change, *, joined: bool = False) -> Document:
        """Make the document what ``change`` makes of it, as one transaction that ``undo`` takes back.

        ``joined``: undone and redone together with the edit before. A change that changes nothing is none.
        """
        changed = from_json(plain(change(self.document)))  # numbers as they will be read back
        old, new = plain(self.document), plain(changed)
        patch = difference(old, new)
        if patch:
            edit = Edit(secrets.token_hex(6), label, patch, joined)
            self._writing().append(edit.to_json())
            self.document = changed
        return self.document

    def undo(self) -> str | None:
        """Take the latest edit back; gives its label, ``None`` where there is nothing to undo."""
        return self._turn("undo", self.history.undoable)

    def redo(self) -> str | None:
        """Make the edit that was undone last again; gives its label, ``None`` where there is nothing to redo."""
        return self._turn("redo", self.history.redoable)

    def close(self) -> None:
        """Let the shot go; nothing that was said is lost without it."""
        try:
            self._stack.close()
        finally:
            self._journal = None

    def _begin(self) -> journal.Journal:
        try:
            opened = journal.Journal(self.folder)
        except BaseException:
            self._stack.close()
            raise
        self._stack.callback(opened.close)
        return opened

    def _checked(self, document: dict[str, Any]) -> Document:
        try:
            return from_json(document)
        except CompositingError as error:
            self._stack.close()
            raise ShotError(f"{self.folder / journal.SHOT}: {error}") from error

    def _writing(self) -> journal.Journal:
        if self._journal is None:
            raise ShotError(f"{self.folder} was opened to be read, or is closed; open it to edit it")
        return self._journal

    def _turn(self, step: str, label: str | None) -> str | None:
        if label is not None:
            opened = self._writing()
            opened.append({"step": step})
            self.document = from_json(opened.document)
        return label


def plain(document: Document) -> dict[str, Any]:
    """A document as JSON reads it back: lists for tuples, and no number that JSON lacks."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(to_json(document), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ShotError(f"the shot cannot hold such a value ({error})") from error
    return plain
