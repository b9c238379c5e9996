"""Actors: things that move about in a clip, each made of one or more sprites jointed together.

An actor is drawn about its own origin, upright, `reach` pixels across; a layer then places it in the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.layers import Part, Sprite
from sam2_roto.training.clips.library import Pool
from sam2_roto.training.clips.motion import shift, wander
from sam2_roto.training.clips.shapes import blob, random_shape, slab
from sam2_roto.training.clips.textures import Material, random_color, random_material

Array = npt.NDArray[Any]
Rng = np.random.Generator


@dataclass
class Actor:
    """Parts with poses relative to the actor's origin ([n, 3, 3]), and its reach (about its diameter) in pixels."""

    parts: list[Part]
    reach: float

    def placed(self, world: Array) -> list[Part]:
        """The parts, moved into the frame by world poses [n, 3, 3]."""
        return [Part(part.sprites, world @ part.poses, part.bends) for part in self.parts]


def premultiplied(color: Array, alpha: Array) -> Sprite:
    """A sprite of color uint8 [h, w, 3] and alpha uint8 [h, w]; a clear border is added all round."""
    rgb = (color.astype(np.uint16) * alpha[..., None] + 127) // 255
    rgba = np.dstack([rgb.astype(np.uint8), alpha])
    return Sprite(cv2.copyMakeBorder(rgba, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0)))


def shaded(rng: Rng, color: Array, alpha: Array) -> Array:
    """Light a flat picture as if its silhouette were rounded: diffuse light, rim, highlight, darker creases."""
    style = rng.random()
    if style < 0.25:
        return color
    height, width = alpha.shape
    depth = float(rng.choice([0.04, 0.12, 0.25]) * max(height, width))
    inside = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
    swell = cv2.GaussianBlur(np.sqrt(np.minimum(inside, depth) / depth), (0, 0), max(1.0, 0.2 * depth)) * depth
    slope_x, slope_y = cv2.Sobel(swell, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(swell, cv2.CV_32F, 0, 1) / 8
    steep = 1 / np.sqrt(slope_x**2 + slope_y**2 + 1)
    angle, lift = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.2)
    light = np.array([np.cos(angle), np.sin(angle), lift]) / np.hypot(1, lift)
    diffuse = np.clip((light[0] * slope_x + light[1] * slope_y + light[2]) * steep, 0, 1)
    ambient = rng.uniform(0.3, 0.8)
    lit = color * (ambient + (1.25 - ambient) * diffuse)[..., None]
    if style > 0.75:
        lit = lit + (rng.uniform(60, 200) * diffuse ** rng.uniform(8, 40))[..., None]
    return np.asarray(np.clip(lit, 0, 255).astype(np.uint8))


def decorated(rng: Rng, pool: Pool, color: Array, real: float) -> Array:
    """Paint areas of other materials into a picture: a face, a shirt, a label, two halves."""
    height, width = color.shape[:2]
    for _ in range(int(rng.choice([0, 0, 1, 2, 4]))):
        other = random_material(rng, pool, real).paint(rng, height, width)
        if rng.random() < 0.5:
            y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
            angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
            area = np.clip((x * np.cos(angle) + y * np.sin(angle) - offset) * 0.25 * width, 0, 1)
        else:
            area = _patch(rng, height, width)
        color = (color + area[..., None] * (other.astype(np.float32) - color)).astype(np.uint8)
    return color


def _patch(rng: Rng, height: int, width: int) -> Array:
    """A blob or slab somewhere in the picture: float32 [height, width] in 0..1."""
    side = int(max(8, rng.uniform(0.15, 0.5) * min(height, width)))
    stamp = (blob if rng.random() < 0.7 else slab)(rng, side)
    area = np.zeros((height, width), np.float32)
    y, x = int(rng.integers(0, max(height - side, 1))), int(rng.integers(0, max(width - side, 1)))
    target = area[y : y + side, x : x + side]
    target += stamp[: target.shape[0], : target.shape[1]] / 255
    return area


