"""Scenes: what a clip shows. Backgrounds, actors and where they go, by difficulty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.actors import random_actor
from sam2_roto.training.clips.layers import Layer, Part, Sprite
from sam2_roto.training.clips.library import Pool
from sam2_roto.training.clips.motion import camera, growth, path, poses, shift, spin, with_parallax
from sam2_roto.training.clips.textures import Material, random_material, random_picture

Array = npt.NDArray[Any]
Rng = np.random.Generator

DIFFICULTIES = ("plain", "occlusion", "distractors", "thin")


@dataclass
class Scene:
    """A background, layers from back to front, and how many tracked objects they show."""

    background: Part
    layers: list[Layer]
    objects: int


@dataclass
class Stage:
    """What every maker of a scene needs: the clip's times [n], size, sources, camera poses, background material."""

    rng: Rng
    pool: Pool
    times: Array
    size: int
    view: Array
    ground: Material

    def world(self, positions: Array, angles: Array, scales: Array, depth: float) -> Array:
        """World poses of an actor at a depth, as the camera sees them."""
        return with_parallax(self.view, depth, self.size) @ poses(positions, angles, scales)


def random_speed(rng: Rng, size: int) -> float:
    """Fastest step of an object in pixels per frame: nearly still to 12 % of the frame."""
    return float(size * np.exp(rng.uniform(np.log(0.003), np.log(0.12))))


def _opaque(picture: Array) -> Sprite:
    return Sprite(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]))


def _cover(crop: tuple[float, float, float, float], size: int) -> Array:
    """Pose that maps a crop x, y, w, h (pixels of a picture) to the frame."""
    x, y, wide, tall = crop
    return np.diag([size / wide, size / tall, 1.0]) @ shift(-x, -y)


def random_crop(rng: Rng, width: int, height: int) -> tuple[float, float, float, float]:
    """A crop for a square frame: square, or squeezed from up to the picture's own aspect ratio."""
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
    pose = _cover(random_crop(rng, width, height), size)
    chosen = np.round(index).astype(int)
    sprites = {int(i): _opaque(np.asarray(pool.footage[int(i)])) for i in np.unique(chosen)}
    return Part([sprites[int(i)] for i in chosen], np.broadcast_to(pose, (len(times), 3, 3)))


def still_background(stage: Stage) -> Part:
    """A real picture or a texture, larger than the frame, that the camera moves over."""
    if len(stage.pool.footage) and stage.rng.random() < 0.6:
        picture = random_picture(stage.rng, stage.pool)
        height, width = picture.shape[:2]
        pose = _cover(random_crop(stage.rng, width, height), stage.size)
    else:
        side = round(1.3 * stage.size)
        picture = stage.ground.paint(stage.rng, side, side)
        pose = shift((stage.size - side) / 2, (stage.size - side) / 2)
    return Part([_opaque(picture)], stage.view @ pose)


def _place(stage: Stage, depth: float, start: Array | None = None, kind: str | None = None) -> Array:
    rng, size = stage.rng, stage.size
    start = rng.uniform(0.15, 0.85, 2) * size if start is None else start
    positions = path(rng, stage.times, start, random_speed(rng, size), size, kind)
    turn = rng.choice([0.0, 0.03, 0.15, 0.5], p=[0.35, 0.3, 0.25, 0.1])
    angles = rng.normal(0, 0.25) + spin(rng, stage.times, turn)
    scales = growth(rng, stage.times, rng.choice([0.0, 0.01, 0.05]))
    return stage.world(positions, angles, scales, depth)


def _shadow(stage: Stage, parts: list[Part]) -> Layer:
    """The cast shadow of parts: their silhouettes, dark, soft and offset."""
    offset = shift(*(stage.rng.normal(0, 0.03, 2) * stage.size))
    dark = []
    for part in parts:
        rgba = np.zeros_like(part.sprites[0].rgba)
        rgba[..., 3] = cv2.GaussianBlur(part.sprites[0].rgba[..., 3], (0, 0), 0.008 * stage.size)
        dark.append(Part([Sprite(rgba)], offset @ part.poses, part.bends))
    return Layer(dark, -1, float(stage.rng.uniform(0.15, 0.45)))


