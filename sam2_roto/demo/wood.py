"""The demo's scene: a wood in morning mist, in planes that pass by at different speeds. Drawn from formulas alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.demo.carp import noise, smoothstep

Array = npt.NDArray[Any]
Rng = np.random.Generator

_MIST = np.array([196.0, 214.0, 206.0])
_SUN = np.array([255.0, 240.0, 206.0])


@dataclass(frozen=True)
class Plane:
    """A painted plane: float32 [h, w, 4], colour 0..255 premultiplied by alpha 0..1, and how fast it passes by.

    pace: pixels that it moves for each pixel of the camera's way; 0 is infinitely far, 1 passes with the subject.
    """

    picture: Array
    pace: float

    def seen(self, way: float, width: int, height: int) -> Array:
        """The part in view when the camera has moved by `way` pixels: float32 [height, width, 4]."""
        move = np.array([[1.0, 0.0, -way * self.pace], [0.0, 1.0, 0.0]])
        return cv2.warpAffine(self.picture, move, (width, height), flags=cv2.INTER_LINEAR)


def paint_wood(width: int, height: int, way: float) -> tuple[list[Plane], list[Plane]]:
    """Planes behind and before the subject, back to front, wide enough for a camera that moves `way` pixels."""
    behind = [Plane(_sky(width, height), 0.0)]
    for seed, pace, mist, count in ((21, 0.12, 0.80, 26), (22, 0.28, 0.58, 15), (23, 0.52, 0.34, 8)):
        wide = int(width + way * pace) + 2
        level = 0.70 + 0.28 * pace
        behind.append(Plane(_trees(seed, wide, height, mist, count, 0.5 + pace, level), pace))
        behind.append(Plane(_ground(seed, wide, height, mist, level), pace))
    wide = int(width + 1.7 * way) + 2
    front = [Plane(_grass(wide, height), 1.45)]
    return behind, front


def _with_alpha(color: Array, alpha: Array) -> Array:
    return np.dstack([color * alpha[..., None], alpha]).astype(np.float32)


def _sky(width: int, height: int) -> Array:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    top, low = np.array([112.0, 158.0, 166.0]), np.array([214.0, 222.0, 200.0])
    color = top + (y / height)[..., None] * (low - top)
    away = np.hypot((x - 0.74 * width) / height, (y - 0.24 * height) / height)
    glow = np.exp(-((away / 0.42) ** 2))[..., None] * 0.75 + np.exp(-((away / 0.07) ** 2))[..., None]
    cloud = smoothstep(0.45, 0.9, noise(20, height, width, height / 2.2))[..., None]
    color = color + 0.35 * cloud * (_MIST + 20 - color)
    return _with_alpha(np.clip(color + np.minimum(glow, 1) * (_SUN - color), 0, 255), np.ones((height, width)))


def _trees(seed: int, width: int, height: int, mist: float, count: int, size: float, level: float) -> Array:
    """Trunks with branches and clouds of leaves, paled by mist that is thickest above the ground at `level`."""
    rng = np.random.default_rng(seed)
    shape, leaves = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    for place in (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count * width:
        _tree(rng, shape, leaves, float(place), size)
    bark = noise(seed + 50, height, max(width // 12, 8), height / 4)
    bark = cv2.resize(bark, (width, height), interpolation=cv2.INTER_LINEAR)
    bark = 0.6 * cv2.resize(noise(seed + 51, height // 10, width, 18), (width, height)) + 0.4 * bark
    trunk = np.array([58.0, 50.0, 44.0]) * (0.55 + 0.9 * bark)[..., None]
    tone = noise(seed + 60, height, width, 60 * size)[..., None]
    foliage = np.array([52.0, 84.0, 58.0]) * (0.55 + 0.9 * tone) + np.array([38.0, 34.0, 8.0]) * tone**2
    cover = leaves[..., None] / 255.0
    color = trunk + cover * (foliage - trunk)
    low = smoothstep(level - 0.30, level + 0.06, np.linspace(0, 1, height)[:, None, None])
    color = color + (mist + (0.92 - mist) * 0.75 * low) * (_MIST - color)
    return _with_alpha(color, np.maximum(shape, leaves) / 255.0)


def _tree(rng: Rng, shape: Array, leaves: Array, x: float, size: float) -> None:
    height = shape.shape[0]
    width = 0.03 * height * size * rng.uniform(0.7, 1.3)
    y = np.linspace(-0.02, 1.02, 24) * height
    lean = x + np.cumsum(rng.normal(0, 0.08 * width, 24))
    half = width * np.interp(y / height, [0, 0.75, 0.95, 1.02], [0.55, 0.9, 1.15, 1.7])
    outline = np.concatenate([np.stack([lean - half, y], 1), np.stack([lean + half, y], 1)[::-1]])
    cv2.fillPoly(shape, [np.round(outline * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    for _ in range(int(rng.integers(3, 6))):
        at = int(rng.integers(1, 12))
        start, side = np.array([lean[at], y[at]]), rng.choice([-1.0, 1.0])
        end = start + np.array([side * rng.uniform(2, 6), -rng.uniform(0.5, 3)]) * width
        cv2.line(shape, _pixel(start), _pixel(end), (255,), max(2, int(0.28 * width)), cv2.LINE_AA)
        for _ in range(26):
            spot = end + rng.normal(0, 1.0, 2) * np.array([2.6, 1.3]) * width
            axes = (int(width * rng.uniform(0.2, 0.6)), int(width * rng.uniform(0.15, 0.35)))
            cv2.ellipse(leaves, _pixel(spot), axes, float(rng.uniform(0, 180)), 0, 360, (255,), -1, cv2.LINE_AA)


def _pixel(point: Array) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _ground(seed: int, width: int, height: int, mist: float, level: float) -> Array:
    """A strip of uneven ground, its upper edge feathered with grass."""
    edge = level * height + 0.05 * height * (noise(seed + 70, 4, width, height / 1.5)[0] - 0.5)
    blades = 0.02 * height * noise(seed + 71, 4, width, 14, 2)[1]
    y = np.arange(height, dtype=np.float32)[:, None]
    alpha = np.clip(y - (edge - blades) + 0.5, 0, 1)
    tone = noise(seed + 72, height, width, 70)[..., None]
    color = np.array([66.0, 88.0, 54.0]) * (0.6 + 0.7 * tone)
    far = np.exp(-np.maximum(y - edge, 0) / (0.09 * height))[..., None]
    haze = np.clip(mist + (0.80 - mist) * far, 0, 0.95)
    return _with_alpha(color + haze * (_MIST - color), alpha)


def _grass(width: int, height: int) -> Array:
    """Near blades of grass along the bottom, out of focus."""
    rng = np.random.default_rng(91)
    picture = np.zeros((height, width, 4), np.float32)
    for _ in range(width // 7):
        x, tall, bend = rng.uniform(0, width), rng.uniform(0.03, 0.12) * height, rng.normal(0, 0.03) * height
        base, wide = 1.02 * height, rng.uniform(0.002, 0.005) * height
        points = np.array([[x - wide, base], [x + bend, base - tall], [x + wide, base]])
        shade = rng.uniform(0.5, 1.1)
        color = (42.0 * shade, 62.0 * shade, 36.0 * shade, 1.0)
        cv2.fillPoly(picture, [np.round(points * 16).astype(np.int32)], color, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(picture, (0, 0), 0.003 * height)
