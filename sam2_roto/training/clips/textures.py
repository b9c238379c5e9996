"""Materials: what a surface looks like. A material paints as many different crops of itself as are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.library import Pool

Array = npt.NDArray[Any]
Rng = np.random.Generator


class Material(Protocol):
    """A surface's look."""

    def paint(self, rng: Rng, height: int, width: int) -> Array:
        """A fresh crop of the surface: uint8 [height, width, 3] RGB."""
        ...


def random_color(rng: Rng) -> Array:
    """A colour, muted more often than not: float64 [3] in 0..255."""
    hue, value = rng.random(), rng.beta(1.3, 1.1)
    saturation = rng.beta(1.2, 2.2) if rng.random() < 0.7 else rng.beta(3, 1.2)
    wheel = np.clip(np.abs(np.mod(hue * 6 + np.array([0.0, 4.0, 2.0]), 6) - 3) - 1, 0, 1)
    return np.asarray(255 * value * (1 - saturation * (1 - wheel)))


def random_palette(rng: Rng) -> Array:
    """A table from grey to colour, of two to five colours with soft or hard steps: uint8 [256, 3]."""
    count = int(rng.integers(2, 6))
    base, spread = random_color(rng), rng.choice([0.15, 0.4, 1.0])
    colors = np.stack([base + spread * (random_color(rng) - base) for _ in range(count)])
    places = np.sort(rng.random(count))
    places[0], places[-1] = 0, 1
    steps = np.linspace(0, 1, 256)
    if rng.random() < 0.3:
        nearest = np.abs(steps[:, None] - places).argmin(axis=1)
        return np.asarray(colors[nearest].astype(np.uint8))
    ramps = [np.interp(steps, places, colors[:, c]) for c in range(3)]
    return np.stack(ramps, axis=1).astype(np.uint8)


@dataclass(frozen=True)
class Plain:
    """One colour with a soft gradient over it."""

    color: Array
    slope: float

    def paint(self, rng: Rng, height: int, width: int) -> Array:
        corners = self.color * (1 + self.slope * rng.uniform(-1, 1, (2, 2, 1)))
        ramp = cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        return np.clip(ramp, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Pattern:
    """A grey field through a palette; `scale` is how many field pixels fall on one painted pixel."""

    field: Array
    palette: Array
    scale: float

    def paint(self, rng: Rng, height: int, width: int) -> Array:
        side = self.field.shape[0]
        angle = rng.uniform(0, 2 * np.pi)
        matrix = self.scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = rng.uniform(0, side, 2)
        inverse = np.column_stack([matrix, offset])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        grey = cv2.warpAffine(self.field, inverse, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(self.palette[grey])


@dataclass(frozen=True)
class Picture:
    """A real picture; `share` is how much of the picture's height one painted crop covers."""

    picture: Array
    share: float
    gain: Array

    def paint(self, rng: Rng, height: int, width: int) -> Array:
        rows, columns = self.picture.shape[:2]
        tall = max(4.0, self.share * rows)
        wide = max(4.0, min(tall * width / height, columns - 1.0))
        y, x = rng.uniform(0, max(rows - tall, 0)), rng.uniform(0, columns - wide)
        matrix = np.array([[wide / width, 0, x], [0, tall / height, y]])
        if rng.random() < 0.5:
            matrix[0] = [-wide / width, 0, x + wide]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(self.picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        return np.clip(crop * self.gain, 0, 255).astype(np.uint8)


def random_picture(rng: Rng, pool: Pool) -> Array:
    """A real picture of the pool, footage or still alike often: uint8 [288, 512, 3]."""
    stills, footage = len(pool.stills), len(pool.footage)
    if stills and (not footage or rng.random() < 0.5):
        return pool.picture(footage + int(rng.integers(stills)))
    return pool.picture(int(rng.integers(footage)))


def random_material(rng: Rng, pool: Pool, real: float = 0.45) -> Material:
    """A random material; `real` is the chance of a crop of real footage, where the pool has any."""
    draw = rng.random()
    if draw < real and pool.pictures:
        gain = rng.uniform(0.7, 1.3) * rng.uniform(0.85, 1.15, 3)
        return Picture(random_picture(rng, pool), float(rng.uniform(0.1, 1.0)), gain.astype(np.float32))
    if rng.random() < 0.2:
        return Plain(random_color(rng), float(rng.uniform(0, 0.5)))
    field = pool.fields[int(rng.integers(len(pool.fields)))]
    return Pattern(np.asarray(field), random_palette(rng), float(np.exp(rng.uniform(np.log(0.3), np.log(3)))))
