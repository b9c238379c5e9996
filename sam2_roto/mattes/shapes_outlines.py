"""Outlines of mattes, and which of one frame's outlines go on in the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sam2_roto.boxes import box_of
from sam2_roto.mattes.shapes import Box, fill

_FINE = 4  # samples to a pixel's side when an outline is followed
_LARGE = 1 << 20
_SPECK = 0.004  # part of the object's area below which an outline is dropped
_SHARE = 0.1  # part of an outline that another must cover to count as its continuation


@dataclass(frozen=True)
class Outline:
    """A closed outline of a matte: float64 ``[L, 2]`` in pixels, its area in square pixels; ``hole`` as of a shape."""

    points: NDArray[np.float64]
    area: float
    hole: bool

    @property
    def length(self) -> float:
        """Pixels along the outline."""
        return float(np.linalg.norm(np.diff(self.points, axis=0, append=self.points[:1]), axis=1).sum())

    def at(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points at ``places`` of the way round; 1 is the start again, and so is 0."""
        closed = np.concatenate([self.points, self.points[:1]])
        way = np.concatenate([[0.0], np.linalg.norm(np.diff(closed, axis=0), axis=1).cumsum()])
        wanted = np.mod(places, 1.0) * way[-1]
        return np.stack([np.interp(wanted, way, closed[:, axis]) for axis in (0, 1)], axis=-1)


@dataclass
class Track:
    """Outlines of consecutive frames that are one shape."""

    first: int
    outlines: list[Outline] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.first + len(self.outlines) - 1


def outlines(alpha: NDArray[Any]) -> list[Outline]:
    """The 0.5 contours of alpha ``[H, W]`` (or of a bool mask), specks left out, largest first."""
    inside = box_of(alpha > 0.5)
    if inside is None:
        return []
    x0, y0 = inside[0] - 2, inside[1] - 2
    level = _padded(alpha, (x0, y0, inside[2] + 2, inside[3] + 2))
    fine = _FINE if level.size < _LARGE else _FINE // 2
    large = cv2.resize(level, None, fx=fine, fy=fine, interpolation=cv2.INTER_LINEAR)
    found, tree = cv2.findContours((large > 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    result = [
        _outline(contour[:, 0], large, hole=bool(parent >= 0), fine=fine, corner=(x0, y0))
        for contour, (_, _, _, parent) in zip(found, tree[0], strict=True)
        if len(contour) > 2
    ]
    total = sum(-outline.area if outline.hole else outline.area for outline in result)
    kept = [outline for outline in result if outline.area >= _SPECK * total]
    return sorted(kept, key=lambda outline: -outline.area)


def follow(frames: Iterable[list[Outline]], first: int) -> list[Track]:
    """Join the outlines of consecutive frames, the earliest of which is ``first``, into tracks.

    A track ends where its outline splits, joins another or vanishes; what comes after begins tracks of its own.
    """
    tracks: list[Track] = []
    alive: list[Track] = []
    for frame, present in enumerate(frames, start=first):
        links = _links([track.outlines[-1] for track in alive], present)
        born = []
        for index, outline in enumerate(present):
            track = alive[links[index]] if index in links else Track(frame)
            track.outlines.append(outline)
            born.append(track)
            if index not in links:
                tracks.append(track)
        alive = born
    return tracks


def _links(before: list[Outline], after: list[Outline]) -> dict[int, int]:
    """Index after to index before, for pairs that overlap each other and none else in earnest."""
    overlap = np.array([[_overlap(old, new) for new in after] for old in before]).reshape(len(before), len(after))
    earnest = overlap > _SHARE
    return {
        int(new): int(old)
        for old, new in zip(*np.nonzero(earnest), strict=True)
        if earnest[old].sum() == 1 and earnest[:, new].sum() == 1
    }


def _overlap(old: Outline, new: Outline) -> float:
    """The shared area over that of the larger one, after the small drift of a frame is taken out."""
    if old.hole != new.hole:
        return 0.0
    low = np.minimum(old.points.min(axis=0), new.points.min(axis=0))
    high = np.maximum(old.points.max(axis=0), new.points.max(axis=0))
    size = max(float((high - low).max()), 1.0)
    box: Box = (0, 0, 64, 64)  # a drawing of this size tells enough
    drawn = [fill([((outline.points - low) * (62 / size) + 1, False)], box) for outline in (old, new)]
    return float(np.minimum(*drawn).sum() / max(drawn[0].sum(), drawn[1].sum(), 1e-6))


def _padded(alpha: NDArray[Any], box: Box) -> NDArray[np.float32]:
    """The box of alpha as float32, zero where it lies outside the frame."""
    x0, y0, x1, y1 = box
    height, width = alpha.shape
    part = alpha[max(0, y0) : y1, max(0, x0) : x1].astype(np.float32)
    return np.pad(part, ((max(0, -y0), max(0, y1 - height)), (max(0, -x0), max(0, x1 - width))))


def _outline(contour: NDArray[Any], level: NDArray[Any], *, hole: bool, fine: int, corner: tuple[int, int]) -> Outline:
    """OpenCV's contour, which runs through the outermost samples inside, moved to where the level is 0.5.

    In pixels of the plate, clockwise on the screen.
    """
    column, row = contour[:, 0], contour[:, 1]
    slope = np.stack(
        [level[row, column + 1] - level[row, column - 1], level[row + 1, column] - level[row - 1, column]], axis=1
    )
    steep = (slope.astype(np.float64) ** 2).sum(axis=1, keepdims=True) / 2
    step = (level[row, column, None] - 0.5) * slope / np.maximum(steep, 1e-6)
    points = (contour + 0.5 - step.clip(-1, 1)) / fine + corner
    area = cv2.contourArea(points.astype(np.float32), oriented=True)
    return Outline(points if area >= 0 else points[::-1], abs(area), hole)
