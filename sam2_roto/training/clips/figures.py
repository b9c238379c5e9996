"""Figures: articulated bodies, drawn limb by limb about joints that swing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.layers import Part
from sam2_roto.training.clips.library import Pool
from sam2_roto.training.clips.motion import shift, wander
from sam2_roto.training.clips.surfaces import clothed
from sam2_roto.training.clips.textures import Material, random_material

Array = npt.NDArray[Any]
Rng = np.random.Generator


@dataclass
class _Bone:
    """A limb: attached at `joint` (share of the parent's length, or a point), swinging about `rest`."""

    parent: int
    joint: tuple[float, float]
    length: float
    width: float
    rest: float
    swing: float
    cloth: int


def _biped(rng: Rng) -> list[_Bone]:
    """Torso, head, two arms and two legs of two parts each; angles are clockwise from pointing right."""
    down, wide = np.pi / 2, rng.uniform(0.14, 0.24)
    bones = [_Bone(-1, (0.0, -0.18), 0.34, wide, down, 0.1, 0)]
    for side in (-1, 1):
        bones.append(_Bone(0, (1.0, side * 0.3 * wide), 0.24, 0.4 * wide, down - side * 0.1, 0.5, 1))
        bones.append(_Bone(len(bones) - 1, (1.0, 0.0), 0.24, 0.33 * wide, down + 0.1, 0.4, 1))
        bones.append(_Bone(0, (0.05, side * 0.45 * wide), 0.2, 0.3 * wide, down - side * rng.uniform(0.1, 1), 0.6, 0))
        bones.append(_Bone(len(bones) - 1, (1.0, 0.0), 0.19, 0.25 * wide, down - side * rng.uniform(-1, 1), 0.6, 2))
    bones.append(_Bone(0, (-0.05, 0.0), rng.uniform(0.14, 0.2), rng.uniform(0.11, 0.17), -down, 0.25, 2))
    return bones


def _quadruped(rng: Rng) -> list[_Bone]:
    """Body, neck and head, four legs of two parts, tail."""
    down, thick = np.pi / 2, rng.uniform(0.15, 0.28)
    bones = [_Bone(-1, (-0.25, 0.0), 0.5, thick, rng.normal(0, 0.1), 0.06, 0)]
    for place in (0.06, 0.14, 0.86, 0.94):
        bones.append(_Bone(0, (place, 0.2 * thick), rng.uniform(0.14, 0.2), 0.36 * thick, down, 0.6, 1))
        bones.append(_Bone(len(bones) - 1, (1.0, 0.0), rng.uniform(0.12, 0.18), 0.24 * thick, down + 0.1, 0.5, 1))
    bones.append(_Bone(0, (0.97, -0.2 * thick), rng.uniform(0.12, 0.3), 0.5 * thick, -rng.uniform(0.3, 1.4), 0.2, 0))
    bones.append(_Bone(len(bones) - 1, (0.9, 0.0), rng.uniform(0.15, 0.24), 0.55 * thick, rng.uniform(0, 0.5), 0.2, 2))
    bones.append(
        _Bone(0, (0.02, -0.3 * thick), rng.uniform(0.12, 0.3), 0.15 * thick, np.pi + rng.uniform(0, 1), 0.7, 0)
    )
    return bones


def _hand(rng: Rng) -> list[_Bone]:
    """Forearm, palm and five fingers of two parts."""
    up = -np.pi / 2
    bones = [_Bone(-1, (0.0, 0.45), 0.3, 0.17, up, 0.1, 1), _Bone(0, (0.95, 0.0), 0.25, 0.23, up, 0.15, 0)]
    for finger in range(5):
        spread = (finger - 2) * rng.uniform(0.1, 0.3)
        bones.append(_Bone(1, (0.9, (finger - 2) * 0.05), 0.13, 0.052, up + spread, 0.35, 0))
        bones.append(_Bone(len(bones) - 1, (1.0, 0.0), 0.11, 0.046, up + spread, 0.45, 0))
    return bones


def _creature(rng: Rng) -> list[_Bone]:
    """A random tree of limbs about a body; long chains for snakes and arms."""
    bones = [_Bone(-1, (-0.15, 0.0), 0.3, rng.uniform(0.12, 0.3), rng.uniform(0, 2 * np.pi), 0.1, 0)]
    chain = rng.random() < 0.3
    for index in range(int(rng.integers(2, 8))):
        parent = index if chain else int(rng.integers(0, max(1, len(bones) - 1)))
        rest = bones[parent].rest + rng.normal(0, 0.4) if chain else rng.uniform(0, 2 * np.pi)
        length, width = rng.uniform(0.12, 0.3), rng.uniform(0.03, 0.16)
        bones.append(_Bone(parent, (float(rng.uniform(0.3, 1)), 0.0), length, width, rest, 0.4, int(rng.integers(3))))
    return bones


def _limb(rng: Rng, length: float, width: float) -> Array:
    """A rounded, tapering limb pointing right, its joint half a width from the left: uint8."""
    tall, wide = max(3, round(width)), max(4, round(length + width))
    start, stop = tall / 2, tall / 2 * rng.uniform(0.6, 1.0)
    along = np.linspace(0, np.pi, 9)
    right = np.stack([wide - stop + stop * np.sin(along), tall / 2 - stop * np.cos(along)], 1)
    left = np.stack([start - start * np.sin(along), tall / 2 + start * np.cos(along)], 1)
    canvas = np.zeros((tall + 1, wide + 1), np.uint8)
    points = np.round(np.concatenate([right, left]) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [points], (255,), cv2.LINE_AA, 4)
    return canvas


def _swung(angle: Array) -> Array:
    """Poses that turn by the angles [n]: float64 [n, 3, 3]."""
    frame = np.zeros((len(angle), 3, 3))
    frame[:, 0, 0] = frame[:, 1, 1] = np.cos(angle)
    frame[:, 0, 1], frame[:, 1, 0], frame[:, 2, 2] = -np.sin(angle), np.sin(angle), 1
    return frame


def figure_parts(rng: Rng, pool: Pool, times: Array, reach: float, material: Material) -> list[Part]:
    """An articulated body: person, animal, hand, or an invented creature, its limbs swinging."""
    bones = (_biped, _quadruped, _hand, _creature)[int(rng.integers(4))](rng)
    cloths = [material, random_material(rng, pool), random_material(rng, pool)]
    if rng.random() < 0.35:
        cloths = [material] * 3
    pace, energy = rng.uniform(2, 8), rng.choice([0.1, 0.5, 1.0])
    mirror = rng.choice([-1.0, 1.0])
    frames: list[Array] = []
    parts = []
    for bone in bones:
        length, width = bone.length * reach, max(2.0, bone.width * reach)
        frame = _swung(bone.rest + energy * bone.swing * wander(rng, times, pace)[:, 0])
        if bone.parent < 0:
            frame[:, :2, 2] = np.array(bone.joint) * reach
        else:
            joint = np.array([bone.joint[0] * bones[bone.parent].length * reach, bone.joint[1] * reach, 1.0])
            frame[:, :2, 2] = (frames[bone.parent] @ joint)[:, :2]
        frames.append(frame)
        sprite = clothed(rng, pool, _limb(rng, length, width), cloths[bone.cloth], 0.2)
        parts.append(Part([sprite], np.diag([mirror, 1, 1]) @ frame @ shift(-width / 2 - 2, -width / 2 - 2)))
    order = np.argsort(rng.normal(0, 0.6, len(parts)) - (np.arange(len(parts)) == 0))
    return [parts[int(i)] for i in order]
