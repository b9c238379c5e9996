"""Surfaces: sprites painted for a silhouette, with decoration, shading and edges."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.layers import Sprite
from sam2_roto.training.clips.library import Pool
from sam2_roto.training.clips.shapes import blob, slab
from sam2_roto.training.clips.textures import Material, random_color, random_material

Array = npt.NDArray[Any]
Rng = np.random.Generator


def premultiplied(color: Array, alpha: Array) -> Sprite:
    """A sprite of color uint8 [h, w, 3] and alpha uint8 [h, w]; a clear border is added all round."""
    rgb = (color.astype(np.uint16) * alpha[..., None] + 127) // 255
    rgba = np.dstack([rgb.astype(np.uint8), alpha])
    return Sprite(cv2.copyMakeBorder(rgba, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0)))


def lighting(rng: Rng, alpha: Array) -> tuple[Array, Array]:
    """Light on a silhouette as if it were rounded: a factor and a highlight to add, float32 [h, w] both."""
    height, width = alpha.shape
    depth = float(rng.choice([0.04, 0.12, 0.25]) * max(height, width))
    inside = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
    swell = cv2.GaussianBlur(np.sqrt(np.minimum(inside, depth) / depth), (0, 0), max(1.0, 0.2 * depth)) * depth
    slope_x, slope_y = cv2.Sobel(swell, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(swell, cv2.CV_32F, 0, 1) / 8
    angle, lift = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.2)
    toward = np.array([np.cos(angle), np.sin(angle), lift], np.float32) / np.float32(np.hypot(1, lift))
    facing = (toward[0] * slope_x + toward[1] * slope_y + toward[2]) / np.sqrt(slope_x**2 + slope_y**2 + 1)
    diffuse = np.clip(facing, 0, 1)
    ambient = np.float32(rng.uniform(0.3, 0.8))
    gloss = rng.uniform(60, 200) if rng.random() < 0.3 else 0.0
    return ambient + (np.float32(1.25) - ambient) * diffuse, np.float32(gloss) * diffuse ** int(rng.integers(8, 40))


def shaded(rng: Rng, color: Array, alpha: Array) -> Array:
    """A flat picture lit as its silhouette suggests; some stay flat."""
    if rng.random() < 0.25:
        return color
    factor, shine = lighting(rng, alpha)
    lit = np.clip(color * factor[..., None] + shine[..., None], 0, 255)
    return np.asarray(lit.astype(np.uint8))


def furry(rng: Rng, pool: Pool, alpha: Array) -> Array:
    """A silhouette whose edge is broken up by a noise field: fur, leaves, cloth, smoke."""
    side = alpha.shape[0]
    field = np.asarray(pool.fields[int(rng.integers(len(pool.fields)))])
    noise = cv2.resize(field[: 2 * side, : 2 * side], alpha.shape[::-1], interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(alpha, (0, 0), max(1.0, rng.uniform(0.01, 0.05) * side)).astype(np.float32)
    wild = rng.uniform(0.2, 0.7)
    return np.clip((soft - 127 + wild * (noise.astype(np.float32) - 127)) * rng.uniform(1, 5) + 127, 0, 255).astype(
        np.uint8
    )


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
