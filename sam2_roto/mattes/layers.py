"""The frames round one as two layers: what goes with the object, and the ground that stays behind it.

Both motions are affine, on the reduced plate. Colours are light along one axis, that in which the ground varies most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sam2_roto.mattes.affine import after, departures, fetched, fit_affine, ground_motion, inverse, matrix, vectors
from sam2_roto.mattes.bands import Box, box_round
from sam2_roto.mattes.scene import Moment, Picture, Scene

Array = NDArray[Any]

_SOME, _EMPTY = 0.5, 0.1  # alpha from which the object is there, and below which it is not
_NEAR, _AWAY = 0.002, 0.006  # of the diagonal: from where, beside the object, a pixel may be ground, and is
_FEWEST, _NEAREST = 3, 5  # frames that are needed, this one among them; and of the nearest so many
_LEAST = 64  # pixels of the reduced plate that an object has at least
_MOVED = 1.5  # pixels of the reduced plate by which it moves against the ground at least
_PART, _FAST = 0.5, 0.8  # what goes slower than that part of the motion of the fastest fifth may go with the ground
_DENSE = 2  # pixels from one vector of the object to the next
_RIGID = 0.7  # pixels by which half of the object departs from its motion at most
_FARTHEST = 0.12  # of the diagonal: how far it may have gone until a frame is left out
_AGREED = 0.03  # light by which frames may differ about the ground until it counts half
_FINE = 0.008  # of the diagonal: the gaussian's deviation that parts what is fine from what is broad


@dataclass(frozen=True)
class Layers:
    """Frames within ``box`` of the reduced plate, as the object sees them; n of them, this one among them.

    Attributes:
        size: height and width of the reduced plate.
        box: x0, y0, x1, y1, pixels of it.
        solid: bool ``[h, w]``, where the object is on this frame.
        seen: float32 ``[n, h, w]``, light on each pixel of the object as it moves.
        inside: float32 ``[n, h, w]``, 0 or 1: whether the object is there on that frame, too.
        beneath: maps ``[2, 3]`` from a pixel of the object to that of the ground that lies under it on each frame.
        ground: float32 ``[h, w]``, light of the ground, times ``known``.
        known: float32 ``[h, w]``, on how many frames it is uncovered.
    """

    size: tuple[int, int]
    box: Box
    solid: Array
    seen: Array
    inside: Array
    beneath: list[Array]
    ground: Array
    known: Array


@dataclass(frozen=True)
class _Way:
    """Another frame and its plate, and the maps ``[2, 3]`` that take the ground there, and the object."""

    moment: Moment
    picture: Picture
    still: Array
    moving: Array

    @property
    def beneath(self) -> Array:
        """From a pixel of the object to that of the ground, on this frame, that lies under it on the other."""
        return after(inverse(self.still), self.moving)


def part_layers(scene: Scene) -> Layers | None:
    """The layers of a scene's frame; None where the object is not seen to move against the ground."""
    now = scene.moment
    if now.picture is None:
        return None
    view = now.picture.reduced.view
    size = view.shape[0], view.shape[1]
    solid = now.reduced(size) > _SOME
    tight = box_round(solid, 0)
    if tight is None or solid.sum() < _LEAST:
        return None
    ways = _all_ways(scene, size, tight)
    went = max(_farthest(way.beneath, tight) for way in ways)
    box = box_round(solid, math.ceil(went) + 2)
    if len(ways) < _FEWEST or went < _MOVED or box is None:
        return None
    return _laid(ways, solid, box, _axis(view, _uncovered(now, size), box))


def fine_detail(light: Array, weight: Array, diagonal: float) -> Array:
    """What is finer than the diagonal's 0.008 in ``light``, by the pixels that have weight: float32 ``[h, w]``."""
    sigma = _FINE * diagonal
    sums, total = (cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (light * weight, weight))
    return np.asarray(light - sums / (total + 1e-3))


def _laid(ways: list[_Way], solid: Array, box: Box, axis: Array) -> Layers:
    """The frames laid over the box by both motions."""
    x0, y0, x1, y1 = box
    size, part = (solid.shape[0], solid.shape[1]), solid[y0:y1, x0:x1]
    here = np.array([[1.0, 0.0, x0], [0.0, 1.0, y0]])
    seen, inside, beneath, samples, shares = [], [], [], [], []
    for way in ways:
        light, there = _light(way.picture, axis), way.moment.reduced(size) > _SOME
        still, moving = after(way.still, here), after(way.moving, here)
        seen.append(fetched(light, moving, part))
        inside.append(fetched(there.astype(np.float32), moving, part))
        beneath.append(after(after(inverse(here), way.beneath), here))
        samples.append(fetched(light, still, part))
        shares.append(fetched(_uncovered(way.moment, size), still, part))
    ground, known = _agreed(np.stack(samples), np.stack(shares))
    return Layers(size, box, part, np.stack(seen), np.stack(inside), beneath, ground, known)


