"""Undo and redo: the edits that were made, and how many of them count now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .patch import Patch, apply, inverse

Json = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """One transaction. A ``joined`` one is undone and redone together with the one before it."""

    id: str
    label: str
    patch: Patch
    joined: bool = False

    def to_json(self) -> Json:
        """A journal's entry."""
        return {"id": self.id, "label": self.label, "patch": self.patch, **({"joined": True} if self.joined else {})}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Edit:
        """What ``to_json`` gave; KeyError or TypeError where it is something else."""
        return cls(str(data["id"]), str(data["label"]), list(data["patch"]), bool(data.get("joined")))


@dataclass
class History:
    """Edits in their order; the first ``position`` of them are in force, the others can be redone."""

    edits: list[Edit] = field(default_factory=list)
    position: int = 0

    @property
    def undoable(self) -> str | None:
        """Label of what ``undo`` would take back."""
        return self.edits[self.begin()].label if self.position else None

    @property
    def redoable(self) -> str | None:
        """Label of what ``redo`` would bring back."""
        return self.edits[self.position].label if self.position < len(self.edits) else None

    def push(self, edit: Edit) -> None:
        """A new edit; what could be redone is gone."""
        self.edits[self.position :] = [edit]
        self.position += 1

    def undo(self, document: Json) -> Json:
        """The document before the latest step; the same where there is none."""
        begin = self.begin()
        for edit in reversed(self.edits[begin : self.position]):
            document = apply(document, inverse(edit.patch))
        self.position = begin
        return document

    def redo(self, document: Json) -> Json:
        """The document after the step that was undone last; the same where there is none."""
        end = self._end()
        for edit in self.edits[self.position : end]:
            document = apply(document, edit.patch)
        self.position = end
        return document

    def states(self, document: Json) -> list[Json]:
        """The documents before and after every edit, ``document`` being the one in force: one more than edits."""
        before, after = [document], [document]
        for edit in reversed(self.edits[: self.position]):
            before.append(apply(before[-1], inverse(edit.patch)))
        for edit in self.edits[self.position :]:
            after.append(apply(after[-1], edit.patch))
        return [*reversed(before), *after[1:]]

    def begin(self) -> int:
        """The position before the latest step."""
        begin = max(self.position - 1, 0)
        while begin and self.edits[begin].joined:
            begin -= 1
        return begin

    def _end(self) -> int:
        end = min(self.position + 1, len(self.edits))
        while end < len(self.edits) and self.edits[end].joined:
            end += 1
        return end


def replay(history: History, document: Json, entries: Iterable[Mapping[str, Any]]) -> Json:
    """Carry out a journal's entries (edits, undo, redo) on ``history`` and ``document``; gives the last document."""
    for entry in entries:
        match entry.get("step"):
            case "undo":
                document = history.undo(document)
            case "redo":
                document = history.redo(document)
            case _:
                edit = Edit.from_json(entry)
                document = apply(document, edit.patch)
                history.push(edit)
    return document
