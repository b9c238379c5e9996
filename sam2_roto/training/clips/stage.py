"""The stage: what all makers of a scene share, and backgrounds to play before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.layers import Part, Sprite
from sam2_roto.training.clips.library import Pool
from sam2_roto.training.clips.motion import camera, growth, path, poses, shift, spin, wander, with_parallax
from sam2_roto.training.clips.textures import Material, random_material, random_picture

Array = npt.NDArray[Any]
Rng = np.random.Generator


@dataclass
class Stage:
    """A clip's times [n], side in pixels, sources, camera poses [n, 3, 3] and the background's material."""

    rng: Rng
    pool: Pool
    times: Array
    size: int
    view: Array
    ground: Material


def set_stage(rng: Rng, pool: Pool, times: Array, size: int) -> Stage:
    """A stage with a camera from still to fast."""
    strength = float(rng.choice([0.0, 0.15, 0.5, 1.0], p=[0.3, 0.3, 0.25, 0.15]))
    return Stage(rng, pool, times, size, camera(rng, times, size, strength), random_material(rng, pool, 0.6))


def random_speed(rng: Rng, size: int) -> float:
    """Fastest step of an object in pixels per frame: nearly still to 12 % of the frame."""
    return float(size * np.exp(rng.uniform(np.log(0.003), np.log(0.12))))


def place(stage: Stage, depth: float, kind: str | None = None) -> Array:
    """World poses [n, 3, 3] of an actor on a random path, turning, growing, and seen from changing sides."""
    rng, size, times = stage.rng, stage.size, stage.times
    positions = path(rng, times, rng.uniform(0.15, 0.85, 2) * size, random_speed(rng, size), size, kind)
    turn = rng.choice([0.0, 0.03, 0.15, 0.5], p=[0.35, 0.3, 0.25, 0.1])
    angles = rng.normal(0, 0.25) + spin(rng, times, turn)
    scales = growth(rng, times, rng.choice([0.0, 0.01, 0.05]))
    world = with_parallax(stage.view, depth, size) @ poses(positions, angles, scales)
    return world @ _aspects(rng, times) if rng.random() < 0.4 else world


def _aspects(rng: Rng, times: Array) -> Array:
    """An actor turning out of the picture's plane, roughly: its width and slant change over time: [n, 3, 3]."""
    matrix = np.broadcast_to(np.eye(3), (len(times), 3, 3)).copy()
    if rng.random() < 0.3:
        width = np.cos(rng.uniform(-0.5, 0.5) + times * rng.normal(0, 0.25))
        matrix[:, 0, 0] = np.where(np.abs(width) < 0.25, np.copysign(0.25, width), width)
        return matrix
    curve = wander(rng, times, rng.uniform(3, 9), 3) * rng.uniform(0.05, 0.2)
    matrix[:, 0, 0], matrix[:, 1, 1] = np.exp(curve[:, 0]), np.exp(0.5 * curve[:, 1])
    matrix[:, 0, 1] = curve[:, 2]
    return matrix


def opaque(picture: Array) -> Sprite:
    """A sprite of a whole picture uint8 [h, w, 3]."""
    return Sprite(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]))


def cover(crop: tuple[float, float, float, float], size: int) -> Array:
    """The pose that maps a crop x, y, w, h (pixels of a picture) to the frame."""
    x, y, wide, tall = crop
    return np.diag([size / wide, size / tall, 1.0]) @ shift(-x, -y)


def random_crop(rng: Rng, width: int, height: int) -> tuple[float, float, float, float]:
    """A crop for a square frame: square, or squeezed from up to the picture's own proportions."""
    tall = height * rng.uniform(0.55, 0.98)
    wide = min(tall * rng.uniform(1.0, 1.8), width * 0.98)
    return float(rng.uniform(0, width - wide)), float(rng.uniform(0, height - tall)), float(wide), float(tall)


def footage_background(rng: Rng, pool: Pool, times: Array, size: int) -> Part:
    """A moving piece of real footage, at a random stride, forward or backward."""
    first, stop = pool.shots[int(rng.integers(len(pool.shots)))]
    stride = rng.choice([0.5, 1.0, 1.0, 2.0, 3.0])
    span = min(times.max() * stride, stop - first - 1)
    index = first + rng.uniform(0, stop - first - 1 - span) + times / max(times.max(), 1) * span
    index = index[::-1] if rng.random() < 0.3 else index
    height, width = pool.footage.shape[1:3]
    pose = cover(random_crop(rng, width, height), size)
    chosen = np.round(index).astype(int)
    sprites = {int(i): opaque(np.asarray(pool.footage[int(i)])) for i in np.unique(chosen)}
    return Part([sprites[int(i)] for i in chosen], np.broadcast_to(pose, (len(times), 3, 3)))


def still_background(stage: Stage) -> Part:
    """A real picture or a texture, larger than the frame, that the camera moves over."""
    if stage.pool.pictures and stage.rng.random() < 0.65:
        picture = random_picture(stage.rng, stage.pool)
        pose = cover(random_crop(stage.rng, picture.shape[1], picture.shape[0]), stage.size)
    else:
        side = round(1.3 * stage.size)
        picture = stage.ground.paint(stage.rng, side, side)
        pose = shift((stage.size - side) / 2, (stage.size - side) / 2)
    return Part([opaque(picture)], stage.view @ pose)


def random_background(stage: Stage) -> Part:
    """Footage, a picture or a texture."""
    if len(stage.pool.shots) and stage.rng.random() < 0.35:
        return footage_background(stage.rng, stage.pool, stage.times, stage.size)
    return still_background(stage)
