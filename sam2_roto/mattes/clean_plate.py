"""A clean plate: what lies behind an object, seen on the frames round this one while the object was elsewhere.

The background's motion is taken to be affine between two frames, fitted to dense flow outside of the object by
iteratively reweighted least squares. Other frames are laid over this one by it, and the weighted median of their
colours is the clean plate. Frames on which the object has not moved against the background say nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sam2_roto.mattes.affine import departures, ground_motion, vectors
from sam2_roto.mattes.bands import Box
from sam2_roto.mattes.scene import Moment, Picture, Scene

Array = NDArray[Any]

_NEAR, _AWAY = 0.01, 0.022  # of the plate's diagonal: from where, on its own frame, a pixel may be background, and is
_MOVED = 0.003  # of the plate's diagonal: how far an object moves until what it hid is seen
_HIDDEN = 0.05  # of that: so little shows nothing
_REACH = 0.07  # of the plate's diagonal: how far from the object its strands may be
_MISSED = 0.5  # pixels of the flow by which a background may miss its motion until it counts half
_FARTHEST = 4.0  # of such pixels that count
_COARSE = 4  # pixels of the reduced plate to one of the field of what is missed, which is smooth
_ENOUGH = 3.0  # frames that make a colour sure
_AT_ONCE = 1 << 16  # values of a plane of which medians are found at a time
_FINE = 4  # steps in which differences are told, to one of a colour's


@dataclass(frozen=True)
class CleanPlate:
    """The background within a box of the plate.

    Attributes:
        color: float32 ``[h, w, 3]``, display-referred, 0 to 255.
        sure: float32 ``[h, w]``, 0 to 1: how many frames, that saw the background there, speak for it.
        noise: float32 ``[h, w]``: how far those frames differ from one another, in the units of ``color``.
    """

    color: Array
    sure: Array
    noise: Array


def clean_plate(scene: Scene, box: Box) -> CleanPlate | None:
    """The background of a scene's frame within ``box`` (x0, y0, x1, y1); None where no other frame shows any."""
    now = scene.moment
    others = [moment for place, moment in enumerate(scene.moments) if place != scene.now]
    found = [laid for moment in others if (laid := _laid_over(now, moment, box)) is not None]
    if not found:
        return None
    samples, shares, misses = zip(*found, strict=True)
    heavy = [_whole(254 * share) + np.uint16(1) for share in shares]
    median = _median(samples, [weight[..., None] for weight in heavy])
    apart = [_whole(_FINE * _grey(cv2.absdiff(sample, median))) for sample in samples]
    noise = (1.5 / _FINE) * _median(apart, heavy)  # of a median deviation: that of a gaussian, about
    color, total = median.astype(np.float32), sum(shares)
    missed = sum(share * miss for share, miss in zip(shares, misses, strict=True))
    noise += _slope(color) * missed / np.maximum(total, 1e-3)
    return CleanPlate(color, np.clip((total - 0.5) / (_ENOUGH - 0.5), 0, 1), noise.astype(np.float32))


def _laid_over(now: Moment, other: Moment, box: Box) -> tuple[Array, Array, Array] | None:
    """Another frame's colours uint8 ``[h, w, 3]`` on this one within ``box``, with two of ``[h, w]``.

    How surely they are background, and by how many pixels of the plate they may lie amiss.
    """
    if now.picture is None or other.picture is None:
        return None
    flow = now.picture.flow_to(other.picture).cpu().numpy()
    size = flow.shape[1], flow.shape[2]
    here, there = now.reduced(size), other.reduced(size)
    motion = ground_motion(flow, here, there)
    if motion is None:
        return None
    moved = min(_moved(flow, motion, here), _shifted(here, there, motion))
    seen = min(1.0, moved / (_MOVED * math.hypot(*size)))
    if seen < _HIDDEN:
        return None
    away = _away(there, other.picture) * seen
    scale = np.array([flow.shape[2] / now.picture.view.shape[1], flow.shape[1] / now.picture.view.shape[0]])
    miss = _missed(flow, motion, np.maximum(here, there))
    away = away / (1 + (miss / _MISSED) ** 2)
    color = _warped(other.picture.view, motion, box, (1.0, 1.0), scale)
    small = (float(scale[0]), float(scale[1]))
    still = np.zeros((3, 2))
    return (
        color,
        _warped(away, motion, box, small, scale),
        _warped(miss, still, box, small, scale) / float(scale.mean()),
    )


def _moved(flow: Array, motion: Array, solid: Array) -> float:
    """How far the object moves against the background, the median in pixels of the flow; no end where it is absent."""
    found = vectors(flow, solid > 0.9, 1)
    return float(np.median(departures(found, motion))) if len(found.places) else math.inf


def _shifted(here: Array, there: Array, motion: Array) -> float:
    """How far the matte's edge moves against the background, the mean in pixels of the flow, about.

    Flow alone is not to be believed where an object is flat, nor the edge alone where it trembles.
    """
    if not there.any():
        return math.inf
    whole = (0, 0, here.shape[1], here.shape[0])
    apart = np.abs(here - _warped(there, motion, whole, (1.0, 1.0), np.ones(2))).sum()
    edge = sum(float(np.abs(np.diff(here, axis=axis)).sum()) for axis in (0, 1))
    return 2 * float(apart) / max(edge, 1.0)


