"""Answers to prompts on disk: logits, scores and pointer of one object on one frame, under the digest of the content.

A file is a NumPy archive of ``logits`` (float16 ``[S/4, S/4]``), ``pointer`` (float32) and ``scores`` (presence, IoU).
It is never rewritten, so that undo finds what was there, and two shots can be merged by copying files.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import torch

from sam2_roto.errors import ShotError
from sam2_roto.tracking.objects import ObjectFrame

from .durable import keep

ANSWERS = "answers"
"""Folder of answers in a shot."""


def keep_answer(folder: Path, answer: ObjectFrame) -> str:
    """Keep an answer (logits are rounded to half precision); gives its digest."""
    file = io.BytesIO()
    np.savez(
        file,
        logits=answer.logits.half().cpu().numpy(),
        pointer=answer.pointer.float().cpu().numpy(),
        scores=np.array([answer.score, answer.iou]),
    )
    answers = folder / ANSWERS
    answers.mkdir(exist_ok=True)
    return keep(answers, file.getvalue(), ".npz")


def read_answer(folder: Path, digest: str) -> ObjectFrame:
    """A kept answer, logits as float32 on the CPU; ShotError where it is gone or damaged."""
    path = folder / ANSWERS / f"{digest}.npz"
    try:
        with np.load(path) as found:
            score, iou = found["scores"].tolist()
            logits = torch.from_numpy(found["logits"].astype(np.float32))
            return ObjectFrame(logits, score, iou, torch.from_numpy(found["pointer"]), prompted=True)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ShotError(f"the answer {path} is gone or damaged; take it from a copy of the shot") from error
