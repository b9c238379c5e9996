"""What a job finds out about a shot while the artist goes on editing it: answers to prompts, and cuts.

A worker reads the shot as it is when the job begins, and never writes its journal. What it finds is sent to the
service, which takes it into the shot as an edit, as far as the artist has not said something else there meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sam2_roto.shot import edits
from sam2_roto.shot.document import Answer, Cut, Document
from sam2_roto.shot.schema import to_json
from sam2_roto.shot.shot import Shot

Json = dict[str, Any]


class Snapshot(Shot):
    """A shot as it is now, to be tracked: edits change this copy, and what they found is told to ``tell``."""

    def __init__(self, folder: Path, tell: Callable[[Json], None]) -> None:
        super().__init__(folder, read_only=True)
        self._tell = tell

    def edit(self, label: str, change: edits.Change, *, joined: bool = False) -> Document:  # noqa: ARG002
        """Make the copy what ``change`` makes of it; it has no history."""
        before, self.document = self.document, change(self.document)
        found = difference(before, self.document)
        if found["answers"] or found["cuts"] is not None:
            self._tell({"label": label, **found})
        return self.document


def difference(before: Document, after: Document) -> Json:
    """The answers and cuts that ``after`` has and ``before`` had not, each with the keyframe that was answered."""
    old, new = to_json(before), to_json(after)
    answers = [
        {"object": identity, "frame": int(frame), "said": said, "answer": now.get("answer"), "seen": now.get("seen")}
        for identity, entry in old["objects"].items()
        for frame, said in entry["keyframes"].items()
        if (now := new["objects"].get(identity, entry)["keyframes"].get(frame, said)) != said and "answer" in now
    ]
    return {"answers": answers, "cuts": None if before.cuts == after.cuts else new["cuts"]}


def with_found(document: Document, found: Json) -> Document:
    """The document with what a worker found; keyframes that say something else now, and a shot list, stay."""
    objects = to_json(document)["objects"]
    answers = {
        (entry["object"], entry["frame"]): (Answer(**entry["answer"]), entry["seen"])
        for entry in found["answers"]
        if _said(objects, entry) == entry["said"]
    }
    document = edits.set_answers(document, answers)
    if found["cuts"] is not None and document.cuts is None:
        document = edits.set_cuts(document, [Cut(**cut) for cut in found["cuts"]])
    return document


def _said(objects: Json, entry: Json) -> Json | None:
    """What the document says now on the keyframe of an answer."""
    keyframes: Json = objects.get(entry["object"], {"keyframes": {}})["keyframes"]
    said: Json | None = keyframes.get(str(entry["frame"]))
    return said
