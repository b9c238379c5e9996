"""Scenes made from one real picture: a region of it moves, the rest is warped behind, as STM and STCN are pre-trained.

The region keeps its own pixels, so what is tracked looks like a part of a photograph, edges and all.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.actors import random_region, region
from sam2_roto.training.clips.layers import Layer, Part
from sam2_roto.training.clips.motion import growth, path, poses, shift, spin, wander, with_parallax
from sam2_roto.training.clips.stage import Stage, cover, opaque, random_speed
from sam2_roto.training.clips.surfaces import premultiplied

Array = npt.NDArray[Any]
Rng = np.random.Generator

_GRID = 5
_SOFT = 9


def picture_scene(stage: Stage, objects: int) -> tuple[Part, list[Layer], int]:
    """Background, layers and number of tracked objects of a scene made from one real picture with regions."""
    rng, pool = stage.rng, stage.pool
    index = pool.regions.index
    first = random_region(rng, pool)
    number = int(index[first, 2])
    others = rng.permutation([int(i) for i in np.flatnonzero(index[:, 2] == number) if i != first])
    chosen = _apart([region(pool, int(i)) for i in (first, *others)])[:objects]
    picture = pool.picture(number)
    for _, alpha, (_, x, y, *_) in chosen:
        picture = without(rng, picture, alpha, x, y)
    crop = _crop_around(rng, picture.shape[1], picture.shape[0], chosen[0][2][1:])
    frame = cover(crop, stage.size)
    warp = _warp(rng, stage.times, picture.shape[1])
    background = Part([opaque(picture)], stage.view @ frame, warp)
    glued = rng.random() < 0.3
    layers = [
        Layer([_moving(stage, piece, frame, warp, picture.shape[:2], glued)], label)
        for label, piece in enumerate(chosen, start=1)
    ]
    return background, layers, len(chosen)


def followed_scene(stage: Stage) -> tuple[Part, list[Layer], int]:
    """A piece of real footage in which a thing was followed, at a random stride, forward, backward, to and fro."""
    rng, pool = stage.rng, stage.pool
    first, stop = pool.tracks[int(rng.integers(len(pool.tracks)))]
    steps = rng.integers(stop - first) + stage.times * float(rng.choice([0.5, 1.0, 1.0, 2.0])) * rng.choice([-1, 1])
    numbers = first + _to_and_fro(np.round(steps).astype(int), int(stop - first))
    pieces = {int(number): region(pool, int(number)) for number in np.unique(numbers)}
    box = pieces[int(numbers[0])][2][1:]
    frame = cover(_crop_around(rng, pool.footage.shape[2], pool.footage.shape[1], box), stage.size)
    sway = stage.view if rng.random() < 0.4 else np.broadcast_to(np.eye(3), (len(stage.times), 3, 3))
    pictures = {number: opaque(pool.picture(piece[2][0])) for number, piece in pieces.items()}
    sprites = {number: premultiplied(color, alpha) for number, (color, alpha, _) in pieces.items()}
    corners = np.stack([shift(pieces[int(n)][2][1] - 2, pieces[int(n)][2][2] - 2) for n in numbers])
    background = Part([pictures[int(number)] for number in numbers], sway @ frame)
    thing = Part([sprites[int(number)] for number in numbers], sway @ frame @ corners)
    return background, [Layer([thing], 1)], 1


def _to_and_fro(steps: Array, count: int) -> Array:
    """Whole numbers folded into 0..count - 1, turning back at both ends."""
    if count == 1:
        return np.zeros_like(steps)
    phase = np.mod(steps, 2 * count - 2)
    return np.where(phase >= count, 2 * count - 2 - phase, phase)


def _apart(regions: list[tuple[Array, Array, list[int]]]) -> list[tuple[Array, Array, list[int]]]:
    """The regions in their order, without those whose boxes overlap one that is already taken."""
    taken: list[tuple[Array, Array, list[int]]] = []
    for candidate in regions:
        _, x, y, wide, tall = candidate[2]
        boxes = [other[2] for other in taken]
        if not any(x < b[1] + b[3] and b[1] < x + wide and y < b[2] + b[4] and b[2] < y + tall for b in boxes):
            taken.append(candidate)
    return taken


def _crop_around(rng: Rng, width: int, height: int, box: list[int]) -> tuple[float, float, float, float]:
    """A crop of the picture that shows most of a box; square, or squeezed by up to the picture's own proportions."""
    x, y, wide, tall = box
    high = float(np.clip(rng.uniform(1.2, 4) * max(tall, wide / 1.8), 0.4 * height, 0.98 * height))
    across = float(np.clip(high * rng.uniform(1.0, 1.8), min(1.1 * wide, 0.9 * width), 0.98 * width))
    left = np.clip(x + wide / 2 - across * rng.uniform(0.3, 0.7), 0, width - across)
    top = np.clip(y + tall / 2 - high * rng.uniform(0.3, 0.7), 0, height - high)
    return float(left), float(top), across, high


