"""Prompts made from true masks, as the published protocols simulate a person."""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np

from sam2_roto.errors import DatasetError
from sam2_roto.evaluation.davis import Mask
from sam2_roto.tracking import FramePrompt
from sam2_roto.tracking.kalman import mask_box

PromptKind = Literal["mask", "click", "box"]


def first_prompt(mask: Mask, kind: PromptKind) -> FramePrompt:
    """The prompt on an object's first frame: its mask, a click at its heart, or its box.

    Raises DatasetError for an unknown kind.
    """
    if kind == "mask":
        return FramePrompt(mask=mask)
    if kind == "click":
        return FramePrompt(points=((*heart(mask), True),))
    if kind == "box":
        return FramePrompt(box=tight_box(mask))
    raise DatasetError(f"The prompt '{kind}' is not known; use one of {', '.join(get_args(PromptKind))}.")


def corrective_click(prediction: Mask, truth: Mask) -> FramePrompt | None:
    """A click at the heart of the larger kind of error, positive where the object is missed; None without errors.

    "Larger" goes by the distance of the heart from the region's edge, as in interactive segmentation's protocol.
    """
    missed, extra = truth & ~prediction, prediction & ~truth
    if not missed.any() and not extra.any():
        return None
    positive = bool(_depth(missed).max() >= _depth(extra).max())
    return FramePrompt(points=((*heart(missed if positive else extra), positive),))


def heart(mask: Mask) -> tuple[float, float]:
    """x and y of the pixel farthest from the mask's edge; the frame's border counts as an edge."""
    if not mask.any():
        raise ValueError("an empty mask has no heart")
    row, column = np.unravel_index(int(np.argmax(_depth(mask))), mask.shape)
    return float(column), float(row)


def tight_box(mask: Mask) -> tuple[float, float, float, float]:
    """Left, top, right and bottom edge of the mask, in pixels."""
    box = mask_box(mask)
    if box is None:
        raise ValueError("an empty mask has no box")
    return box


def _depth(mask: Mask) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    padded = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance[1:-1, 1:-1], np.float32)
