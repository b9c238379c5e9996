"""Actors: things that move about in a clip, each made of one or more sprites.

An actor is drawn about its own origin, upright, about `reach` pixels across; a layer then places it in the frame.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.artwork import decode_sprite
from sam2_roto.training.clips.figures import figure_parts
from sam2_roto.training.clips.footage import CENTRAL, COLORED, FOLLOWED, MOVING
from sam2_roto.training.clips.layers import Part, Sprite
from sam2_roto.training.clips.library import Pool
from sam2_roto.training.clips.motion import shift, wander
from sam2_roto.training.clips.packed import unpack_mask
from sam2_roto.training.clips.shapes import random_shape
from sam2_roto.training.clips.surfaces import clothed, furry, lighting, premultiplied
from sam2_roto.training.clips.textures import Material, random_material

Array = npt.NDArray[Any]
Rng = np.random.Generator

_KINDS = ("solid", "rolling", "figure", "cutout", "artwork", "masklet")
_SHARES = (0.18, 0.1, 0.24, 0.22, 0.2, 0.06)
_REGION_SHARES = {FOLLOWED: 0.35, MOVING: 0.15, CENTRAL: 0.25, COLORED: 0.25}


def placed(parts: list[Part], world: Array) -> list[Part]:
    """An actor's parts, moved into the frame by world poses [n, 3, 3]."""
    return [Part(part.sprites, world @ part.poses, part.bends) for part in parts]


def _centered(sprites: list[Sprite], count: int, squash: tuple[float, float] = (1.0, 1.0)) -> Part:
    height, width = sprites[0].rgba.shape[:2]
    pose = np.diag([*squash, 1.0]) @ shift(-width / 2, -height / 2)
    return Part(sprites, np.broadcast_to(pose, (count, 3, 3)))


def bends(rng: Rng, times: Array, reach: float, strength: float) -> Array:
    """A smooth swaying displacement over a sprite, none at first: float32 [n, 5, 5, 2] in pixels."""
    curve = wander(rng, times, rng.uniform(2, 6), 50).reshape(len(times), 5, 5, 2)
    return (strength * reach * (curve - curve[:1])).astype(np.float32)


def _swaying(rng: Rng, part: Part, times: Array, reach: float, chance: float) -> list[Part]:
    if rng.random() < chance:
        part.bends = bends(rng, times, reach, float(rng.uniform(0.02, 0.07)))
    return [part]


def silhouette(rng: Rng, pool: Pool, side: int, *, thin: bool) -> Array:
    """A random shape with a sharp, soft or furry edge: uint8 [side, side]."""
    alpha = random_shape(rng, side, thin=thin)
    edge = rng.random()
    if thin or edge < 0.6:
        return alpha
    if edge < 0.8:
        return cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(0.5, 1.5)))
    return furry(rng, pool, alpha)


def solid(rng: Rng, pool: Pool, times: Array, reach: float, material: Material, *, thin: bool = False) -> list[Part]:
    """One silhouette, rigid or swaying."""
    side = max(12, round(reach))
    sprite = clothed(rng, pool, silhouette(rng, pool, side, thin=thin), material)
    squash = ((1.0, 1.0), (0.6, 1.0), (1.0, 0.7))[int(rng.integers(3))]
    return _swaying(rng, _centered([sprite], len(times), squash), times, side, 0.4)


def rolling(rng: Rng, pool: Pool, times: Array, reach: float, material: Material) -> list[Part]:
    """A silhouette that turns about an axis in the picture: its surface travels across it, its light stays."""
    side = max(12, round(reach))
    alpha = silhouette(rng, pool, side, thin=False)
    light, shine = lighting(rng, alpha)
    surface = material.paint(rng, side, 3 * side)
    travel = np.cumsum(np.append(0.0, np.diff(times))) * rng.normal(0, 0.12) * side
    travel += 0.15 * side * wander(rng, times, rng.uniform(3, 8))[:, 0]
    sprites = []
    for offset in np.clip(side + travel - travel[0], 0, 2 * side).astype(int):
        color = surface[:, offset : offset + side] * light[..., None] + shine[..., None]
        sprites.append(premultiplied(np.clip(color, 0, 255).astype(np.uint8), alpha))
    return _swaying(rng, _centered(sprites, len(times)), times, side, 0.2)


