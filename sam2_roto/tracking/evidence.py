"""Evidence: signs of trouble on each tracked frame, read from what tracking left behind and from the plates.

Nothing here runs the network. Some signs are of a frame alone, or of what it has in common with its neighbours: the
network's own predicted IoU and presence, how two passes disagree, jumps of area, place and shape, how sharp the mask's
edge is. A network that has gone over to something else is as sure of that as it was before. So others look back to the
keyframe that the answer comes from: whether something went wrong on the way, and whether the colours are still those.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from .objects import ObjectFrame

Mask = npt.NDArray[np.bool_]
Vector = npt.NDArray[np.float64]
View = Callable[[int], npt.NDArray[np.uint8]]
"""The plate of a frame, uint8 RGB ``[H, W, 3]``."""

REACH = 8.0
"""Distance in frames from a prompted one at which drift has come to 1 - 1/e."""

EDGE = 1.0
"""Logits nearer to zero than this make up the edge; a sharp mask has few of them."""

_JUMP = 1.5
"""Jumps are cut off here: worse ones say no more."""

_SHADES = 4
"""Shades of each of red, green and blue that colours are counted in."""


class Evidence(NamedTuple):
    """Signs of trouble of one object on one frame; all but ``frame`` are 0 where nothing is suspicious."""

    frame: int
    prompted: float
    """1 where the artist gave the answer."""
    doubt: float
    """1 less the predicted IoU, 0..1."""
    presence: float
    """How undecided the network is whether the object is there, 0 (sure either way) to 1."""
    absent: float
    """1 where the network sees no object."""
    disagreement: float
    """1 less the IoU of the forward and the backward pass; 0 where there was one pass alone."""
    area: float
    """Jump of area against the frame before, as |log ratio|, 0..1.5."""
    motion: float
    """Change of the centre's velocity in units of the mask's size, 0..1.5."""
    chatter: float
    """1 less the IoU with the mask before, centres laid on each other: change of shape, 0..1."""
    softness: float
    """Part of the mask that is edge, 0..1."""
    drift: float
    """1 - exp(-distance / REACH) from the nearest prompted frame."""
    jumped: float
    """The worst jump on the way from a prompted frame, of area, motion or (twice) chatter, 0..2."""
    doubted: float
    """The worst doubt on the way from a prompted frame, 0..1."""
    colours: float
    """Part of the object's colours that are not those it has on a prompted frame, 0..1; 0 where no plate was looked at.
    """


SIGNS = Evidence._fields[2:]


def gather(results: Iterable[tuple[int, ObjectFrame, float | None]], view: View | None = None) -> list[Evidence]:
    """Evidence of one object from (frame, result, disagreement of two passes or None), frames ascending.

    Results are read one after another, each beside the one before, so that they may come from disk. ``view`` gives the
    plates, for colours.
    """
    found, shades = [], []
    for evidence, result in _read(results):
        found.append(evidence)
        shades.append(_shades(view(evidence.frame), result) if view and result.present else None)
    marked = [bool(evidence.prompted) for evidence in found]
    frames = np.array([evidence.frame for evidence in found if evidence.prompted])
    doubts = [evidence.doubt for evidence in found]
    jumps = [max(evidence.area, evidence.motion, 2 * evidence.chatter) for evidence in found]
    doubted, jumped = _worst(doubts, doubts, marked), _worst(jumps, [*jumps, 0.0][1:], marked)
    known = [kept for kept, prompted in zip(shades, marked, strict=True) if prompted and kept is not None]
    return [
        evidence._replace(
            drift=_drift(evidence.frame, frames), jumped=jump, doubted=doubt, colours=_unlike(kept, known)
        )
        for evidence, jump, doubt, kept in zip(found, jumped, doubted, shades, strict=True)
    ]


def _worst(ahead: Sequence[float], behind: Sequence[float], marked: Sequence[bool]) -> list[float]:
    """The largest value met on the way to each frame from the prompted frame before it, or after it: the smaller one.

    Values are of arriving at a frame: ``ahead`` from the one before, ``behind`` from the one after.
    """
    most = max(ahead, default=0.0)
    there, back = _since(ahead, marked), _since(behind[::-1], marked[::-1])[::-1]
    return [min(first, second, most) for first, second in zip(there, back, strict=True)]


def _since(values: Sequence[float], marked: Sequence[bool]) -> list[float]:
    """The largest of the values since the last marked place, 0 there, infinite before the first."""
    worst, found = math.inf, []
    for value, prompted in zip(values, marked, strict=True):
        worst = 0.0 if prompted else max(worst, value)
        found.append(worst)
    return found


def _shades(view: npt.NDArray[np.uint8], result: ObjectFrame) -> Vector:
    """The object's colours, as shares of ``_SHADES ** 3`` bins."""
    mask = (result.logits > 0).cpu().numpy()
    small = cv2.resize(view, (mask.shape[1], mask.shape[0]), interpolation=cv2.INTER_AREA)[mask]
    bins = (small.astype(np.int64) * _SHADES // 256) @ np.array([_SHADES**2, _SHADES, 1])
    return np.asarray(np.bincount(bins, minlength=_SHADES**3) / max(len(bins), 1), np.float64)


def _unlike(shades: Vector | None, known: Sequence[Vector]) -> float:
    """Part of the colours that none of those known share; 0 where there is nothing to tell by."""
    if shades is None or not known:
        return 0.0
    return 1 - max(float(np.minimum(shades, other).sum()) for other in known)


def _read(results: Iterable[tuple[int, ObjectFrame, float | None]]) -> Iterator[tuple[Evidence, ObjectFrame]]:
    before: Mask | None = None
    velocity: Vector | None = None
    for frame, result, disagreement in results:
        mask = (result.logits > 0).cpu().numpy() if result.present else None
        area, motion, chatter, velocity = _jumps(before, mask, velocity)
        evidence = Evidence(
            frame=frame,
            prompted=float(result.prompted),
            doubt=1 - min(max(result.iou, 0.0), 1.0),
            presence=math.exp(-abs(result.score) / 2),
            absent=float(not result.present),
            disagreement=disagreement or 0.0,
            area=area,
            motion=motion,
            chatter=chatter,
            softness=_softness(result),
            drift=0.0,
            jumped=0.0,
            doubted=0.0,
            colours=0.0,
        )
        yield evidence, result
        before = mask


def _jumps(
    before: Mask | None, mask: Mask | None, velocity: Vector | None
) -> tuple[float, float, float, Vector | None]:
    """Jumps of area, motion and shape from one mask to the next, and the velocity of the centre."""
    if before is None or mask is None or not before.any() or not mask.any():
        changed = (before is not None and before.any()) != (mask is not None and mask.any())
        return _JUMP * changed * (before is not None), 0.0, 0.0, None
    areas = float(before.sum()), float(mask.sum())
    area = min(abs(math.log(areas[1] / areas[0])), _JUMP)
    moved = _centre(mask) - _centre(before)
    turn = float(np.hypot(*(moved - velocity))) if velocity is not None else 0.0
    shifted = cv2.warpAffine(
        before.astype(np.uint8),
        np.array([[1, 0, moved[0]], [0, 1, moved[1]]]),
        (mask.shape[1], mask.shape[0]),
        flags=cv2.INTER_NEAREST,
    ).astype(bool)
    union = np.count_nonzero(shifted | mask)
    chatter = 1 - np.count_nonzero(shifted & mask) / union
    return area, min(turn / math.sqrt(areas[1]), _JUMP), chatter, moved


def _centre(mask: Mask) -> Vector:
    moments: dict[str, Any] = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    return np.array([moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]])


def _softness(result: ObjectFrame) -> float:
    if not result.present:
        return 0.0
    edge, inside = int((result.logits.abs() < EDGE).sum()), int((result.logits > 0).sum())
    return edge / (edge + inside) if edge + inside else 1.0


def _drift(frame: int, marked: npt.NDArray[Any]) -> float:
    return 1 - math.exp(-float(np.abs(marked - frame).min()) / REACH) if marked.size else 1.0
