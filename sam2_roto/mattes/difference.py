"""Alpha from the difference to a clean plate, with colours of the object taken from where the difference is largest.

A pixel is ``alpha F + (1 - alpha) B``, as light: a camera mixes before it encodes, and at an edge blurred by motion the
difference is large. With B known, each colour F that the object may have there gives an alpha and a remainder that it
cannot explain; the alphas are averaged by how small their remainders are, and by how near they are to the matte so far
where that is sure that the object is there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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
_DARKEST = 40.0  # of 255: below it noise is taken to be that of a brighter place, as light
_TAPS = 4.0  # a gaussian's deviation after its plate is reduced
_PRIOR = 0.2  # deviation of alpha from a matte that is sure of itself


@dataclass(frozen=True)
class _Seen:
    """Pixels ``[n, 3]`` and what lies behind them: display-referred, 0 to 255; ``noise`` likewise; ``matte`` 0 to 1."""

    color: Array
    behind: Array
    noise: Array
    matte: Array


def difference_alpha(
    view: Array, plate: CleanPlate, solid: Array, band: Array, matte: Array, diagonal: float
) -> tuple[Array, Array]:
    """Alpha within a box of the plate, and how far it is to be believed.

    Args:
        view: the plate, uint8 RGB ``[h, w, 3]``.
        plate: the background there.
        solid: bool ``[h, w]``, where the object surely is.
        band: bool ``[h, w]``, where its edge or its strands may be; nothing is told of what lies outside of it.
        matte: float32 ``[h, w]``, the alpha so far.
        diagonal: of the whole plate, in pixels.

    Returns:
        Two of float32 ``[h, w]``, 0 to 1.
    """
    color, behind = view.astype(np.float32), np.clip(plate.color, 0, 255)
    noise = np.maximum(plate.noise, _NOISE)
    size = _length(color - behind)
    known = (band | solid) & (plate.sure > 0.3) & (size > 2.5 * noise)
    reach = _REACH * diagonal
    peak = _highest(np.where(known, cv2.GaussianBlur(size, (0, 0), 0.7), 0).astype(np.float32), 2 * reach)
    pure = (known & (size > _PEAK * peak)).astype(np.float32) * np.square(np.square(size / np.maximum(peak, 1)))
    place = np.nonzero(band & (plate.sure > 0))
    colors = (
        *_clusters(color[pure > 0]),
        _near(color, pure, reach / 3)[place],
        _near(color, solid, reach / 2)[place],
    )
    soft = cv2.GaussianBlur(matte, (0, 0), 2)
    alpha, sure = np.zeros_like(matte), np.zeros_like(matte)
    total, found = _averaged(_Seen(color[place], behind[place], noise[place], soft[place]), colors)
    alpha[place] = np.clip((found - _FLOOR) / (1 - 2 * _FLOOR), 0, 1)
    sure[place] = plate.sure[place] * np.minimum(total, 1)
    return alpha, sure


def _averaged(seen: _Seen, colors: Sequence[Array]) -> tuple[Array, Array]:
    """The sum of the weights of the colours that the object may have, and the mean of the alphas that they give."""
    total = mean = np.full(seen.noise.shape, 1e-9, np.float32)
    behind = _light(seen.behind)
    difference = _light(seen.color) - behind
    precision = 1 / (_slope(np.maximum(seen.behind, _DARKEST)) * seen.noise[:, None]) ** 2
    sure = 2 * np.clip(seen.matte - 0.5, 0, 0.5)
    for color in colors:
        contrast = _light(color) - behind
        weighted = contrast * precision
        alpha = np.clip(_dot(difference, weighted) / (_dot(contrast, weighted) + 1), 0, 1)
        rest = seen.color - _display(behind + alpha[:, None] * contrast)
        apart = color - seen.behind
        distinct = np.minimum(_dot(apart, apart) / _DISTINCT**2, 1)
        odd = (sure * (alpha - seen.matte) / _PRIOR) ** 2
        weight = distinct * np.exp(-0.5 * (_dot(rest, rest) / seen.noise**2 + odd))
        total, mean = total + weight, mean + weight * alpha
    return total, mean / total


def _dot(one: Array, other: Array) -> Array:
    """Products of the rows of two ``[n, 3]``."""
    return np.asarray(np.einsum("nc,nc->n", one, other))


def _length(color: Array) -> Array:
    """Lengths of ``[h, w, 3]`` along the last axis."""
    return np.asarray(np.sqrt(np.einsum("hwc,hwc->hw", color, color)))


def _light(color: Array) -> Array:
    """Display-referred colour, 0 to 255, as light, 0 to 1; near enough to the curves of sRGB and Rec. 709."""
    return np.asarray(np.square(color / np.float32(255)))


def _display(light: Array) -> Array:
    return np.asarray(255 * np.sqrt(np.maximum(light, 0)))


def _slope(color: Array) -> Array:
    """How much light changes with colour."""
    return np.asarray(2 * color / 255**2)


def _highest(values: Array, reach: float) -> Array:
    """The maximum within a square of ``reach`` pixels across."""
    side = 2 * max(1, math.ceil(reach / 2)) + 1
    return np.asarray(cv2.dilate(values, np.ones((side, side), np.uint8)))


def _near(color: Array, weight: Array, sigma: float) -> Array:
    """The mean colour of the weighted pixels near each one, ``[h, w, 3]``, found on a plate reduced to suit sigma."""
    share, step = weight.astype(np.float32), max(1, round(sigma / _TAPS))
    size = (max(1, share.shape[1] // step), max(1, share.shape[0] // step))
    planes = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (color * share[..., None], share))
    sums, total = (cv2.GaussianBlur(plane, (0, 0), sigma / step) for plane in planes)
    mean = sums / (total + 1e-6)[..., None]
    return np.asarray(cv2.resize(mean, share.shape[::-1], interpolation=cv2.INTER_LINEAR))


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
