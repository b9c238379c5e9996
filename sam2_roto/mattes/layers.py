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

from sam2_roto.mattes.affine import after, departures, fetched, fit_affine, inverse, matrix, vectors
from sam2_roto.mattes.bands import Box
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
        box: x0, y0, x1, y1, pixels of the reduced plate.
        solid: bool ``[h, w]``, where the object is on this frame.
        seen: float32 ``[n, h, w]``, light on each pixel of the object as it moves.
        inside: float32 ``[n, h, w]``, 0 or 1: whether the object is there on that frame, too.
        beneath: maps ``[2, 3]`` from a pixel of the object to that of the ground that lies under it on each frame.
        ground: float32 ``[h, w]``, light of the ground, times ``known``.
        known: float32 ``[h, w]``, on how many frames it is uncovered.
    """

    box: Box
    solid: Array
    seen: Array
    inside: Array
    beneath: list[Array]
    ground: Array
    known: Array


def part_layers(scene: Scene) -> Layers | None:
    """The layers of a scene's frame; None where the object is not seen to move against the ground."""
    now, size = scene.moment, _size(scene)
    if now.picture is None or now.alpha is None or size is None:
        return None
    solid = _small(now, size) > _SOME
    if solid.sum() < _LEAST:
        return None
    ways = _all_ways(scene, solid)
    if len(ways) < _FEWEST:
        return None
    under = [after(inverse(ground), object_) for _, (ground, object_) in ways]
    went = [_farthest(way, _box(solid)) for way in under]
    if max(went) < _MOVED:
        return None
    box = _grown(_box(solid), max(went), size)
    axis = _axis(now.picture.reduced.view, _uncovered(now, size), box)
    return _laid(ways, solid, box, axis, size)


def fine_detail(light: Array, weight: Array, diagonal: float) -> Array:
    """What is finer than the diagonal's 0.008 in ``light``, by the pixels that have weight: float32 ``[h, w]``."""
    sigma = _FINE * diagonal
    sums, total = (cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (light * weight, weight))
    return np.asarray(light - sums / (total + 1e-3))


def _laid(ways: list[tuple[Moment, tuple[Array, Array]]], solid: Array, box: Box, axis: Array, size: Any) -> Layers:
    """The frames laid over the box by both motions."""
    x0, y0, x1, y1 = box
    here = np.array([[1.0, 0.0, x0], [0.0, 1.0, y0]])
    part = solid[y0:y1, x0:x1]
    seen, inside, beneath = [], [], []
    samples, shares = [], []
    for moment, (still, moving) in ways:
        assert moment.picture is not None
        light, there = _light(moment.picture, axis), _small(moment, size)
        seen.append(fetched(light, after(moving, here), part))
        inside.append(fetched((there > _SOME).astype(np.float32), after(moving, here), part))
        beneath.append(after(after(inverse(here), after(inverse(still), moving)), here))
        samples.append(fetched(light, after(still, here), part))
        shares.append(fetched(_uncovered(moment, size), after(still, here), part))
    ground, known = _agreed(np.stack(samples), np.stack(shares))
    return Layers(box, part, np.stack(seen), np.stack(inside), beneath, ground, known)


def _agreed(samples: Array, shares: Array) -> tuple[Array, Array]:
    """The ground's light times its weight, and that weight: frames that see it beyond the first, as far as they agree.

    A single frame may have seen what its mask lacks, and frames that differ saw something else pass.
    """
    count = shares.sum(0)
    mean = (shares * samples).sum(0) / np.maximum(count, 1e-6)
    spread = (shares * np.square(samples - mean)).sum(0) / np.maximum(count, 1e-6)
    weight = np.maximum(count - 1, 0) / (1 + spread / _AGREED**2)
    return mean * weight, weight


def _size(scene: Scene) -> tuple[int, int] | None:
    """Height and width of the reduced plate."""
    picture = scene.moment.picture
    return None if picture is None else (picture.reduced.view.shape[0], picture.reduced.view.shape[1])


def _small(moment: Moment, size: tuple[int, int]) -> Array:
    """Alpha on the reduced plate; nothing where the object is absent."""
    if moment.alpha is None:
        return np.zeros(size, np.float32)
    return np.asarray(cv2.resize(moment.alpha.cpu().numpy(), size[::-1], interpolation=cv2.INTER_AREA))


def _all_ways(scene: Scene, solid: Array) -> list[tuple[Moment, tuple[Array, Array]]]:
    """The frames to which both motions are known, with these, nearest first.

    Where the nearest say nothing, as of somebody who walks, no others are asked.
    """
    found: list[tuple[Moment, tuple[Array, Array]]] = []
    order = sorted(range(len(scene.moments)), key=lambda place: abs(place - scene.now))
    for tried, place in enumerate(order):
        if tried == _NEAREST and len(found) < _FEWEST:
            break
        way = _ways(scene.moment, scene.moments[place], solid)
        if way is not None:
            found.append((scene.moments[place], way))
    return found


def _ways(now: Moment, other: Moment, solid: Array) -> tuple[Array, Array] | None:
    """The ground's motion to another frame, and the object's, as maps; None where one of them is not known."""
    if now.picture is None or other.picture is None:
        return None
    if other is now:
        return matrix(np.zeros((3, 2))), matrix(np.zeros((3, 2)))
    flow, there = now.picture.flow_to(other.picture).cpu().numpy(), _small(other, solid.shape) > _SOME
    either = np.maximum(solid, there).astype(np.uint8)
    still = fit_affine(vectors(flow, cv2.dilate(either, np.ones((15, 15), np.uint8)) == 0))
    moving = None if still is None else _object_motion(flow, still, solid) if there.any() else still
    if still is None or moving is None:
        return None
    maps = matrix(still), matrix(moving)
    far = _farthest(after(inverse(maps[0]), maps[1]), _box(solid)) > _FARTHEST * math.hypot(*solid.shape)
    return None if far else maps


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
    beside = cv2.distanceTransform((_small(moment, size) < _EMPTY).astype(np.uint8), cv2.DIST_L2, 5)
    beside = np.minimum(beside, diagonal) / diagonal  # without an object it has no end
    return np.asarray(np.clip((beside - _NEAR) / (_AWAY - _NEAR), 0, 1), np.float32)


def _box(mask: Array) -> Box:
    """The pixels round a mask; all where it is empty."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not rows.size:
        return 0, 0, mask.shape[1], mask.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _grown(box: Box, margin: float, size: tuple[int, int]) -> Box:
    grow = math.ceil(margin) + 2
    return max(0, box[0] - grow), max(0, box[1] - grow), min(size[1], box[2] + grow), min(size[0], box[3] + grow)


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
    return np.asarray(axes[:, -1] * np.sign(axes[:, -1].sum()), np.float32)