def clothed(rng: Rng, pool: Pool, alpha: Array, material: Material, real: float = 0.45) -> Sprite:
    """A sprite for a silhouette: painted, decorated, shaded, sometimes outlined."""
    height, width = alpha.shape
    color = shaded(rng, decorated(rng, pool, material.paint(rng, height, width), real), alpha)
    if rng.random() < 0.08:
        line = cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        color = (color + (line[..., None] / 255) * (random_color(rng) - color)).astype(np.uint8)
    return premultiplied(color, alpha)


def _still_part(sprite: Sprite, count: int, squash: tuple[float, float] = (1.0, 1.0)) -> Part:
    height, width = sprite.rgba.shape[:2]
    pose = np.diag([*squash, 1.0]) @ shift(-width / 2, -height / 2)
    return Part([sprite], np.broadcast_to(pose, (count, 3, 3)))


def bends(rng: Rng, times: Array, reach: float, strength: float) -> Array:
    """A smooth swaying displacement over a sprite, none at first: float32 [n, 5, 5, 2]."""
    curve = wander(rng, times, rng.uniform(2, 6), 50).reshape(len(times), 5, 5, 2)
    return (strength * reach * (curve - curve[:1])).astype(np.float32)


def solid(rng: Rng, pool: Pool, times: Array, reach: float, material: Material, *, thin: bool = False) -> Actor:
    """One silhouette, rigid or swaying."""
    side = max(12, round(reach))
    alpha = random_shape(rng, side, thin=thin)
    softness = rng.choice([0.0, 0.0, 0.6, 1.2])
    if softness and not thin:
        alpha = cv2.GaussianBlur(alpha, (0, 0), softness)
    squash = tuple(rng.choice([(1.0, 1.0), (0.6, 1.0), (1.0, 0.7)]))
    part = _still_part(clothed(rng, pool, alpha, material), len(times), squash)
    if rng.random() < 0.4:
        part.bends = bends(rng, times, side, float(rng.uniform(0.02, 0.09)))
    return Actor([part], reach)


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


def figure(rng: Rng, pool: Pool, times: Array, reach: float, material: Material) -> Actor:
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
        curve = wander(rng, times, pace)[:, 0]
        angle = bone.rest + energy * bone.swing * curve
        frame = np.zeros((len(times), 3, 3))
        frame[:, 0, 0] = frame[:, 1, 1] = np.cos(angle)
        frame[:, 0, 1], frame[:, 1, 0], frame[:, 2, 2] = -np.sin(angle), np.sin(angle), 1
        if bone.parent < 0:
            frame[:, :2, 2] = np.array(bone.joint) * reach
        else:
            parent = bones[bone.parent]
            joint = np.array([bone.joint[0] * parent.length * reach, bone.joint[1] * reach, 1.0])
            frame[:, :2, 2] = (frames[bone.parent] @ joint)[:, :2]
        frames.append(frame)
        sprite = clothed(rng, pool, _limb(rng, length, width), cloths[bone.cloth], 0.2)
        parts.append(Part([sprite], np.diag([mirror, 1, 1]) @ frame @ shift(-width / 2 - 2, -width / 2 - 2)))
    order = np.argsort(rng.normal(0, 0.6, len(parts)) - (np.arange(len(parts)) == 0))
    return Actor([parts[int(i)] for i in order], reach)


def random_actor(
    rng: Rng, pool: Pool, times: Array, reach: float, material: Material | None = None, *, thin: bool = False
) -> Actor:
    """A random actor about `reach` pixels across, its main surface of the material given or a random one."""
    material = material or random_material(rng, pool)
    if thin:
        return solid(rng, pool, times, reach, material, thin=True)
    if rng.random() < 0.4:
        return figure(rng, pool, times, reach, material)
    return solid(rng, pool, times, reach, material)
