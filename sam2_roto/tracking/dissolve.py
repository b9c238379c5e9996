"""Dissolves and fades: stretches of frames that are mixes of two takes, told from turns of the camera by their signs.

Where two takes lie over each other each frame is a mix of the frames at the ends, shares change slowly, and contrast is
less than at the ends (the variance of a mix of two pictures is a parabola in their shares; Alattar, 1993). When a
camera turns, frames are no mixes, blur takes their detail, and neighbours are alike only where motion is followed. A
logistic model weighs these signs; ``benchmarks/fit_cuts.py`` fits it, ``benchmarks/cuts.py`` tells how well it does.
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

BUSY = 0.4
"""Most that neighbours differ on average; where more goes on, a dissolve cannot be told."""

WEIGHTS: Mapping[str, float] = {
    "ends": 1.03,
    "residual": -0.78,
    "residual at turn": -0.78,
    "jump": -1.35,
    "correlation": -3.86,
    "length": 1.69,
    "detail": 0.72,
    "contrast": -2.44,
    "middle": 2.07,
    "moved": -1.96,
    "moved at turn": -1.82,
}
BIAS = -7.54
"""Of the logistic model, fitted as in ``benchmarks/fit_cuts.py`` on 120 reels of other takes than are measured on, when
histograms had 4 levels of a colour. Fitted anew with 8, and ``BUSY`` at 0.5, it found more cuts and more false ones."""


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
    ends = compare.unlike(take[begin], take[end])
    if min(ends, _beyond(take, begin, end, compare)) < CHANGED:
        return None
    inside = take[begin : end + 1]
    if sum(itertools.starmap(compare.unlike, itertools.pairwise(inside))) > BUSY * (end - begin):
        return None
    turn = 1 + int(np.abs(mix.shares[1:-1] - 0.5).argmin())
    signs = {"ends": -math.log(1.02 - ends), **_mixed(mix, turn), **_seen(inside, turn, compare)}
    return Stretch(inside[turn].frame, inside[1].frame, inside[-1].frame, signs)


def _mixed(mix: Mix, turn: int) -> dict[str, float]:
    """Signs of a mix: what it leaves over all and at its turn, the greatest step of its shares, and its ends."""
    around = slice(max(turn - 1, 1), turn + 2)
    return {
        "residual": math.log(float(mix.residual[1:-1].mean()) + 0.02),
        "residual at turn": math.log(float(mix.residual[around].mean()) + 0.02),
        "jump": float(np.abs(np.diff(mix.shares)).max()),
        "correlation": mix.correlation,
        "length": math.log2(len(mix.parts) / min(SPANS)),
    }


def _seen(inside: Sequence[Glance], turn: int, compare: Comparer) -> dict[str, float]:
    """Signs in the pictures: the least detail and contrast against the ends', the middle, and motion."""
    first, middle, last = inside[0], inside[turn], inside[-1]
    moved = [compare.likeness(one, other).moved for one, other in itertools.pairwise(inside)]
    plainer, usual = min(first.detail, last.detail), (first.contrast + last.contrast) / 2
    return {
        "detail": min(min(kept.detail for kept in inside) / max(plainer, 1e-3), 1.5),
        "contrast": min(kept.contrast for kept in inside) / max(usual, 1e-3),
        "middle": min(compare.unlike(first, middle), compare.unlike(middle, last)),
        "moved": max(moved),
        "moved at turn": max(moved[max(turn - 2, 0) : turn + 2]),
    }


def _beyond(take: Sequence[Glance], begin: int, end: int, compare: Comparer) -> float:
    """How unlike the frames beyond the ends are, at the least: what comes back was no cut."""
    pairs = [(take[max(begin - away, 0)], take[min(end + away, len(take) - 1)]) for away in BEYOND]
    return min(compare.unlike(*pair) for pair in pairs)


def _faded(end: Glance, beyond: Glance) -> bool:
    """Whether the end of a stretch is in the middle of a fade, so that a longer one is to be looked for."""
    return end.contrast < beyond.contrast / 2
