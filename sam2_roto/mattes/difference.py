"""Alpha from the difference to a clean plate, with colours of the object taken from where the difference is largest.

A pixel is ``alpha F + (1 - alpha) B``. With B known, each colour F that the object may have there gives an alpha and a
remainder that it cannot explain; the alphas are averaged by how small their remainders are.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sam2_roto.mattes.clean_plate import CleanPlate

Array = NDArray[Any]

_NOISE = 6.0  # least deviation of a plate from its clean plate, of 255
_DISTINCT = 40.0  # distance of two colours, of 255, that counts fully
_CLUSTERS, _POINTS = 5, 3000
_REACH = 0.028  # of the diagonal: half the window in which the largest difference is taken to be the object itself
_PEAK = 0.75  # part of that difference that still counts as the object itself
_FLOOR = 0.05


def difference_alpha(view: Array, plate: CleanPlate, solid: Array, band: Array, diagonal: float) -> tuple[Array, Array]:
    """Alpha within a box of the plate, and how far it is to be believed.

    Args:
        view: the plate, uint8 RGB ``[h, w, 3]``.
        plate: the background there.
        solid: bool ``[h, w]``, where the object surely is.
        band: bool ``[h, w]``, where its edge or its strands may be.
        diagonal: of the whole plate, in pixels.

    Returns:
        Two of float32 ``[h, w]``, 0 to 1.
    """
    color = view.astype(np.float32)
    difference = color - plate.color
    size = np.linalg.norm(difference, axis=-1)
    noise = np.maximum(plate.noise, _NOISE)
    known = (band | solid) & (plate.sure > 0.3) & (size > 2.5 * noise)
    reach = _REACH * diagonal
    peak = _highest(np.where(known, cv2.GaussianBlur(size, (0, 0), 0.7), 0).astype(np.float32), 2 * reach)
    pure = (known & (size > _PEAK * peak)).astype(np.float32) * (size / np.maximum(peak, 1)) ** 4
    total = best = np.full(size.shape, 1e-9, np.float32)
    for candidate in (*_clusters(color[pure > 0]), _near(color, pure, reach / 3), _near(color, solid, reach / 2)):
        alpha, weight = _explained(difference, candidate - plate.color, noise)
        total, best = total + weight, best + weight * alpha
    alpha = np.clip((best / total - _FLOOR) / (1 - 2 * _FLOOR), 0, 1)
    return alpha, plate.sure * np.minimum(total, 1)


def _explained(difference: Array, contrast: Array, noise: Array) -> tuple[Array, Array]:
    """Alpha if the object differs from the background by ``contrast``, and its weight: two of ``[h, w]``."""
    square = (contrast**2).sum(-1)
    alpha = np.clip((difference * contrast).sum(-1) / (square + noise**2), 0, 1)
    rest = ((difference - alpha[..., None] * contrast) ** 2).sum(-1)
    return alpha, np.exp(-rest / (2 * noise**2)) * np.minimum(square / _DISTINCT**2, 1)


def _highest(values: Array, reach: float) -> Array:
    """The maximum within a square of ``reach`` pixels across."""
    side = 2 * max(1, math.ceil(reach / 2)) + 1
    return np.asarray(cv2.dilate(values, np.ones((side, side), np.uint8)))


def _near(color: Array, weight: Array, sigma: float) -> Array:
    """The mean colour of the weighted pixels near each one: ``[h, w, 3]``."""
    share = weight.astype(np.float32)
    total = cv2.GaussianBlur(share, (0, 0), sigma)
    return np.asarray(cv2.GaussianBlur(color * share[..., None], (0, 0), sigma) / (total + 1e-6)[..., None])


def _clusters(colors: Array) -> Array:
    """The colours ``[n, 3]`` gathered into a few; none where there are too few. Begun along their longest axis."""
    if len(colors) < 4 * _CLUSTERS:
        return colors[:0]
    points = colors[:: max(1, len(colors) // _POINTS)]
    _, axes = np.linalg.eigh(np.cov(points.T))
    order = (points @ axes[:, -1]).argsort().argsort()
    labels = (order * _CLUSTERS // len(points)).astype(np.int32)
    rule = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    _, _, centres = cv2.kmeans(points, _CLUSTERS, labels[:, None], rule, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    return np.asarray(centres)
