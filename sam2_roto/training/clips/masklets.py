"""Masklets of SA-V as moving shapes: outlines of real things over time, without their picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.errors import DatasetError

Array = npt.NDArray[Any]

_LEAST_AREA = 600


def decode_rle(counts: str, height: int, width: int) -> Array:
    """A mask from COCO's compressed run lengths: uint8 [height, width] of 0 and 1.

    Runs go down the columns, alternating 0 and 1; each is written in groups of 5 bits, least first, offset by 48, and
    from the third on as the difference from the run two before (cocoapi, maskApi.c, rleFrString).
    """
    runs: list[int] = []
    value = shift = 0
    for code in counts.encode():
        group = code - 48
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    flat = np.repeat(np.arange(len(runs), dtype=np.uint8) % 2, runs)
    return flat.reshape(width, height).T


def read_masklets(annotation: Path) -> Iterator[list[Array]]:
    """The masklets of a SA-V annotation file: for each, the longest span of frames on which it is large enough.

    Masks are uint8 0/1, all of one masklet cropped to windows of one size, each about its own frame's mask. Raises
    DatasetError where the file is not such an annotation.
    """
    try:
        frames = json.loads(annotation.read_text())["masklet"]
        for number in range(len(frames[0])):
            masks = [decode_rle(frame[number]["counts"], *frame[number]["size"]) for frame in frames]
            span = _longest_span(masks)
            if len(span) >= 16:
                yield _windows(span)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DatasetError(f"{annotation} is not a SA-V annotation file ({error}); remove it.") from error


def _longest_span(masks: list[Array]) -> list[Array]:
    best: list[Array] = []
    current: list[Array] = []
    for mask in masks:
        current = [*current, mask] if int(mask.sum()) >= _LEAST_AREA else []
        best = max(best, current, key=len)
    return best


def _windows(masks: list[Array]) -> list[Array]:
    """Crops of one size, large enough for every mask, each about its mask's bounding box."""
    boxes = [cv2.boundingRect(np.ascontiguousarray(mask)) for mask in masks]
    wide, tall = max(box[2] for box in boxes), max(box[3] for box in boxes)
    crops = []
    for mask, (x, y, w, h) in zip(masks, boxes, strict=True):
        window = np.zeros((tall, wide), np.uint8)
        top, left = (tall - h) // 2, (wide - w) // 2
        window[top : top + h, left : left + w] = mask[y : y + h, x : x + w]
        crops.append(window)
    return crops
