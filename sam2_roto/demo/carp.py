"""The demo's subject: a carp, as of painted cloth, that swims through the air. Drawn from formulas alone.

All lengths are in units of the carp's own length, nose to root of the tail. A point of the picture is brought into
the carp's frame, where `s` runs from the nose (0) back to the tail (1 and beyond) and `y` down from its spine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_OUTLINE_S = np.array([0.0, 0.02, 0.06, 0.12, 0.22, 0.34, 0.46, 0.58, 0.70, 0.80, 0.88, 0.95, 1.02])
_OUTLINE_H = np.array([0.0, 0.036, 0.068, 0.098, 0.131, 0.148, 0.145, 0.127, 0.098, 0.068, 0.048, 0.042, 0.04])
_SCARLET = np.array([222.0, 74.0, 26.0])
_AMBER = np.array([248.0, 146.0, 44.0])
_CREAM = np.array([255.0, 233.0, 196.0])
_LIGHT = np.array([0.35, -0.78, 0.52])
_SKY_LIGHT = np.array([0.86, 1.0, 1.06])


@dataclass(frozen=True)
class Pose:
    """Where the carp is: centre x, y in pixels, heading in radians (0 looks right), length in pixels, time in s."""

    x: float
    y: float
    heading: float
    length: float
    time: float


def noise(seed: int, height: int, width: int, cell: float, octaves: int = 4) -> Array:
    """Smooth noise whose coarsest lumps are `cell` pixels: float32 [height, width] in 0..1."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        rows, columns = (max(2, int(side * 2**octave / cell) + 2) for side in (height, width))
        grid = rng.random((rows, columns), dtype=np.float32)
        total += 0.5**octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = float(total.min()), float(total.max())
    return (total - low) / (high - low)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def spine(s: Array, time: float) -> Array:
    """How far the swimming wave moves the spine sideways, at `s`."""
    reach = 0.012 + 0.058 * np.clip(s, 0, 1.6) ** 1.7
    return np.asarray(reach * np.sin(2 * np.pi * (0.95 * s - 1.15 * time)))


def half_height(s: Array) -> Array:
    """Half the body's height at `s`, negative beyond the nose, so that it also serves as a distance."""
    root = np.sqrt(np.clip(s, 0, 1.02))
    height = np.interp(root, np.sqrt(_OUTLINE_S), _OUTLINE_H)
    return np.where(s < 0, s * 0.8, np.where(s > 1.0, height - 2 * (s - 1.0), height))


def draw_carp(pose: Pose, width: int, height: int) -> Array:
    """The carp on nothing: float32 [height, width, 4], colour 0..255 premultiplied by alpha 0..1."""
    canvas = np.zeros((height, width, 4), np.float32)
    reach = 1.05 * pose.length
    x0, x1 = (int(np.clip(pose.x + side * reach, 0, width)) for side in (-1, 1))
    y0, y1 = (int(np.clip(pose.y + side * 0.75 * reach, 0, height)) for side in (-1, 1))
    if x1 <= x0 or y1 <= y0:
        return canvas
    dy, dx = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    dx, dy = (dx - pose.x) / pose.length, (dy - pose.y) / pose.length
    cosine, sine = np.cos(pose.heading), np.sin(pose.heading)
    s = 0.62 - (dx * cosine + dy * sine)
    y = dy * cosine - dx * sine - spine(s, pose.time)
    window = canvas[y0:y1, x0:x1]
    for color, alpha in (
        _far_fin(s, y, pose),
        _tail(s, y, pose),
        _back_fin(s, y, pose),
        _belly_fins(s, y, pose),
        _body(s, y, pose),
        _near_fin(s, y, pose),
    ):
        window *= (1 - alpha)[..., None]
        window[..., :3] += color * alpha[..., None]
        window[..., 3] += alpha
    return canvas


def _coverage(distance: Array, pose: Pose) -> Array:
    """Alpha of an edge: distance inside it, in carp lengths, softened over one pixel."""
    return np.asarray(np.clip(distance * pose.length + 0.5, 0, 1))


