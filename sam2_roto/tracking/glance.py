"""How alike two frames are, whatever the light and the motion between them: what cuts are found by.

Pictures are looked at small. Light is taken out of them in two ways, of which the better one counts: grey levels get
one mean and one spread, colour is kept beside them; or one picture is exposed as the other. (The first forgets haze and
fades, but is misled where something large and dark comes in; the second is not.) Optical flow lays one picture on the
other, and every block of it is compared on its own, so that something that passes through a part of the picture does
not speak for the rest.
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

FAR = 0.5
"""Pictures more unlike than this are compared as a turning camera's too, whose steps are too long for the flow."""

BLURRED = 1 / 3
"""A picture with less than this part of the other's detail may be blurred by motion, so both are compared blurred."""

EXPOSURE = 2.0
"""Most that one picture is exposed more, or less, than the other."""

SHADE = (25, 19)
"""Size of the soft window in which the light of a place is taken, in pixels; the pattern within it stays."""

RELIT, DARK = 3.0, 4.0
"""Most that a place is lit more, or less, than in the other picture, and the level below which that is not told."""

_COARSE = (24, 14)
_WINDOW = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)
_ROWS, _COLUMNS = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


class Glance(NamedTuple):
    """What is kept of a frame."""

    frame: int
    planes: Plane
    """``[HEIGHT, WIDTH, 3]``: grey levels without the light, and two of colour."""
    grey: Picture
    """The first of them in 8 bits, for optical flow."""
    spreads: Plane
    """``[6, 8]`` spread of the grey levels in each block."""
    coarse: Plane
    """``[14 · 24 · 3]`` colours of a tiny picture, mean removed."""
    colours: Plane
    """Histogram of 8 × 8 × 8 colours, as shares."""
    mean: float
    """Of the grey levels as they were."""
    median: float
    """Of the grey levels as they were."""
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
    mean, median = float(light.mean()), float(np.median(light))
    planes[..., 0] = (light - mean) * _raised(contrast) + 128
    across, down = light[:, 1:] - light[:, :-1], light[1:] - light[:-1]
    detail = float(across.ravel() @ across.ravel() / across.size + down.ravel() @ down.ravel() / down.size)
    coarse = cv2.resize(small, _COARSE, interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
    coarse -= coarse.mean()
    grey = planes[..., 0].clip(0, 255).astype(np.uint8)
    bins = cv2.transform(np.asarray(small, np.uint16) >> 5, np.array([[64, 8, 1]], np.float32))
    colours = np.asarray(np.bincount(bins.ravel(), minlength=512) / bins.size, np.float32)
    spreads = _spreads(planes[..., 0])
    return Glance(frame, planes, grey, spreads, coarse, colours, mean, median, contrast, detail)


class Likeness(NamedTuple):
    """Of two pictures."""

    unlike: float
    """Part of the second picture that is not to be found in the first, 0..1."""
    moved: float
    """Part that is found only where motion is followed, 0..1."""


class Comparer:
    """Compares glances; what was compared lately is remembered."""

    def __init__(self, kept: int = 256) -> None:
        self._flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._known: dict[tuple[int, int], Likeness] = {}
        self._kept = kept

    def __len__(self) -> int:
        return len(self._known)

    def unlike(self, first: Glance, second: Glance) -> float:
        """Part of the second picture that is not to be found in the first, 0..1."""
        return self.likeness(first, second).unlike

    def likeness(self, first: Glance, second: Glance) -> Likeness:
        """How unlike two pictures are, and how much of them moved."""
        key = (first.frame, second.frame)
        if key not in self._known:
            while len(self._known) >= self._kept:
                del self._known[next(iter(self._known))]
            self._known[key] = self._measured(first, second)
        return self._known[key]

    def relit(self, first: Glance, second: Glance) -> float:
        """How unlike two pictures are if light may differ from place to place, as under a moving shadow, 0..1."""
        motion = self._flow.calc(second.grey, first.grey, None)
        views = (_relit(planes, first, second) for planes in (first.planes, _moved(first.planes, motion)))
        return float(np.minimum(*(_part(_apart(view, second), view, second) for view in views)).mean())

    def _measured(self, first: Glance, second: Glance) -> Likeness:
        if 1 - float(np.minimum(first.colours, second.colours).sum()) < SAME:
            return Likeness(0.0, 0.0)
        motion = self._flow.calc(second.grey, first.grey, None)
        still = _unlike_blocks(first.planes, first, second)
        found = np.minimum(still, _unlike_blocks(_moved(first.planes, motion), first, second))
        if found.mean() > FAR:
            turned = _moved(first.planes, _pan(first, second))
            found = np.minimum(found, _unlike_blocks(turned, first, second))
            sharp, soft = sorted((first.detail, second.detail), reverse=True)
            if soft < BLURRED * sharp:
                found = np.minimum(found, _unlike_blurred(first, second))
        return Likeness(float(found.mean()), float((still - found).mean()))


def correlation(first: Plane, second: Plane) -> float:
    """Of two rows of numbers whose means are 0; 0 where one of them is plain."""
    sizes = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / sizes if sizes > 1e-6 else 0.0


def _pan(first: Glance, second: Glance) -> Plane:
    """The one shift, in pixels ``[1, 1, 2]``, that lays the first picture on the second best."""
    across, down = cv2.phaseCorrelate(_float(second.grey), _float(first.grey), _WINDOW)[0]
    return np.array([[[across, down]]], np.float32)


def _float(grey: Picture) -> Plane:
    return grey.astype(np.float32) - 128


def _moved(planes: Plane, motion: Any) -> Plane:
    x, y = _COLUMNS + motion[..., 0], _ROWS + motion[..., 1]
    return np.asarray(cv2.remap(planes, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _unlike_blocks(planes: Plane, first: Glance, second: Glance) -> Plane:
    """How unlike each block is, 0..1, by the better of two ways to take the light out; ``planes`` are the first's."""
    views = (planes, _exposed(planes, first, second))
    return _part(np.minimum(*(_apart(view, second) for view in views)), planes, second)


def _apart(planes: Plane, second: Glance) -> Plane:
    """Difference of each block from the second picture's, in levels."""
    return np.asarray(_means(np.abs(planes - second.planes)).sum(axis=2), np.float32)


def _part(apart: Plane, planes: Plane, second: Glance) -> Plane:
    """The differences of blocks against the pattern that there is, 0..1."""
    pattern = (_spreads(planes[..., 0]) + second.spreads) / 2
    return np.asarray(np.minimum(apart / (pattern + FAINT), 1), np.float32)


def _unlike_blurred(first: Glance, second: Glance) -> Plane:
    """How unlike each block is where both pictures are as soft as a block."""
    across, down = BLOCKS
    one, other = (_blurred(kept.planes, (WIDTH // across, HEIGHT // down)) for kept in (first, second))
    return _unlike_blocks(one, first, second._replace(planes=other, spreads=_spreads(other[..., 0])))


def _blurred(planes: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.blur(planes, size), np.float32)


def _exposed(planes: Plane, first: Glance, second: Glance) -> Plane:
    """The first picture's planes as if it had the exposure of the second, and its light were taken out like there."""
    factor = min(max(second.median / max(first.median, 1.0), 1 / EXPOSURE), EXPOSURE)
    raised = _raised(second.contrast)
    scale = np.array([factor * raised / _raised(first.contrast), factor, factor])
    shift = np.array([(factor * first.mean - second.mean) * raised, 0, 0]) + 128 * (1 - scale)
    return np.asarray(cv2.transform(planes, np.column_stack([np.diag(scale), shift])), np.float32)


def _relit(planes: Plane, first: Glance, second: Glance) -> Plane:
    """The first picture's planes as if each place had the light that it has in the second."""
    light, target = (_light(*pair) for pair in ((planes, first), (second.planes, second)))
    gain = ((_blurred(target, SHADE) + DARK) / (_blurred(light, SHADE) + DARK)).clip(1 / RELIT, RELIT)
    relit = (planes - 128) * gain[..., None] + 128
    relit[..., 0] = (light * gain - second.mean) * _raised(second.contrast) + 128
    return np.asarray(relit, np.float32)


def _light(planes: Plane, kept: Glance) -> Plane:
    """The grey levels as they were."""
    return np.asarray((planes[..., 0] - 128) / _raised(kept.contrast) + kept.mean, np.float32)


def _raised(contrast: float) -> float:
    """What grey levels are multiplied by, so that their spread is as it should be."""
    return SPREAD / max(contrast, SPREAD / 3)


def _means(plane: Plane) -> Plane:
    return np.asarray(cv2.resize(plane, BLOCKS, interpolation=cv2.INTER_AREA), np.float32)


def _spreads(plane: Plane) -> Plane:
    return np.asarray(np.sqrt(np.maximum(_means(plane * plane) - _means(plane) ** 2, 0)), np.float32)
