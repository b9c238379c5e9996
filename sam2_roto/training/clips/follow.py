"""Real things in motion: rough outlines drawn by hand on a few frames, drawn to the edges and followed for a while.

`outlines.json` holds the outlines: clip, frame (every second one of the movie counts), for how many frames before and
after it the following was seen to hold, and the outline in pixels of a 512x288 picture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.regions import snapped

Array = npt.NDArray[Any]

_MOST_CHANGE = 1.33


def outlines_of(clip: str) -> list[dict[str, Any]]:
    """The outlines drawn on a clip, by the stem of its name."""
    entries: list[dict[str, Any]] = json.loads(Path(__file__).with_name("outlines.json").read_text())
    return [entry for entry in entries if entry["clip"] == clip]


def followed(footage: Array, entry: dict[str, Any]) -> list[tuple[int, Array]]:
    """Frame and mask (uint8 0/1 [h, w]) of an outlined thing over time, in order; empty where it is not found."""
    frame = int(entry["frame"])
    if frame >= len(footage):
        return []
    rough = np.zeros(footage.shape[1:3], np.uint8)
    cv2.fillPoly(rough, [np.array(entry["outline"], np.int32)], (1,))
    start = snapped(footage[frame], rough)
    if start is None:
        return []
    before = _carried(footage, frame, start, -1, int(entry["before"]))
    after = _carried(footage, frame, start, 1, int(entry["after"]))
    return [*reversed(before), (frame, start), *after]


def _carried(footage: Array, frame: int, mask: Array, step: int, count: int) -> list[tuple[int, Array]]:
    """The mask on following frames: moved by DIS optical flow, then drawn to the edges; ends where that fails."""
    found: list[tuple[int, Array]] = []
    for index in range(frame + step, frame + step * (count + 1), step):
        if not 0 <= index < len(footage):
            break
        moved = _moved(footage[index], footage[index - step], mask)
        cut = snapped(footage[index], moved) if moved.any() else None
        if cut is None or not 1 / _MOST_CHANGE < float(cut.sum()) / float(mask.sum()) < _MOST_CHANGE:
            break
        found.append((index, cut))
        mask = cut
    return found


def _moved(picture: Array, before: Array, mask: Array) -> Array:
    """The mask of the picture before, moved to this picture by optical flow: uint8 0/1."""
    height, width = mask.shape
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (picture, before)]
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = method.calc(grey[0], grey[1], np.zeros((height, width, 2), np.float32))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    moved = cv2.remap(mask.astype(np.float32), x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
    return (cv2.GaussianBlur(moved, (0, 0), 1) > 0.5).astype(np.uint8)