def _missed(flow: Array, motion: Array, matte: Array) -> Array:
    """How far the motion misses the flow of the background round about, in pixels of the flow: float32 ``[h, w]``.

    Things at other depths move otherwise. What lies near the object is left out: strands move as it does.
    """
    diagonal = math.hypot(*matte.shape)
    side = 2 * round(_REACH * diagonal) + 1
    far = (cv2.dilate(matte, np.ones((side, side), np.uint8)) < 0.05).astype(np.float32)
    y, x = np.mgrid[: matte.shape[0], : matte.shape[1]].astype(np.float32)
    ground = [x * row[0] + y * row[1] + row[2] for row in motion.T.astype(np.float32)]
    apart = np.minimum(np.hypot(flow[0] - ground[0], flow[1] - ground[1]), _FARTHEST)
    size = (max(1, matte.shape[1] // _COARSE), max(1, matte.shape[0] // _COARSE))
    sums, share = (
        cv2.GaussianBlur(cv2.resize(field, size, interpolation=cv2.INTER_AREA), (0, 0), _REACH * diagonal / _COARSE)
        for field in (far * apart, far)
    )
    return np.asarray(cv2.resize((sums + 1e-4 * _FARTHEST) / (share + 1e-4), matte.shape[::-1]))


def _slope(color: Array) -> Array:
    """The steepest change of colour per pixel, ``[h, w]``."""
    grey = _grey(color)
    return np.asarray(
        np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8))
    )


def _away(alpha: Array, picture: Picture) -> Array:
    """0 in the object and next to it, 1 far from it, at the size of the flow: float32."""
    far = cv2.distanceTransform((alpha < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / math.hypot(*picture.small.shape[:2])
    return np.asarray(np.clip((far - _NEAR) / (_AWAY - _NEAR), 0, 1), np.float32)


def _warped(source: Array, motion: Array, box: Box, target: tuple[float, float], scale: Array) -> Array:
    """``source`` where the motion leads from the plate's pixels of ``box``.

    ``scale`` turns pixels of the plate into those of the flow, ``target`` into those of the source.
    """
    x0, y0, x1, y1 = box
    # A plate's pixel x has its centre at x + 0.5: in the flow at (x + 0.5) * scale - 0.5, and likewise in the source.
    centre = 0.5 * scale - 0.5
    linear = np.eye(2) + motion[:2].T
    shift = linear @ centre + motion[2]
    plate = np.hstack([(linear * scale) / scale[:, None], ((shift + 0.5) / scale - 0.5)[:, None]])
    matrix = plate * np.array(target)[:, None]
    matrix[:, 2] += 0.5 * np.array(target) - 0.5 + matrix[:, :2] @ np.array([x0, y0])
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_CUBIC if source.ndim == 3 else cv2.INTER_LINEAR)
    border = cv2.BORDER_REPLICATE if source.ndim == 3 else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(source, matrix, (x1 - x0, y1 - y0), flags=flags, borderMode=border))


def _median(samples: Sequence[Array], weights: Sequence[Array]) -> Array:
    """The weighted median, pixel by pixel, of planes of whole numbers 0 to 255; weights uint16, 1 to 255: uint8.

    It is found for a few rows at a time, so that what is at work stays in the processor's cache.
    """
    median = np.empty(samples[0].shape, np.uint8)
    rows = max(1, _AT_ONCE // max(1, median[0].size))
    for top in range(0, len(median), rows):
        part = slice(top, top + rows)
        median[part] = _median_of([sample[part] for sample in samples], [weight[part] for weight in weights])
    return median


def _median_of(samples: Sequence[Array], weights: Sequence[Array]) -> Array:
    """The medians of a few rows.

    A value and its weight are packed into one number of sixteen bits, sorted by exchanges of neighbours, which whole
    planes do at once, and parted again.
    """
    packed = [(sample.astype(np.uint16) << 8) | weight for sample, weight in zip(samples, weights, strict=True)]
    spare = np.empty_like(packed[0])
    for turn in range(len(packed)):
        for first in range(turn % 2, len(packed) - 1, 2):
            low, high = packed[first], packed[first + 1]
            np.minimum(low, high, out=spare)
            np.maximum(low, high, out=high)
            packed[first], spare = spare, low
    half = (sum(weights) + np.uint16(1)) // np.uint16(2)
    median, passed = np.zeros_like(packed[0]), np.zeros_like(packed[0])
    for pair in packed:  # a value takes the place of the one before as long as less than half lies below it
        np.copyto(median, pair, where=passed < half)
        passed += pair & np.uint16(255)
    return np.asarray((median >> 8).astype(np.uint8))


def _whole(values: Array) -> Array:
    """Rounded, 255 at most: uint16."""
    return np.asarray((np.minimum(values, 255) + np.float32(0.5)).astype(np.uint16))


def _grey(color: Array) -> Array:
    """The mean of the channels, ``[h, w, 3]`` to float32 ``[h, w]``."""
    return np.asarray(cv2.transform(color.astype(np.float32), np.full((1, 3), 1 / 3, np.float32)))
