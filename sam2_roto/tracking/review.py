"""Review: how far each tracked frame is to be trusted, which ones to look at, and where one more click helps most.

A logistic model, fitted on generated clips with known truth (``benchmarks/review.py --fit``), turns signs of trouble
(``evidence.py``) into the J (intersection over union with the truth) that is to be expected: the confidence.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .evidence import SIGNS, Evidence

Mask = npt.NDArray[np.bool_]
Vector = npt.NDArray[np.float64]

REMAINS = 0.95
"""Part of a frame's error that a click leaves, as seen with ``nano``; larger models leave less."""

ANEW = 0.45
"""J that a click gives on a frame where the object was lost, as seen with ``nano``."""

WEIGHTS: Mapping[str, float] = {
    "doubt": 0.0,
    "presence": -1.0,
    "absent": -0.4,
    "disagreement": 0.0,
    "area": 0.0,
    "motion": 0.0,
    "chatter": 0.0,
    "softness": -2.05,
    "drift": -0.1,
    "jumped": -0.49,
    "doubted": -1.85,
    "colours": -2.56,
}
BIAS = 3.53
"""Of the logistic model, as fitted for ``nano`` on 72 clips of the training pool, 3,240 frames."""

APART = 5
"""Frames nearer to each other than this are one place to look at."""

EVENED = 2
"""Frames on either side over which expected gains are averaged."""

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
    "jumped": "it jumped on the way here",
    "doubted": "low predicted IoU on the way here",
    "colours": "other colours than where it was prompted",
}


class Suspect(NamedTuple):
    """A frame to look at."""

    name: str
    frame: int
    confidence: float
    """Expected J, 0..1."""
    reason: str
    """The sign that speaks loudest, in words."""


def confidence(evidence: Evidence) -> float:
    """Expected J of the frame, 0..1; 1 where the artist gave the answer."""
    if evidence.prompted:
        return 1.0
    return 1 / (1 + math.exp(-(BIAS + sum(WEIGHTS[name] * getattr(evidence, name) for name in SIGNS))))


def rank(objects: Mapping[str, Sequence[Evidence]], most: int | None = None, apart: int = APART) -> list[Suspect]:
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


def suggest(found: Sequence[Evidence], tried: Collection[int] = ()) -> int | None:
    """The frame where one more click is expected to help most; None where every frame is prompted.

    Gains are averaged over neighbours (EVENED): the confidence of a single frame is rough, and where one frame alone
    looks bad, as while the object is hidden, a click seldom finds it. A click beside a keyframe says little that is
    new. ``tried`` are frames where one did not help, and their neighbours are as bad. So the suggestion keeps APART
    from both as far as it can.
    """
    worth = dict(zip((evidence.frame for evidence in found), _evened(expected_gains(found)), strict=True))
    known = {*tried, *(evidence.frame for evidence in found if evidence.prompted)}
    for apart in range(APART, 0, -1):
        free = [frame for frame in worth if all(abs(frame - other) >= apart for other in known)]
        if free:
            return max(free, key=lambda frame: worth[frame])
    return None


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


def _evened(values: Sequence[float]) -> list[float]:
    """Means over EVENED values on either side, as far as there are any."""
    return [float(np.mean(values[max(0, at - EVENED) : at + EVENED + 1])) for at in range(len(values))]


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