def _warp(rng: Rng, times: Array, width: int) -> Array | None:
    """A smooth swaying displacement over the whole picture: float32 [n, 5, 5, 2] in its pixels; None for none."""
    strength = float(rng.choice([0.0, 0.01, 0.03], p=[0.3, 0.4, 0.3]))
    if not strength:
        return None
    curve = wander(rng, times, rng.uniform(3, 10), 2 * _GRID**2).reshape(len(times), _GRID, _GRID, 2)
    return (strength * width * (curve - curve[:1])).astype(np.float32)


def _moving(
    stage: Stage,
    piece: tuple[Array, Array, list[int]],
    frame: Array,
    warp: Array | None,
    shape: tuple[int, int],
    glued: bool,
) -> Part:
    """A region as a part that moves with its picture and, unless glued, on its own as well."""
    rng, times = stage.rng, stage.times
    color, alpha, (_, x, y, wide, tall) = piece
    middle = frame @ np.array([x + wide / 2, y + tall / 2, 1.0])
    own = np.broadcast_to(np.eye(3), (len(times), 3, 3))
    bends = None if warp is None else _window(warp, shape, (x, y, wide, tall))
    if not glued:
        speed = random_speed(rng, stage.size)
        positions = path(rng, times, middle[:2], speed, stage.size)
        turn = spin(rng, times, rng.choice([0.0, 0.03, 0.12]))
        grown = growth(rng, times, rng.choice([0.0, 0.02, 0.05]))
        own = poses(positions, turn, grown) @ shift(-middle[0], -middle[1])
        sway = wander(rng, times, rng.uniform(2, 6), 2 * _GRID**2).reshape(len(times), _GRID, _GRID, 2)
        sway = (rng.choice([0.0, 0.03, 0.06]) * np.sqrt(wide * tall) * (sway - sway[:1])).astype(np.float32)
        bends = sway if bends is None else bends + sway
    view = with_parallax(stage.view, 1.0 if glued else float(rng.uniform(1, 1.3)), stage.size)
    return Part([premultiplied(color, alpha)], view @ own @ frame @ shift(x - 2, y - 2), bends)


def _window(warp: Array, shape: tuple[int, int], box: tuple[int, int, int, int]) -> Array:
    """The part of a picture's displacement grid that lies over a box, as a grid of the same size."""
    x, y, wide, tall = box
    across = (np.linspace(x, x + wide, _GRID) / shape[1] * (_GRID - 1)).astype(np.float32)
    down = (np.linspace(y, y + tall, _GRID) / shape[0] * (_GRID - 1)).astype(np.float32)
    columns, rows = np.meshgrid(across, down)
    return np.stack(
        [cv2.remap(grid, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for grid in warp]
    )


def without(rng: Rng, picture: Array, alpha: Array, x: int, y: int) -> Array:
    """A picture with a region painted over: another part of the picture, brought to the surroundings' brightness."""
    height, width = picture.shape[:2]
    tall, wide = alpha.shape
    mask = np.zeros((height, width), np.float32)
    mask[y : y + tall, x : x + wide] = alpha / 255
    hole = cv2.dilate(mask, np.ones((_SOFT, _SOFT), np.uint8))
    soft = cv2.GaussianBlur(hole, (0, 0), 2.5)[..., None]
    away = int(np.clip(rng.uniform(1.1, 1.6) * wide, 16, width - 16)) * int(rng.choice([-1, 1]))
    other = np.roll(picture, away, axis=1)
    known = (1 - hole)[..., None]
    low = _smooth(picture * known) / np.maximum(_smooth(np.repeat(known, 3, axis=2)), 0.02)
    filled = other + low - _smooth(other.astype(np.float32))
    return np.clip(picture + soft * (filled - picture), 0, 255).astype(np.uint8)


def _smooth(picture: Array) -> Array:
    """A strong blur, by way of a small copy: float32 of the same shape."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), 4), (width, height), interpolation=cv2.INTER_LINEAR)
