"""Review: how far each tracked frame is to be trusted, which ones to look at, and where one more click helps most.

Nothing here runs the network. Signs of trouble are read from what tracking left behind: the network's own predicted IoU
and presence, how two passes disagree, jumps of area, place and shape between neighbours, and how sharp the mask's edge
is. A logistic model, fitted on generated clips with known truth (``benchmarks/review.py --fit``), turns them into
the J (intersection over union with the truth) that is to be expected: the confidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from .objects import ObjectFrame

Mask = npt.NDArray[np.bool_]
Vector = npt.NDArray[np.float64]

REACH = 8.0
"""Distance in frames from a prompted one at which drift has come to 1 - 1/e."""

REMAINS = 0.85
"""Part of a frame's error that a click leaves, as seen with ``nano``; larger models leave less."""

ANEW = 0.45
"""J that a click gives on a frame where the object was lost, as seen with ``nano``."""

EDGE = 1.0
"""Logits nearer to zero than this make up the edge; a sharp mask has few of them."""

_JUMP = 1.5
"""Jumps are cut off here: worse ones say no more."""


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


SIGNS = Evidence._fields[2:]

WEIGHTS: Mapping[str, float] = {
    "doubt": -3.04,
    "presence": -0.57,
    "absent": -0.6,
    "disagreement": 0.0,
    "area": -0.01,
    "motion": -0.28,
    "chatter": -0.21,
    "softness": -1.62,
    "drift": -0.81,
}
BIAS = 3.0
"""Of the logistic model, as fitted for ``nano`` on 32 clips of the training pool."""

WORDS: Mapping[str, str] = {
    "doubt": "low predicted IoU",
    "presence": "unsure whether it is there",
    "absent": "not seen",
    "disagreement": "the passes disagree",
    "area": "area jumps",
    "motion": "position jumps",
    "chatter": "edge changes shape",
    "softness": "soft edge",
    "drift": "far from a prompt",
}


class Suspect(NamedTuple):
    """A frame to look at."""

    name: str
    frame: int
    confidence: float
    """Expected J, 0..1."""
    reason: str
    """The sign that speaks loudest, in words."""


def gather(results: Iterable[tuple[int, ObjectFrame, float | None]]) -> list[Evidence]:
    """Evidence of one object from (frame, result, disagreement of two passes or None), frames ascending.

    Three results are looked at at a time, so that they may come from disk.
    """
    found = list(_read(results))
    marked = np.array([evidence.frame for evidence in found if evidence.prompted])
    return [evidence._replace(drift=_drift(evidence.frame, marked)) for evidence in found]


def confidence(evidence: Evidence) -> float:
    """Expected J of the frame, 0..1; 1 where the artist gave the answer."""
    if evidence.prompted:
        return 1.0
    return 1 / (1 + math.exp(-(BIAS + sum(WEIGHTS[name] * getattr(evidence, name) for name in SIGNS))))


def rank(objects: Mapping[str, Sequence[Evidence]], most: int | None = None, apart: int = 5) -> list[Suspect]:
    """The least trusted frames of all objects, worst first; of frames less than ``apart`` apart only the worst."""
    everything = [
        Suspect(name, evidence.frame, confidence(evidence), reason(evidence))
        for name, found in objects.items()
        for evidence in found
        if not evidence.prompted
    ]
    chosen: list[Suspect] = []
    for suspect in sorted(everything, key=lambda suspect: suspect.confidence):
        if len(chosen) == most:
            break
        if all(other.name != suspect.name or abs(other.frame - suspect.frame) >= apart for other in chosen):
            chosen.append(suspect)
    return chosen


def reason(evidence: Evidence) -> str:
    """The sign that lowers the confidence most, in words."""
    worst = min(SIGNS, key=lambda name: WEIGHTS[name] * getattr(evidence, name))
    return WORDS[worst]


def suggest(found: Sequence[Evidence]) -> int | None:
    """The frame where one more click is expected to help most; None where every frame is prompted."""
    gains = expected_gains(found)
    free = [index for index, evidence in enumerate(found) if not evidence.prompted]
    return found[max(free, key=lambda index: gains[index])].frame if free else None


def expected_gains(found: Sequence[Evidence]) -> list[float]:
    """What a correction on each frame of a take is expected to add to the sum of J over it.

    A click takes away a part of its frame's error (REMAINS is left), or finds an object anew that was lost (ANEW). From
    there passes go both ways. Where one of before lost quality, the new one loses as much again: what begins before the
    place where an object is lost does not save it, what begins behind does. As far as the next prompted frame the two
    passes are fused, so that the better one is kept, the nearer it is; beyond the outermost the new pass takes the
    place of the old, for better or worse. So the best frame is the first of a run of bad ones rather than the worst,
    and the longest run counts most.
    """
    trust = np.array([confidence(evidence) for evidence in found])
    prompted = np.array([bool(evidence.prompted) for evidence in found])
    gains = _gains_ahead(trust, prompted) + _gains_ahead(trust[::-1], prompted[::-1])[::-1]
    gains += _answers(trust) - trust
    return [0.0 if marked else float(gain) for gain, marked in zip(gains, prompted, strict=True)]


def _answers(trust: Vector) -> Vector:
    """The J that is to be expected of a corrected frame."""
    return np.maximum(1 - REMAINS * (1 - trust), ANEW)


def _gains_ahead(trust: Vector, prompted: Mask) -> Vector:
    """What a pass from each frame, corrected, is expected to add on the frames after it."""
    drops = np.zeros(len(trust))
    drops[1:] = np.cumsum(np.minimum(np.log(trust[1:] / trust[:-1]), 0))
    gains = np.zeros(len(trust))
    for index, answer in enumerate(_answers(trust)):
        stops = np.flatnonzero(prompted[index + 1 :])
        count = int(stops[0]) if stops.size else len(trust) - index - 1
        reach = slice(index + 1, index + 1 + count)
        gained = answer * np.exp(drops[reach] - drops[index]) - trust[reach]
        if stops.size:
            far = np.arange(1, count + 1) / (count + 1)
            gained = gained.clip(0, None) * (1 - far) ** 2 / ((1 - far) ** 2 + far**2)
        gains[index] = gained.sum()
    return gains


def _read(results: Iterable[tuple[int, ObjectFrame, float | None]]) -> Iterator[Evidence]:
    before: Mask | None = None
    velocity: Vector | None = None
    for frame, result, disagreement in results:
        mask = (result.logits > 0).cpu().numpy() if result.present else None
        area, motion, chatter, velocity = _jumps(before, mask, velocity)
        yield Evidence(
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
        )
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
