"""Answers to prompts on disk: logits, scores and pointer of one object on one frame, under the digest of the content.

A file is a NumPy archive of ``logits`` (float16 ``[S/4, S/4]``), ``pointer`` (float32), ``scores`` (presence, IoU) and,
where the network looked at a part of the plate alone, that ``window`` (left, top, width, height in pixels). It is never
rewritten, so that undo finds what was there, and two shots can be merged by copying files.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sam2_roto.errors import ShotError
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.sight import Sight
from sam2_roto.tracking.window import Window

from .durable import keep

ANSWERS = "answers"
"""Folder of answers in a shot."""


def keep_answer(folder: Path, answer: Sight) -> str:
    """Keep an answer (logits are rounded to half precision); gives its digest."""
    result, window = answer
    file = io.BytesIO()
    parts: dict[str, Any] = {
        "logits": result.logits.half().cpu().numpy(),
        "pointer": result.pointer.float().cpu().numpy(),
        "scores": np.array([result.score, result.iou]),
    }
    if window is not None:
        parts["window"] = np.array(window)
    np.savez(file, **parts)
    answers = folder / ANSWERS
    answers.mkdir(exist_ok=True)
    return keep(answers, file.getvalue(), ".npz")


def read_answer(folder: Path, digest: str) -> Sight:
    """A kept answer, logits as float32 on the CPU; ShotError where it is gone or damaged."""
    path = folder / ANSWERS / f"{digest}.npz"
    try:
        with np.load(path) as found:
            score, iou = found["scores"].tolist()
            logits = torch.from_numpy(found["logits"].astype(np.float32))
            window = Window(*found["window"].tolist()) if "window" in found else None
            return Sight(ObjectFrame(logits, score, iou, torch.from_numpy(found["pointer"]), prompted=True), window)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ShotError(f"the answer {path} is gone or damaged; take it from a copy of the shot") from error