def _object(stage: Stage, label: int, *, thin: bool, kind: str | None = None) -> list[Layer]:
    rng = stage.rng
    reach = stage.size * np.exp(rng.uniform(np.log(0.3 if thin else 0.12), np.log(0.75)))
    material = stage.ground if rng.random() < 0.12 else None
    actor = random_actor(rng, stage.pool, stage.times, float(reach), material, thin=thin)
    parts = actor.placed(_place(stage, float(rng.uniform(1, 1.4)), kind=kind))
    layers = [Layer(parts, label)]
    return [_shadow(stage, parts), *layers] if rng.random() < 0.25 else layers


def _center(layer: Layer, index: int) -> Array:
    part = layer.parts[0]
    height, width = part.sprites[0].rgba.shape[:2]
    return np.asarray((part.poses[index] @ np.array([width / 2, height / 2, 1.0]))[:2])


def occluder(stage: Stage, target: Layer) -> Layer:
    """Something that passes in front of the target in the middle of the clip, hiding part or all of it."""
    rng, times, size = stage.rng, stage.times, stage.size
    moment = int(rng.uniform(0.3, 0.75) * (len(times) - 1))
    meet = _center(target, moment) + rng.normal(0, 0.03, 2) * size
    reach = float(size * rng.uniform(0.25, 0.8))
    actor = random_actor(rng, stage.pool, times, reach)
    angle = rng.uniform(0, 2 * np.pi)
    pace = size * rng.uniform(0.03, 0.15)
    positions = meet + np.outer(times - times[moment], pace * np.array([np.cos(angle), np.sin(angle)]))
    angles = rng.uniform(0, 6) + spin(rng, times, 0.05)
    return Layer(actor.placed(poses(positions, angles, np.ones(len(times)))), 0)


def look_alikes(stage: Stage, target: Layer, count: int) -> list[Layer]:
    """Copies of an object at other places, moving on their own."""
    copies = []
    for _ in range(count):
        rng = stage.rng
        travel = path(rng, stage.times, np.zeros(2), random_speed(rng, stage.size), stage.size * 4, "wander")
        away = rng.uniform(0.2, 0.6) * stage.size * np.array(_unit(rng))
        move = np.stack([shift(*(away + step)) for step in travel])
        parts = [Part(part.sprites, move @ part.poses, part.bends) for part in target.parts]
        copies.append(Layer(parts, 0))
    return copies


def _unit(rng: Rng) -> tuple[float, float]:
    angle = rng.uniform(0, 2 * np.pi)
    return float(np.cos(angle)), float(np.sin(angle))


def set_stage(rng: Rng, pool: Pool, times: Array, size: int) -> Stage:
    """The camera and the background material of a clip."""
    strength = rng.choice([0.0, 0.15, 0.5, 1.0], p=[0.3, 0.3, 0.25, 0.15])
    return Stage(rng, pool, times, size, camera(rng, times, size, float(strength)), random_material(rng, pool, 0.6))


def random_scene(rng: Rng, pool: Pool, times: Array, size: int, difficulty: str | None) -> Scene:
    """A random scene of a difficulty (one of DIFFICULTIES; None mixes all)."""
    stage = set_stage(rng, pool, times, size)
    level = difficulty or str(rng.choice(DIFFICULTIES, p=[0.4, 0.25, 0.2, 0.15]))
    if len(pool.shots) and rng.random() < 0.35:
        background = footage_background(rng, pool, times, size)
    else:
        background = still_background(stage)
    objects = int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
    layers: list[Layer] = []
    for _ in range(int(rng.integers(0, 4)) if level != "plain" or difficulty is None else 0):
        layers += _object(stage, 0, thin=bool(rng.random() < 0.2))
    for label in range(1, objects + 1):
        layers += _object(stage, label, thin=level == "thin" and (label == 1 or rng.random() < 0.5))
    targets = [layer for layer in layers if layer.label > 0]
    if level == "distractors":
        copies = look_alikes(stage, targets[0], int(rng.integers(1, 4)))
        for copy in copies:
            layers.insert(int(rng.integers(0, len(layers) + 1)), copy)
    if level == "occlusion":
        layers.append(occluder(stage, targets[int(rng.integers(len(targets)))]))
    return Scene(background, layers, objects)