def _agreed(samples: Array, shares: Array) -> tuple[Array, Array]:
    """The ground's light times its weight, and that weight: frames that see it beyond the first, as far as they agree.

    A single frame may have seen what its mask lacks, and frames that differ saw something else pass.
    """
    count = shares.sum(0)
    mean = (shares * samples).sum(0) / np.maximum(count, 1e-6)
    spread = (shares * np.square(samples - mean)).sum(0) / np.maximum(count, 1e-6)
    weight = np.maximum(count - 1, 0) / (1 + spread / _AGREED**2)
    return mean * weight, weight


def _all_ways(scene: Scene, size: tuple[int, int], tight: Box) -> list[_Way]:
    """The ways to all frames to which there is one, nearest first.

    Where the nearest have none, as of somebody who walks, no others are asked.
    """
    found: list[_Way] = []
    order = sorted(range(len(scene.moments)), key=lambda place: abs(place - scene.now))
    for tried, place in enumerate(order):
        if tried == _NEAREST and len(found) < _FEWEST:
            break
        way = _way(scene.moment, scene.moments[place], size)
        if way is not None and _farthest(way.beneath, tight) <= _FARTHEST * math.hypot(*size):
            found.append(way)
    return found


def _way(now: Moment, other: Moment, size: tuple[int, int]) -> _Way | None:
    """How ground and object go to another frame; None where that is not known."""
    if now.picture is None or other.picture is None:
        return None
    if other is now:
        return _Way(now, now.picture, matrix(np.zeros((3, 2))), matrix(np.zeros((3, 2))))
    flow = now.picture.flow_to(other.picture).cpu().numpy()
    here, there = now.reduced(size), other.reduced(size)
    still = ground_motion(flow, here, there)
    if still is None:
        return None
    moving = _object_motion(flow, still, here > _SOME) if (there > _SOME).any() else still
    return None if moving is None else _Way(other, other.picture, matrix(still), matrix(moving))


def _object_motion(flow: Array, still: Array, solid: Array) -> Array | None:
    """The object's motion, by those of its pixels that do not go with the ground: a veil's may do.

    None where they do not move as one.
    """
    inside = cv2.erode(solid.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    found = vectors(flow, inside, _DENSE)
    if not len(found.places):
        return None
    apart = departures(found, still)
    own = found.where(apart > _PART * np.quantile(apart, _FAST))
    motion = fit_affine(own)
    return motion if motion is not None and np.median(departures(own, motion)) < _RIGID else None


def _uncovered(moment: Moment, size: tuple[int, int]) -> Array:
    """Where the ground is seen, 0 to 1: float32 ``[h, w]``."""
    diagonal = math.hypot(*size)
    beside = cv2.distanceTransform((moment.reduced(size) < _EMPTY).astype(np.uint8), cv2.DIST_L2, 5)
    beside = np.minimum(beside, diagonal) / diagonal  # without an object it has no end
    return np.asarray(np.clip((beside - _NEAR) / (_AWAY - _NEAR), 0, 1), np.float32)


def _farthest(way: Array, box: Box) -> float:
    """How far a map takes the corners of a box at most."""
    corners = np.array([[x, y, 1.0] for x in box[::2] for y in box[1::2]])
    return float(np.linalg.norm(corners @ way.T - corners[:, :2], axis=1).max())


def _light(picture: Picture, axis: Array) -> Array:
    """Light along an axis of colour: float32 ``[h, w]``."""
    return np.asarray(np.square(picture.reduced.view.astype(np.float32) / 255) @ axis)


def _axis(view: Array, uncovered: Array, box: Box) -> Array:
    """The direction of colour, float32 ``[3]``, in which the fine detail of the ground in a box varies most."""
    part = np.s_[box[1] : box[3], box[0] : box[2]]
    light = np.square(view[part].astype(np.float32) / 255)
    fine = (light - cv2.GaussianBlur(light, (0, 0), _FINE * math.hypot(*view.shape[:2])))[uncovered[part] > _SOME]
    _, axes = np.linalg.eigh(fine.T @ fine + 1e-9 * np.ones((3, 3)))
    return np.asarray(axes[:, -1], np.float32)
