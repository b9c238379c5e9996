"""Scenes: what a clip shows, by difficulty. Actors, their look-alikes, what hides them, and the order of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.actors import placed, random_actor
from sam2_roto.training.clips.layers import Layer, Part, Sprite
from sam2_roto.training.clips.library import Pool
from sam2_roto.training.clips.motion import path, poses, shift, spin
from sam2_roto.training.clips.pictures import followed_scene, picture_scene
from sam2_roto.training.clips.stage import Stage, place, random_background, random_speed, set_stage

Array = npt.NDArray[Any]
Rng = np.random.Generator

DIFFICULTIES = ("plain", "occlusion", "distractors", "thin")
_SHARES = (0.4, 0.25, 0.2, 0.15)
_FOLLOWED_SHARE, _PICTURE_SHARE = 0.12, 0.28


@dataclass
class Scene:
    """A background, layers from back to front, and how many tracked objects they show."""

    background: Part
    layers: list[Layer]
    objects: int


def _shadow(stage: Stage, parts: list[Part]) -> Layer:
    """The cast shadow of parts: their silhouettes, dark, soft and offset."""
    offset = shift(*(stage.rng.normal(0, 0.03, 2) * stage.size))
    dark = []
    for part in parts:
        rgba = np.zeros_like(part.sprites[0].rgba)
        rgba[..., 3] = cv2.GaussianBlur(part.sprites[0].rgba[..., 3], (0, 0), 0.008 * stage.size)
        dark.append(Part([Sprite(rgba)], offset @ part.poses, part.bends))
    return Layer(dark, -1, float(stage.rng.uniform(0.15, 0.45)))


def _extra(stage: Stage) -> list[Layer]:
    """Something that is not tracked: a prop that stands still, or an actor of its own."""
    kind = "still" if stage.rng.random() < 0.5 else None
    return _actor(stage, 0, thin=bool(stage.rng.random() < 0.2), kind=kind)


def _actor(stage: Stage, label: int, *, thin: bool, kind: str | None = None) -> list[Layer]:
    """An actor on a path of its own, now and then of the background's material, with or without a shadow."""
    rng = stage.rng
    reach = float(stage.size * np.exp(rng.uniform(np.log(0.3 if thin else 0.12), np.log(0.8))))
    material = stage.ground if rng.random() < 0.12 else None
    actor = random_actor(rng, stage.pool, stage.times, reach, material, thin=thin)
    parts = placed(actor, place(stage, float(rng.uniform(1, 1.4)), kind))
    layers = [Layer(parts, label)]
    return [_shadow(stage, parts), *layers] if rng.random() < 0.25 else layers


def _box(layer: Layer, index: int) -> Array:
    """Left, top, right and bottom of all parts of a layer at a time, in pixels of the frame."""
    points = []
    for part in layer.parts:
        height, width = part.sprites[min(index, len(part.sprites) - 1)].rgba.shape[:2]
        corners = np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]])
        points.append((part.poses[index] @ corners)[:2])
    every = np.concatenate(points, axis=1)
    return np.concatenate([every.min(axis=1), every.max(axis=1)])


def occluder(stage: Stage, target: Layer) -> Layer:
    """Something before the target in the middle of the clip, from a part of its size to well over it.

    It passes, stands still while the target may pass, or passes while it goes along with the target.
    """
    rng, times, size = stage.rng, stage.times, stage.size
    moment = int(rng.uniform(0.3, 0.75) * (len(times) - 1))
    boxes = np.stack([_box(target, index) for index in range(len(times))])
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    extent = float((boxes[moment, 2:] - boxes[moment, :2]).max())
    reach = float(np.clip(extent * rng.uniform(0.7, 2.3), 0.1 * size, 1.2 * size))
    meet = centers[moment] + rng.normal(0, 0.1, 2) * min(extent, size)
    angle, pace = rng.uniform(0, 2 * np.pi), (min(extent, size) + reach) / (max(times.max(), 2) * rng.uniform(0.3, 0.9))
    away = np.outer(times - times[moment], pace * np.array([np.cos(angle), np.sin(angle)]))
    manner = rng.choice(["passing", "standing", "along"], p=[0.6, 0.2, 0.2])
    start = {"passing": meet + away, "standing": meet + 0 * away, "along": centers + away}[str(manner)]
    angles = rng.uniform(0, 6) + spin(rng, times, 0.05)
    actor = random_actor(rng, stage.pool, times, reach)
    return Layer(placed(actor, poses(start, angles, np.ones(len(times)))), 0)


def look_alike(stage: Stage, target: Layer) -> Layer:
    """A copy of an object at another place, moving on its own."""
    rng = stage.rng
    travel = path(rng, stage.times, np.zeros(2), random_speed(rng, stage.size), stage.size * 4, "wander")
    angle = rng.uniform(0, 2 * np.pi)
    away = rng.uniform(0.2, 0.6) * stage.size * np.array([np.cos(angle), np.sin(angle)])
    move = np.stack([shift(*(away + step)) for step in travel])
    return Layer([Part(part.sprites, move @ part.poses, part.bends) for part in target.parts], 0)


def _cast(stage: Stage, level: str, objects: int) -> tuple[Part, list[Layer], int]:
    """The background and the tracked layers: pieces of one picture, or actors before a background."""
    draw = stage.rng.random()
    if level != "thin" and len(stage.pool.tracks) and draw < _FOLLOWED_SHARE:
        return followed_scene(stage)
    if level != "thin" and len(stage.pool.regions) and draw < _FOLLOWED_SHARE + _PICTURE_SHARE:
        return picture_scene(stage, objects)
    background = random_background(stage)
    layers: list[Layer] = []
    for label in range(1, objects + 1):
        layers += _actor(stage, label, thin=level == "thin" and (label == 1 or stage.rng.random() < 0.5))
    return background, layers, objects


def _insert(rng: Rng, layers: list[Layer], added: list[Layer]) -> None:
    """Put layers at a random depth, together."""
    place_ = int(rng.integers(0, len(layers) + 1))
    layers[place_:place_] = added


def random_scene(rng: Rng, pool: Pool, times: Array, size: int, difficulty: str | None) -> Scene:
    """A random scene of a difficulty (one of DIFFICULTIES; None mixes all and adds bystanders to more of them)."""
    stage = set_stage(rng, pool, times, size)
    level = difficulty or str(rng.choice(DIFFICULTIES, p=_SHARES))
    background, layers, objects = _cast(stage, level, int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2])))
    targets = [layer for layer in layers if layer.label > 0]
    if difficulty != "plain":
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))):
            _insert(rng, layers, _extra(stage))
    if level == "distractors":
        for _ in range(int(rng.integers(1, 4))):
            _insert(rng, layers, [look_alike(stage, targets[0])])
    if level == "occlusion":
        for _ in range(int(rng.choice([1, 1, 2]))):
            layers.append(occluder(stage, targets[int(rng.integers(len(targets)))]))
    return Scene(background, layers, objects)