def _body(s: Array, y: Array, pose: Pose) -> tuple[Array, Array]:
    tall = half_height(s)
    alpha = _coverage(tall - np.abs(y), pose)
    v = np.clip(y / np.maximum(tall, 1e-4), -1, 1)
    color = _skin(v)
    color = color * (1 - 0.22 * _scales(s, v) * smoothstep(0.2, 0.3, s))[..., None]
    color = _face(color, s, y)
    return _lit(color, s, v), alpha


def _skin(v: Array) -> Array:
    """Scarlet back, amber flank, and a paler belly."""
    color = _SCARLET + smoothstep(-0.75, 0.1, v)[..., None] * (_AMBER - _SCARLET)
    color = color + smoothstep(0.3, 0.9, v)[..., None] * 0.35 * (_CREAM - color)
    return np.asarray(color)


def _scales(s: Array, v: Array) -> Array:
    """Rows of overlapping scales: 1 on the shaded edge of each, 0 elsewhere."""
    along, across = s * 30, np.arcsin(v) * 5.2
    row = np.floor(across)
    u = (along + 0.5 * (row % 2)) % 1 - 0.5
    w = across - row - 0.5
    return smoothstep(0.34, 0.52, np.hypot(u + 0.12, w))


def _face(color: Array, s: Array, y: Array) -> Array:
    """Eye, mouth and gill cover."""
    eye = np.hypot(s - 0.112, y + 0.028)
    gill = np.abs(np.hypot(s - 0.075, y * 0.95) - 0.135)
    gill_mask = (1 - smoothstep(0.004, 0.012, gill)) * (s > 0.1)
    color = color * (1 - 0.45 * gill_mask[..., None])
    mouth = (1 - smoothstep(0.003, 0.008, np.abs(y - 0.022 - 0.25 * s))) * (s < 0.055)
    color = color * (1 - 0.6 * mouth[..., None])
    for radius, paint in (
        (0.034, _CREAM),
        (0.028, np.array([250.0, 196.0, 60.0])),
        (0.019, np.array([24.0, 18.0, 22.0])),
    ):
        color = color + (1 - smoothstep(radius - 0.003, radius, eye))[..., None] * (paint - color)
    glint = np.hypot(s - 0.106, y + 0.036)
    return np.asarray(color + (1 - smoothstep(0.004, 0.008, glint))[..., None] * (255.0 - color))


def _lit(color: Array, s: Array, v: Array) -> Array:
    """Light on a body round in section: sun from above, bounce from below, gloss, and a rim of back light."""
    up, out = v, np.sqrt(np.clip(1 - v * v, 0, 1))
    fore = 0.55 * smoothstep(0.3, 0.0, s) - 0.25 * smoothstep(0.6, 1.0, s)
    facing = np.clip(_LIGHT[0] * fore + _LIGHT[1] * up + _LIGHT[2] * out, 0, 1)
    gloss = np.clip(0.94 * -0.62 * up + 0.79 * out, 0, 1) ** 26
    rim = smoothstep(0.72, 1.0, -v) * 0.55
    shade = (0.36 + 0.12 * v)[..., None] * _SKY_LIGHT + 0.86 * facing[..., None]
    return np.asarray(np.clip(color * shade + 110 * gloss[..., None] + rim[..., None] * [90, 70, 40], 0, 255))


def _membrane(rays: Array, depth: Array) -> Array:
    """The colour of a fin: rays that run outwards, amber at the root and paler at the edge."""
    stripe = 0.5 + 0.5 * np.sin(rays)
    base = _SCARLET + smoothstep(0.0, 0.9, depth)[..., None] * (_AMBER * 1.02 - _SCARLET)
    edge = smoothstep(0.75, 1.0, depth)[..., None]
    color = base + edge * 0.3 * (_CREAM - base)
    return np.asarray(np.clip(color * (0.80 + 0.22 * stripe)[..., None], 0, 255))


