"""Objects that leap: motion that is wide for the size of what moves.

A search for dense flow begins on small pictures. What is small itself, and moves by half its own width from frame to
frame, is gone from these, and flow is that of the background. So an object is looked for as a whole as well: what lies
under its mask is compared with everything around (template matching), and where it would be if it went on as it did is
tried, too. Flow is measured anew from such a start, and that which explains better what is seen is believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from compositing.flow import dense_flow, doubt

Array = npt.NDArray[Any]

Shift = tuple[float, float]
"""How far something has moved, (x, y), in parts of the picture's side."""

PATIENCE = 2.0
"""Doubt, in pixels, at which flow is worth 1/e."""

REACH = 1 / 8
"""How far an object is looked for, in parts of the picture's side."""

GRAIN = 20
"""Side in pixels of what is looked for: larger objects are made smaller for it."""

BETTER = 0.9
"""A leap is believed that leaves so much, or less, of what dense flow does not explain."""

_MARGIN = 32  # pixels around an object within which its own flow is measured
_SAME = 6  # pixels within which flow finds by itself where a shift would begin
_CAP = 48.0  # grey levels beyond which unlike is unlike: a place hidden in one picture says no more than that


class Motion(NamedTuple):
    """How a picture lies in another one."""

    offsets: Array
    """float32 ``[S, S, 2]``: (x, y) in pixels, from here to there."""
    trust: Array
    """float32 ``[S, S]``, 0..1."""


class _Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    def grown(self, margin: int) -> _Box:
        return _Box(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def moved(self, x: int, y: int) -> _Box:
        return self._replace(x=self.x + x, y=self.y + y)

    def within(self, side: int) -> tuple[slice, slice]:
        """Rows and columns of a square picture that it covers."""
        (top, bottom), (left, right) = (
            (min(max(at, 0), side), min(max(at + length, 0), side))
            for at, length in ((self.y, self.height), (self.x, self.width))
        )
        return slice(top, bottom), slice(left, right)

    def of(self, picture: Array) -> Array:
        """Its part of a picture, whose border is repeated."""
        middle = self.x + (self.width - 1) / 2, self.y + (self.height - 1) / 2
        return np.asarray(cv2.getRectSubPix(picture, (self.width, self.height), middle))


def measured(here: Array, there: Array, *, quick: bool = False) -> Motion:
    """How the picture ``here`` lies in ``there``, both uint8 ``[H, W]``; ``quick`` as for ``dense_flow``."""
    flow = dense_flow(here, there, quick=quick)
    return Motion(flow, cv2.exp(doubt(flow, dense_flow(there, here, quick=quick)) * (-1.0 / PATIENCE)))


def goes_on(earlier: Tensor, later: Tensor, frames: int = 1) -> list[Shift]:
    """How far a mask that moved from ``earlier`` to the frame after it, ``later``, moves in so many frames more.

    Logits ``[h, w]``; nothing where either has no mask.
    """
    places = [torch.nonzero(mask > 0).float().mean(dim=0).tolist() for mask in (earlier, later)]
    (row, column), (below, right) = places
    shift = frames * (right - column) / later.shape[1], frames * (below - row) / later.shape[0]
    return [shift] if all(map(math.isfinite, shift)) else []


def leapt(here: Array, there: Array, flow: Motion, coverage: Array, guesses: Iterable[Shift] = ()) -> Motion:
    """How an object that covers ``coverage`` of the picture ``there`` has moved.

    Args:
        here, there: uint8 ``[S, S]``.
        flow: between them, of the whole picture.
        coverage: float32 ``[h, w]``, 0..1, over all of ``there``.
        guesses: from there to here, to be tried besides what the search finds.

    Returns ``flow``, or what explains better how the object looks.
    """
    side = len(here)
    cover = cv2.resize(coverage, (side, side), interpolation=cv2.INTER_LINEAR)
    box = _Box(*cv2.boundingRect((cover > 0.5).astype(np.uint8)))
    if not box.width:
        return flow
    reach = round(REACH * side)
    shifts = {_search(here, there, cover, box, reach)} | {(round(x * side), round(y * side)) for x, y in guesses}
    best = flow
    unlike, along = _unlike(here, there, cover, flow, box.grown(reach))
    least = BETTER * unlike
    for shift in sorted(shifts):
        if max(abs(shift[0] - along[0]), abs(shift[1] - along[1])) < _SAME:
            continue
        tried = _beginning(here, there, box, shift)
        unlike, _ = _unlike(here, there, cover, tried, box.moved(*shift).grown(_MARGIN))
        if unlike < least:
            best, least = tried, unlike
    return best


def _search(here: Array, there: Array, cover: Array, box: _Box, reach: int) -> tuple[int, int]:
    """How far the object in ``box`` has moved, in pixels: least squares over all places within reach."""
    scale = min(1.0, GRAIN / float(np.sqrt(box.width * box.height)))

    def small(picture: Array) -> Array:
        size = [max(2, round(length * scale)) for length in picture.shape[::-1]]
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)

    around = small(box.grown(reach).of(here))
    looked, weight = small(box.of(there)), small(box.of(cover))
    unlike = cv2.matchTemplate(around, looked, cv2.TM_SQDIFF, mask=np.sqrt(weight))
    row, column = np.unravel_index(int(np.argmin(unlike)), unlike.shape)
    across, down = ((length + 2 * reach) / n for length, n in zip(box[2:], around.shape[::-1], strict=True))
    return round(float(column) * across) - reach, round(float(row) * down) - reach


def _beginning(here: Array, there: Array, box: _Box, shift: tuple[int, int]) -> Motion:
    """The motion of what was in ``box`` and moved by about ``shift``; beyond its surroundings that shift alone."""
    place = box.moved(*shift).grown(_MARGIN)
    near = measured(place.of(here), box.grown(_MARGIN).of(there), quick=True)
    offsets = np.empty((*here.shape, 2), np.float32)
    offsets[:] = -np.array(shift, np.float32)
    trust = np.ones(here.shape, np.float32)
    rows, columns = place.within(len(here))
    inside = tuple(slice(part.start - at, part.stop - at) for part, at in ((rows, place.y), (columns, place.x)))
    offsets[rows, columns] += near.offsets[inside]
    trust[rows, columns] = near.trust[inside]
    return Motion(offsets, trust)


def _unlike(here: Array, there: Array, cover: Array, motion: Motion, place: _Box) -> tuple[float, Shift]:
    """What an object carried along by ``motion`` to within ``place`` does not explain of how it looks there.

    The mean difference in grey levels, and how far it went, in pixels.
    """
    rows, columns = place.within(len(here))
    offsets = motion.offsets[rows, columns]
    if not offsets.size:
        return _CAP, (0.0, 0.0)
    x = np.arange(columns.start, columns.stop, dtype=np.float32) + offsets[..., 0]
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + offsets[..., 1]
    covered = cv2.remap(cover, x, y, cv2.INTER_LINEAR)
    seen = cv2.remap(there, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = float(covered.sum())
    if weight < 1.0:
        return _CAP, (0.0, 0.0)
    apart = np.minimum(cv2.absdiff(seen, here[rows, columns]).astype(np.float32), _CAP)
    across, down = (-np.tensordot(offsets, covered, axes=((0, 1), (0, 1))) / weight).tolist()
    return float((apart * covered).sum()) / weight, (across, down)
