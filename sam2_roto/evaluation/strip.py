"""A strip of pictures that shows where masks are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np

from sam2_roto.evaluation.davis import Mask, boundary
from sam2_roto.evaluation.evaluate import ClipResult
from sam2_roto.export.contact import ContactSheet
from sam2_roto.export.preview import View, overlay

LEGEND = ("extra", "missed")
"""The two kinds of error, in the order of their colours."""


def error_picture(view: View, predictions: Sequence[Mask], truths: Sequence[Mask]) -> View:
    """The plate with what the masks have too much in the first colour, what they miss in the second, truth outlined.

    ``view`` is uint8 ``[H, W, 3]``; masks are bool ``[H, W]``, one per object, in the same order.
    """
    pairs = list(zip(predictions, truths, strict=True))
    extra = np.logical_or.reduce([found & ~true for found, true in pairs])
    missed = np.logical_or.reduce([true & ~found for found, true in pairs])
    dimmed = (view * np.float32(0.75)).astype(np.uint8)
    picture = overlay(dimmed, [extra.astype(np.float32), missed.astype(np.float32)], tint=0.8)
    picture[np.logical_or.reduce([boundary(true) for _, true in pairs])] = 255
    return picture


def write_strip(path: Path, result: ClipResult) -> None:
    """Write the frames that the evaluation kept as one PNG, all objects of a frame in one picture.

    Each picture is labelled with its frame number and the mean J of its objects. Raises OutputError.
    """
    sheet = ContactSheet(result.clip.name, LEGEND)
    with result.clip.open() as source:
        for frame in sorted(result.samples):
            view = source.view(frame)
            empty = np.zeros(view.shape[:2], np.bool_)
            truth, found = result.clip.masks.read(frame), result.samples[frame]
            counted = [entry for entry in result.scores if frame in entry.frames]
            predictions = [found.get(entry.name, empty) for entry in counted]
            picture = error_picture(view, predictions, [truth.get(entry.name, empty) for entry in counted])
            mean = fmean(entry.frames[frame].j for entry in counted)
            sheet.add(f"{frame}   J {mean:.3f}", picture)
    sheet.write(path)