def _scaled(color: Array, alpha: Array, reach: float) -> tuple[Array, Array]:
    scale = reach / max(alpha.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (max(4, round(alpha.shape[1] * scale)), max(4, round(alpha.shape[0] * scale)))
    return cv2.resize(color, size, interpolation=method), cv2.resize(alpha, size, interpolation=method)


def _tinted(rng: Rng, color: Array) -> Array:
    """The colours of a picture somewhat changed: gain for all, now and then other channels for each other."""
    if rng.random() < 0.15:
        color = color[..., rng.permutation(3)]
    gain = rng.uniform(0.65, 1.25) * rng.uniform(0.9, 1.1, 3)
    return np.clip(color * gain, 0, 255).astype(np.uint8)


def _mirrored(rng: Rng, color: Array, alpha: Array) -> tuple[Array, Array]:
    return (color[:, ::-1], alpha[:, ::-1]) if rng.random() < 0.5 else (color, alpha)


def region(pool: Pool, number: int) -> tuple[Array, Array, list[int]]:
    """A region of a real picture: color uint8 [h, w, 3], alpha uint8 [h, w], and picture, x, y, w, h."""
    bits, (picture, x, y, wide, tall, _) = pool.regions.record(number)
    mask = cv2.GaussianBlur(unpack_mask(bits, tall, wide), (0, 0), 0.8)
    return pool.picture(picture)[y : y + tall, x : x + wide], mask, [picture, x, y, wide, tall]


def random_region(rng: Rng, pool: Pool) -> int:
    """A region's number: whole things, outlined or in a photograph's middle, more often than patches of colour."""
    kinds = pool.regions.index[:, 7]
    present = np.unique(kinds)
    shares = np.array([_REGION_SHARES[int(kind)] for kind in present])
    kind = rng.choice(present, p=shares / shares.sum())
    return int(rng.choice(np.flatnonzero(kinds == kind)))


def cutout(rng: Rng, pool: Pool, times: Array, reach: float) -> list[Part]:
    """A piece of a real picture."""
    color, alpha, _ = region(pool, random_region(rng, pool))
    color, alpha = _mirrored(rng, *_scaled(color, alpha, reach))
    sprite = premultiplied(_tinted(rng, color), np.ascontiguousarray(alpha))
    return _swaying(rng, _centered([sprite], len(times)), times, reach, 0.5)


def artwork(rng: Rng, pool: Pool, times: Array, reach: float) -> list[Part]:
    """A cut-out picture of the artwork; small collections count for more than their number."""
    groups, counts = np.unique(pool.sprites.index[:, 2], return_counts=True)
    group = rng.choice(groups, p=np.sqrt(counts) / np.sqrt(counts).sum())
    number = int(rng.choice(np.flatnonzero(pool.sprites.index[:, 2] == group)))
    color, alpha = decode_sprite(pool.sprites.record(number)[0])
    color, alpha = _mirrored(rng, *_scaled(color, alpha, reach))
    sprite = premultiplied(_tinted(rng, color), np.ascontiguousarray(alpha))
    return _swaying(rng, _centered([sprite], len(times)), times, reach, 0.5)


def masklet(rng: Rng, pool: Pool, times: Array, reach: float, material: Material) -> list[Part]:
    """The moving outline of a real thing, filled with a material."""
    index = pool.masklets.index
    chosen = np.flatnonzero(index[:, 2] == index[int(rng.integers(len(index))), 2])
    first = int(rng.integers(max(1, len(chosen) - int(times.max()))))
    steps = np.clip(first + times.astype(int), 0, len(chosen) - 1)
    _, (_, wide, tall) = pool.masklets.record(int(chosen[0]))
    color = material.paint(rng, tall, wide)
    color, _ = _scaled(color, color[..., 0], reach)
    sprites = []
    for step in steps:
        bits, _ = pool.masklets.record(int(chosen[step]))
        alpha = cv2.GaussianBlur(unpack_mask(bits, tall, wide), (0, 0), 1.5)
        alpha = cv2.resize(alpha, color.shape[1::-1], interpolation=cv2.INTER_AREA)
        sprites.append(premultiplied(color, alpha))
    return [_centered(sprites, len(times))]


def _kind(rng: Rng, pool: Pool) -> str:
    """A kind of actor for which the pool has sources."""
    absent = {
        "cutout": not len(pool.regions),
        "artwork": not len(pool.sprites),
        "masklet": not len(pool.masklets),
    }
    shares = np.array([0.0 if absent.get(kind, False) else share for kind, share in zip(_KINDS, _SHARES, strict=True)])
    return str(rng.choice(_KINDS, p=shares / shares.sum()))


def random_actor(
    rng: Rng, pool: Pool, times: Array, reach: float, material: Material | None = None, *, thin: bool = False
) -> list[Part]:
    """A random actor about `reach` pixels across; a material given asks for one that is painted with it."""
    kind = "solid" if thin else _kind(rng, pool)
    if material is not None and kind in ("cutout", "artwork"):
        kind = "solid"
    material = material or random_material(rng, pool)
    if kind == "cutout":
        return cutout(rng, pool, times, reach)
    if kind == "artwork":
        return artwork(rng, pool, times, reach)
    if kind == "figure":
        return figure_parts(rng, pool, times, reach, material)
    if kind == "rolling":
        return rolling(rng, pool, times, reach, material)
    if kind == "masklet":
        return masklet(rng, pool, times, reach, material)
    return solid(rng, pool, times, reach, material, thin=thin)
