"""Dissolves and fades: stretches of frames that are mixes of two takes, told from turns of the camera by their signs.

Where two takes lie over each other each frame is a mix of the frames at the ends, so that pictures go straight from one
to the other, shares change slowly, and contrast is less than at the ends (the variance of a mix of two pictures is a
parabola in their shares; Alattar, 1993). When a camera turns, frames are no mixes, and neighbours are alike only where
motion is followed; when a shadow drifts, the ends are alike in each other's light. A logistic model weighs these signs;
``benchmarks/fit_cuts.py`` fits it, ``benchmarks/cuts.py`` tells how well it does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .glance import Comparer, Glance

SPANS: Mapping[int, int] = {8: 1, 12: 2, 20: 3, 32: 4}
"""Lengths of the stretches that are tried for a dissolve, in frames, and how many frames apart they are tried."""

BEYOND = (4, 8)
"""Frames before and after a dissolve that have to be unlike as well."""

CHANGED = 0.6
"""Least difference of the ends of a stretch that is looked at, and of the frames beyond them."""

CORRELATED = 0.85
"""Most that the ends correlate, as tiny pictures."""

UNMIXED = 0.6
"""Most that frames between them differ from mixes of the ends on average, as a part of these."""

BUSY = 0.5
"""Most that neighbours differ on average; where more goes on, a dissolve cannot be told."""

WEIGHTS: Mapping[str, float] = {
    "ends": 0.35,
    "astray": -1.06,
    "residual at turn": -0.68,
    "jump": -1.79,
    "correlation": -2.60,
    "length": 0.61,
    "contrast": -3.67,
    "middle": 3.19,
    "relit": 6.24,
    "moved at turn": -2.66,
}
BIAS = -10.34
"""Of the logistic model, fitted on 48 reels of other takes than are measured on. ``benchmarks/fit_cuts.py`` gives the
same within 0.08, but for a middle of 3.51 and a bias of -10.68."""


class Stretch(NamedTuple):
    """Frames of one take that may be a dissolve."""

    turn: int
    """The frame nearest to half of each end."""
    start: int
    stop: int
    signs: Mapping[str, float]
    """What speaks for a dissolve, and against one."""


class Mix(NamedTuple):
    """The frames of a stretch as mixes of its first and its last."""

    parts: npt.NDArray[np.float64]
    """``[frames, 2]`` of each end, not below 0."""
    residual: npt.NDArray[np.float64]
    """``[frames]`` what the mixes leave, as a part of the pattern of the ends."""
    correlation: float
    """Of the ends."""

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """``[frames]`` share of the last frame in each, 0..1."""
        total = self.parts.sum(axis=1)
        halves = np.full(len(total), 0.5)
        return np.asarray(np.divide(self.parts[:, 1], total, out=halves, where=total > 1e-6))


def mix_of(frames: Sequence[Glance]) -> Mix:
    """Fit each frame as a · first + b · last, neither below 0, all of zero mean, so that brightness does not matter."""
    patterns = np.stack([kept.coarse for kept in frames])
    products = (patterns @ patterns[[0, -1]].T).astype(np.float64)
    power = np.einsum("ij,ij->i", patterns, patterns).astype(np.float64)
    first, last, both = max(power[0], 1.0), max(power[-1], 1.0), products[0, 1]
    rest = max(first * last - both**2, 1e-3 * first * last)
    to_first, to_last = products.T
    parts = np.stack([last * to_first - both * to_last, first * to_last - both * to_first], axis=1) / rest
    # Where the part of one end would be negative, the other end is fitted alone.
    parts = np.where(parts[:, ::-1] < 0, products / [first, last], parts).clip(0, None)
    fitted = first * parts[:, 0] ** 2 + last * parts[:, 1] ** 2 + 2 * both * parts[:, 0] * parts[:, 1]
    left = (power - 2 * (parts * products).sum(axis=1) + fitted).clip(0, None)
    return Mix(parts, left / ((first + last) / 2), both / math.sqrt(first * last))


def weigh(stretch: Stretch) -> float:
    """Logit of a dissolve."""
    return BIAS + sum(weight * stretch.signs[name] for name, weight in WEIGHTS.items())


def stretch_of(take: Sequence[Glance], begin: int, end: int, compare: Comparer) -> Stretch | None:
    """What the frames of a take from ``begin`` to ``end`` show, if their ends are unlike and they may be mixes."""
    mix = mix_of(take[begin : end + 1])
    if mix.correlation > CORRELATED or float(mix.residual[1:-1].mean()) > UNMIXED:
        return None
    before, after = take[max(begin - max(BEYOND), 0)], take[min(end + max(BEYOND), len(take) - 1)]
    if _faded(take[begin], before) or _faded(take[end], after):
        return None
    inside = take[begin : end + 1]
    if sum(itertools.starmap(compare.unlike, itertools.pairwise(inside))) > BUSY * (end - begin):
        return None
    ends = compare.unlike(take[begin], take[end])
    if ends < CHANGED or _comes_back(take, begin, end, compare):
        return None
    turn = 1 + int(np.abs(mix.shares[1:-1] - 0.5).argmin())
    signs = {"ends": -math.log(1.02 - ends), **_mixed(mix, turn), **_seen(inside, turn, compare)}
    return Stretch(inside[turn].frame, inside[1].frame, inside[-1].frame, signs)


def _mixed(mix: Mix, turn: int) -> dict[str, float]:
    """Signs of a mix: what it leaves at its turn, the greatest step of its shares, its ends and its length."""
    around = slice(max(turn - 1, 1), turn + 2)
    return {
        "residual at turn": math.log(float(mix.residual[around].mean()) + 0.02),
        "jump": float(np.abs(np.diff(mix.shares)).max()),
        "correlation": mix.correlation,
        "length": math.log2(len(mix.parts) / min(SPANS)),
    }


def _seen(inside: Sequence[Glance], turn: int, compare: Comparer) -> dict[str, float]:
    """Signs in the pictures: their way, the least contrast against the ends', the middle, light and motion."""
    first, middle, last = inside[0], inside[turn], inside[-1]
    near = inside[max(turn - 2, 0) : turn + 3]
    return {
        "astray": math.log(_astray(inside) + 0.02),
        "contrast": min(kept.contrast for kept in inside) / max((first.contrast + last.contrast) / 2, 1e-3),
        "middle": min(compare.unlike(first, middle), compare.unlike(middle, last)),
        "relit": compare.relit(first, last),
        "moved at turn": max(compare.likeness(one, other).moved for one, other in itertools.pairwise(near)),
    }


def _astray(inside: Sequence[Glance]) -> float:
    """How far the frames between are from the straight line of a dissolve from the first to the last, squared, as a
    part of its length; unlike in a mix, brightness counts here, and the shares are those of one line."""
    way = np.stack([kept.coarse + kept.mean for kept in inside]).astype(np.float64)
    way -= way[0].copy()
    line = way[-1]
    length = max(float(line @ line), 1.0)
    shares = (way @ line / length).clip(0, 1)
    return float(np.square(way - shares[:, None] * line)[1:-1].sum(axis=1).mean()) / length


def _comes_back(take: Sequence[Glance], begin: int, end: int, compare: Comparer) -> bool:
    """Whether frames beyond the ends are alike: what comes back was no cut."""
    pairs = ((take[max(begin - away, 0)], take[min(end + away, len(take) - 1)]) for away in BEYOND)
    return any(compare.unlike(*pair) < CHANGED for pair in pairs)


def _faded(end: Glance, beyond: Glance) -> bool:
    """Whether the end of a stretch is in the middle of a fade, so that a longer one is to be looked for."""
    return end.contrast < beyond.contrast / 2
