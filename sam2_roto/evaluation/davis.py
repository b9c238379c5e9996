"""J and F, the region and boundary measures of DAVIS (Perazzi et al. 2016), equal to the official implementation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sam2_roto.boxes import box_of

Mask = NDArray[np.bool_]

BOUND = 0.008
"""Tolerance of F as a part of the picture's diagonal, as published."""


@dataclass(frozen=True)
class Score:
    """J and F of one mask, or their means over several, each 0 to 1."""

    j: float
    f: float

    @property
    def jf(self) -> float:
        """J&F, their mean."""
        return (self.j + self.f) / 2


def score(prediction: Mask, truth: Mask, bound: float = BOUND) -> Score:
    """J and F of a mask ``[H, W]`` against the true one."""
    return Score(region_similarity(prediction, truth), boundary_accuracy(prediction, truth, bound))


def region_similarity(prediction: Mask, truth: Mask) -> float:
    """J, intersection over union; 1 where both masks are empty."""
    _check(prediction, truth)
    union = np.count_nonzero(prediction | truth)
    return np.count_nonzero(prediction & truth) / union if union else 1.0


def boundary_accuracy(prediction: Mask, truth: Mask, bound: float = BOUND) -> float:
    """F, the harmonic mean of the precision and recall of the boundary pixels.

    A pixel of one boundary is matched where the other comes within ``ceil(bound · diagonal)`` pixels of it; a bound of
    1 or more is that number of pixels itself. F is 1 where neither mask has a boundary, 0 where one has none.
    """
    _check(prediction, truth)
    radius = bound if bound >= 1 else math.ceil(bound * math.hypot(*truth.shape))
    found, true = boundary(prediction), boundary(truth)
    count, total = np.count_nonzero(found), np.count_nonzero(true)
    if count == 0 or total == 0:
        return float(count == total)
    box = _box(found | true)
    found, true = found[box], true[box]
    precision = np.count_nonzero(found & _within(true, radius)) / count
    recall = np.count_nonzero(true & _within(found, radius)) / total
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: Mask) -> Mask:
    """One pixel wide: where a pixel differs from its right, lower or lower right neighbour (Martin's seg2bmap).

    Beyond the frame a pixel's own value goes on, so the frame's border is no boundary.
    """
    edge = np.zeros_like(mask)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return edge


def _box(mask: Mask) -> tuple[slice, slice]:
    box = box_of(mask)
    assert box is not None
    left, top, right, bottom = box
    return slice(top, bottom), slice(left, right)


def _within(edge: Mask, radius: float) -> Mask:
    """Pixels at most ``radius`` from the edge: a dilation by a disc, through the exact distance transform."""
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= radius + 1e-3, np.bool_)


def _check(prediction: Mask, truth: Mask) -> None:
    if prediction.shape != truth.shape or prediction.dtype != np.bool_ or truth.dtype != np.bool_:
        raise ValueError(
            f"two bool masks of one size are needed, got {prediction.dtype}{prediction.shape} "
            f"and {truth.dtype}{truth.shape}"
        )
