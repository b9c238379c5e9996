"""Measures of alpha: SAD, MSE, gradient and connectivity errors (Rhemann et al. 2009), dtSSD (Erofeev et al. 2015)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Region = NDArray[np.bool_]

_SIGMA = 1.4
_STEP, _THETA = 0.1, 0.15


def sad(prediction: Alpha, truth: Alpha, region: Region | None = None) -> float:
    """Sum of the absolute differences of alpha ``[H, W]``, 0 to 1, over 1000.

    A region, here and below, is the part that counts, as the unknown one of a trimap; by default all of it does.
    """
    return float(_within(np.abs(_difference(prediction, truth)), region).sum() / 1000)


def mse(prediction: Alpha, truth: Alpha, region: Region | None = None) -> float:
    """Mean of the squared differences; 0 for an empty region."""
    squares = _within(_difference(prediction, truth) ** 2, region)
    return float(squares.mean()) if squares.size else 0.0


def gradient_error(prediction: Alpha, truth: Alpha, region: Region | None = None) -> float:
    """Sum of the squared differences of the gradients' lengths, over 1000; gaussian derivatives of σ 1.4."""
    _difference(prediction, truth)
    return float(_within((_gradient(prediction) - _gradient(truth)) ** 2, region).sum() / 1000)


def connectivity_error(prediction: Alpha, truth: Alpha, region: Region | None = None) -> float:
    """Sum of the differences in how far pixels are connected to the common core, over 1000; step 0.1, θ 0.15.

    A pixel's level is the highest threshold at which it still belongs to the largest region (4-connected) that both
    mattes share; what alpha has above that level counts, where it is 0.15 or more.
    """
    _difference(prediction, truth)
    levels = np.full(truth.shape, -1.0)
    count = round(1 / _STEP)
    for index in range(1, count + 1):
        shared = (prediction >= index / count - 1e-9) & (truth >= index / count - 1e-9)
        levels[(levels < 0) & ~_largest(shared)] = (index - 1) / count
    levels[levels < 0] = 1.0
    return float(_within(np.abs(_connected(prediction, levels) - _connected(truth, levels)), region).sum() / 1000)


def dtssd(predictions: Iterable[Alpha], truths: Iterable[Alpha]) -> float:
    """How differently two sequences of alpha ``[H, W]`` change: the mean over frames of √mean((Δp − Δg)²).

    Sequences are read frame by frame. Raises ValueError where they differ in length or have fewer than two frames.
    """
    changes: list[float] = []
    before: Floats | None = None
    for prediction, truth in zip(predictions, truths, strict=True):
        now = _difference(prediction, truth)
        if before is not None:
            changes.append(math.sqrt(float(np.mean((now - before) ** 2))))
        before = now
    if not changes:
        raise ValueError("two frames or more are needed to measure their change")
    return sum(changes) / len(changes)


def _difference(prediction: Alpha, truth: Alpha) -> Floats:
    if prediction.shape != truth.shape or prediction.ndim != 2:
        raise ValueError(f"two mattes of one size are needed, got {prediction.shape} and {truth.shape}")
    return np.subtract(prediction, truth, dtype=np.float64)


def _within(values: Floats, region: Region | None) -> Floats:
    return values if region is None else values[region]


def _gradient(alpha: Alpha) -> Floats:
    """Length of the gradient, by normalised gaussian derivative filters, borders repeated."""
    radius = math.ceil(_SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * _SIGMA * 0.01)))
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    gauss = np.exp(-(x**2) / (2 * _SIGMA**2)) / (_SIGMA * math.sqrt(2 * math.pi))
    slope = -x * gauss / _SIGMA**2
    length = np.linalg.norm(np.outer(gauss, slope))
    values = np.asarray(alpha, np.float64)
    across = cv2.sepFilter2D(values, cv2.CV_64F, slope / length, gauss, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(values, cv2.CV_64F, gauss, slope / length, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.hypot(across, down), np.float64)


def _largest(mask: Region) -> Region:
    """The largest 4-connected region; empty for an empty mask."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), np.bool_)


def _connected(alpha: Alpha, levels: Floats) -> Floats:
    above = np.asarray(alpha, np.float64) - levels
    return 1 - above * (above >= _THETA)