def _tail(s: Array, y: Array, pose: Pose) -> tuple[Array, Array]:
    back = np.clip((s - 0.86) / 0.34, 0, 1.3)
    spread = 0.04 + 0.17 * back**0.8
    v = y / spread
    flutter = 0.018 * np.sin(14 * v - 9 * pose.time)
    length = 0.86 + 0.2 + 0.14 * np.abs(np.clip(v, -1, 1)) ** 1.3 + flutter
    inside = np.minimum(np.minimum(spread - np.abs(y), length - s), (s - 0.86) * 0.5)
    fold = 0.85 + 0.2 * np.sin(7 * v + 5 * back - 7 * pose.time)
    color = _membrane(42 * v, np.clip((s - 0.86) / np.maximum(length - 0.86, 0.05), 0, 1)) * fold[..., None]
    return np.clip(color, 0, 255), _coverage(inside, pose)


def _ridge(s: Array, start: float, stop: float, tall: float) -> Array:
    """The height of a fin along the body between two places, with a steep front and a slack rear."""
    t = np.clip((s - start) / (stop - start), 0, 1)
    return np.asarray(tall * np.sin(np.pi * t**0.62) ** 0.8)


def _back_fin(s: Array, y: Array, pose: Pose) -> tuple[Array, Array]:
    lean = s + 0.35 * (y + half_height(s))
    tall = _ridge(lean, 0.26, 0.72, 0.085 + 0.008 * np.sin(9 * pose.time)) * (1 + 0.05 * np.sin(60 * lean))
    root = half_height(s) - 0.01
    inside = np.where((lean > 0.26) & (lean < 0.72), np.minimum(root + tall + y, -y), -1.0)
    depth = np.clip((-y - root) / np.maximum(tall, 0.01), 0, 1)
    return _membrane(110 * lean, depth), _coverage(inside, pose)


def _belly_fins(s: Array, y: Array, pose: Pose) -> tuple[Array, Array]:
    root = half_height(s) - 0.01
    lean = s - 0.6 * (y - root)
    tall = np.maximum(_ridge(lean, 0.4, 0.52, 0.085), _ridge(lean, 0.66, 0.8, 0.09))
    inside = np.where(tall > 0.002, np.minimum(root + tall - y, y), -1.0)
    depth = np.clip((y - root) / np.maximum(tall, 0.01), 0, 1)
    return _membrane(120 * lean, depth) * 0.82, _coverage(inside, pose)


def _leaf(s: Array, y: Array, root: tuple[float, float], angle: float, length: float) -> tuple[Array, Array, Array]:
    """A leaf-shaped fin from a root point: distance inside, and place along (0..1) and across it (-1..1)."""
    ds, dy = s - root[0], y - root[1]
    along = (ds * np.cos(angle) + dy * np.sin(angle)) / length
    across = dy * np.cos(angle) - ds * np.sin(angle)
    wide = 0.36 * length * np.sin(np.pi * np.clip(along, 0, 1) ** 0.72) ** 0.9
    inside = np.where((along > 0) & (along < 1), wide - np.abs(across), -1.0)
    return inside, along, across / np.maximum(wide, 0.002)


def _near_fin(s: Array, y: Array, pose: Pose) -> tuple[Array, Array]:
    angle = 0.72 + 0.42 * float(np.sin(2 * np.pi * 0.9 * pose.time))
    inside, along, across = _leaf(s, y, (0.25, 0.055), angle, 0.225)
    return np.clip(_membrane(24 * across, along) * 1.06, 0, 255), _coverage(inside, pose)


def _far_fin(s: Array, y: Array, pose: Pose) -> tuple[Array, Array]:
    angle = 0.95 + 0.42 * float(np.sin(2 * np.pi * 0.9 * pose.time + 0.9))
    inside, along, across = _leaf(s, y, (0.23, 0.09), angle, 0.19)
    return _membrane(24 * across, along) * 0.6, _coverage(inside, pose)
