"""How alike two frames are, whatever the light and the motion between them: what cuts are found by.

Pictures are looked at small. Light is taken out of them: grey levels get one mean and one spread, colour is kept beside
them. Optical flow lays one picture on the other, and every block of it is compared on its own, so that something that
passes through a part of the picture does not speak for the rest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

WIDTH, HEIGHT = 96, 54
"""Size at which pictures are compared."""

BLOCKS = 8, 6
"""Blocks across and down."""

SPREAD = 48.0
"""Spread of the grey levels as they are compared; a plain picture's is not raised more than threefold."""

FAINT = 16.0
"""Difference of blocks, in levels, that is not yet one where there is no pattern."""

SAME = 0.05
"""Difference of colours below which two pictures are alike, whatever grain does to their patterns."""

_COARSE = (24, 14)
_ROWS, _COLUMNS = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


class Glance(NamedTuple):
    """What is kept of a frame."""

    frame: int
    planes: Plane
    """``[HEIGHT, WIDTH, 3]``: grey levels without the light, and two of colour."""
    grey: Picture
    """The first of them in 8 bits, for optical flow."""
    coarse: Plane
    """``[14 · 24 · 3]`` colours of a tiny picture, mean removed."""
    colours: Plane
    """Histogram of 4 × 4 × 4 colours, as shares."""
    contrast: float
    """Spread of the grey levels as they were."""
    detail: float
    """Mean square of the steps between neighbouring pixels."""


def glance(frame: int, view: Picture) -> Glance:
    """What is kept of a picture, uint8 RGB ``[H, W, 3]``."""
    small = cv2.resize(view, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    planes = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    light = planes[..., 0].copy()
    contrast = float(light.std())
    planes[..., 0] = (light - light.mean()) * (SPREAD / max(contrast, SPREAD / 3)) + 128
    detail = float(np.square(np.diff(light, axis=1)).mean() + np.square(np.diff(light, axis=0)).mean())
    coarse = cv2.resize(small, _COARSE, interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
    grey = planes[..., 0].clip(0, 255).astype(np.uint8)
    bins = (np.asarray(small, np.int64) // 64) @ np.array([16, 4, 1])
    colours = np.bincount(bins.ravel(), minlength=64).astype(np.float32) / bins.size
    return Glance(frame, planes, grey, coarse - coarse.mean(), colours, contrast, detail)


class Comparer:
    """Compares glances; what was compared lately is remembered."""

    def __init__(self, kept: int = 256) -> None:
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._known: dict[tuple[int, int], float] = {}
        self._kept = kept

    def __len__(self) -> int:
        return len(self._known)

    def unlike(self, first: Glance, second: Glance) -> float:
        """Part of the second picture that is not to be found in the first, 0..1."""
        key = (first.frame, second.frame)
        if key not in self._known:
            while len(self._known) >= self._kept:
                del self._known[next(iter(self._known))]
            self._known[key] = self._measured(first, second)
        return self._known[key]

    def _measured(self, first: Glance, second: Glance) -> float:
        if 1 - float(np.minimum(first.colours, second.colours).sum()) < SAME:
            return 0.0
        motion = self._flow.calc(second.grey, first.grey, None)
        still = _unlike_blocks(first.planes, second.planes)
        moved = _unlike_blocks(_moved(first.planes, motion), second.planes)
        return float(np.minimum(still, moved).mean())


def correlation(first: Plane, second: Plane) -> float:
    """Of two rows of numbers whose means are 0; 0 where one of them is plain."""
    sizes = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / sizes if sizes > 1e-6 else 0.0


def _moved(planes: Plane, motion: Any) -> Plane:
    x, y = _COLUMNS + motion[..., 0], _ROWS + motion[..., 1]
    return np.asarray(cv2.remap(planes, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _unlike_blocks(first: Plane, second: Plane) -> Plane:
    """How unlike each block is, 0..1: its difference against the pattern that there is."""
    apart = _means(np.abs(first - second).sum(axis=2))
    pattern = (_spreads(first[..., 0]) + _spreads(second[..., 0])) / 2
    return np.minimum(apart / (pattern + FAINT), 1)


def _means(plane: Plane) -> Plane:
    across, down = BLOCKS
    return np.asarray(plane.reshape(down, HEIGHT // down, across, WIDTH // across).mean(axis=(1, 3)))


def _spreads(plane: Plane) -> Plane:
    return np.asarray(np.sqrt(np.maximum(_means(plane * plane) - _means(plane) ** 2, 0)))
