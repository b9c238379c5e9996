"""Suggestions: candidate objects of a frame, found without a prompt, to be looked at and accepted as prompts.

They are numbered, best first, and kept in the shot's folder, so that a number means the same when it is accepted later.
They are no part of the document: nothing is said about an object until one is accepted.
"""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from sam2_roto.automatic import Everything, Proposal, segment_everything
from sam2_roto.errors import PromptError
from sam2_roto.export.preview import object_color, overlay
from sam2_roto.job import Progress, silent
from sam2_roto.mattes.alpha import mask_from_logits

from .durable import write_whole
from .session import Session

SUGGESTIONS = "suggestions"
"""Folder of suggestions in a shot; it may be deleted."""

LENIENT = {"nano": (0.5, 0.2)}
"""Least predicted IoU and stability for networks whose edges are softer than those of the published ones."""

Prompt = Literal["box", "mask", "click"]
"""As what a suggestion is accepted."""

View = NDArray[np.uint8]


def usual(model: str, points: int = 16, iou: float | None = None, stability: float | None = None) -> Everything:
    """Settings for a model of that name: the published thresholds, or what suits it, where none is given."""
    published = Everything()
    least = LENIENT.get(model, (published.iou, published.stability))
    return Everything(
        points_per_side=points,
        iou=least[0] if iou is None else iou,
        stability=least[1] if stability is None else stability,
    )


def suggest(
    session: Session, frame: int, settings: Everything | None = None, progress: Progress = silent
) -> list[Proposal]:
    """Candidate objects on ``frame``, best first; the second time they are read from the shot's folder.

    Raises PromptError where the frame is not in the footage.
    """
    settings = settings or usual(session.network.name)
    footage = session.shot.document.footage
    if not footage.first <= frame <= footage.last:
        raise PromptError(f"frame {frame} is not in {footage.name}, which has {footage.first}-{footage.last}")
    asked = json.dumps([session.network.key, frame, asdict(settings)])
    path = session.shot.folder / SUGGESTIONS / f"{frame}-{sha256(asked.encode()).hexdigest()[:16]}.npz"
    found = _read(path)
    if found is None:
        found = segment_everything(session.model, session.footage.view(frame), settings, progress)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, _packed(found))
    with suppress(OSError):
        os.utime(path, ns=(time.time_ns(),) * 2)  # the newest is the one that was shown last
    return found


def shown(session: Session, frame: int) -> list[Proposal] | None:
    """The suggestions that ``suggest`` gave last on ``frame``, whatever its settings; ``None`` where it gave none."""
    lists = (session.shot.folder / SUGGESTIONS).glob(f"{frame}-*.npz")
    newest_first = sorted(lists, key=lambda path: -path.stat().st_mtime_ns)
    return next((found for path in newest_first if (found := _read(path)) is not None), None)


def accept(session: Session, name: str, frame: int, chosen: Proposal, kind: Prompt = "box") -> float:
    """Say that a suggestion is the object ``name``, as one edit; gives the IoU of the answer and the suggestion.

    ``box`` and ``click`` are answered by the network, and can be refined by clicks; ``mask`` is taken as it is, and is
    the matte of that frame.
    """
    size = (session.footage.height, session.footage.width)
    whole = chosen.full(size)
    if kind == "mask":
        answer = session.mask(name, frame, whole)
    elif kind == "box":
        left, top, right, bottom = map(float, chosen.box)
        answer = session.box(name, frame, (left, top, right, bottom))
    else:
        answer = session.click(name, frame, [(*chosen.point, True)])
    mask = mask_from_logits(answer.logits, size).numpy()
    union = int(np.count_nonzero(mask | whole))
    return int(np.count_nonzero(mask & whole)) / union if union else 1.0


def numbered(found: Sequence[Proposal], number: int) -> Proposal:
    """The suggestion of that number, from 1 on; PromptError where there is none."""
    if not 1 <= number <= len(found):
        raise PromptError(f"there is no suggestion {number}; the numbers are 1 to {len(found)}")
    return found[number - 1]


def draw(view: View, found: Sequence[Proposal], numbers: Sequence[int]) -> View:
    """The plate ``[H, W, 3]`` with the suggestions of those numbers tinted, largest below, each with its number."""
    size = (view.shape[0], view.shape[1])
    below = sorted(numbers, key=lambda number: -found[number - 1].area)
    picture = overlay(view, [found[number - 1].full(size).astype(np.float32) for number in below])
    scale, font = max(0.4, size[0] / 900), cv2.FONT_HERSHEY_SIMPLEX
    for index, number in enumerate(below):
        x, y = map(round, found[number - 1].point)
        for colour, width in (((0, 0, 0), 4), (object_color(index), 1)):
            cv2.putText(picture, str(number), (x, y), font, scale, colour, width, cv2.LINE_AA)
    return picture


def _packed(found: Sequence[Proposal]) -> bytes:
    """An archive of a row for each suggestion, and all their masks' bits one after the other."""
    rows = [(*one.box, *one.crop, one.iou, one.stability, *one.point) for one in found]
    bits = [one.mask.ravel() for one in found]
    file = io.BytesIO()
    np.savez_compressed(
        file, rows=np.array(rows, np.float64), bits=np.packbits(np.concatenate(bits)) if bits else np.empty(0, np.uint8)
    )
    return file.getvalue()


def _read(path: Path) -> list[Proposal] | None:
    """What ``_packed`` gave; ``None`` where there is no such file, or one that is damaged, which is made anew."""
    try:
        with np.load(io.BytesIO(path.read_bytes())) as kept:
            rows, bits = kept["rows"], np.unpackbits(kept["bits"]).astype(bool)
        found, begin = [], 0
        for row in rows.tolist():
            x0, y0, x1, y1, left, top, right, bottom = map(int, row[:8])
            shape = (y1 - y0, x1 - x0)
            mask = bits[begin : begin + shape[0] * shape[1]].reshape(shape)
            iou, stability, x, y = row[8:]
            found.append(Proposal(mask, (x0, y0, x1, y1), iou, stability, (x, y), (left, top, right, bottom)))
            begin += mask.size
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found
