"""Layers: sprites in motion, and their compositing into frames with the visible coverage of each object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_COARSEST = 0.6


@dataclass
class Sprite:
    """A picture with alpha: uint8 [h, w, 4], premultiplied RGBA, transparent towards its border."""

    rgba: Array
    _levels: list[Array] = field(default_factory=list)

    def level(self, scale: float) -> tuple[Array, float]:
        """The sprite reduced so that drawing it at `scale` does not alias, and by how much it was reduced."""
        self._levels = self._levels or [self.rgba]
        index = 0
        while scale * 2**index < _COARSEST and min(self._levels[index].shape[:2]) >= 8:
            index += 1
            if index == len(self._levels):
                self._levels.append(cv2.resize(self._levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        return self._levels[index], self.rgba.shape[1] / self._levels[index].shape[1]


@dataclass
class Part:
    """A sprite (or a flip book of sprites) and its pose at each time: float64 [n, 3, 3], sprite to frame pixels.

    bends: float32 [n, gh, gw, 2], displacement in sprite pixels on a coarse grid over the sprite, or None where rigid.
    """

    sprites: Sequence[Sprite]
    poses: Array
    bends: Array | None = None

    def draw(self, index: int, size: int) -> tuple[Array, int, int] | None:
        """The part at a time: premultiplied uint8 [h, w, 4] and its place x, y in the frame; None outside of it."""
        sprite = self.sprites[min(index, len(self.sprites) - 1)]
        picture, pose = _leveled(sprite, self.poses[index])
        bend = None if self.bends is None else self.bends[index] * (picture.shape[1] / sprite.rgba.shape[1])
        x0, y0, x1, y1 = _bounds(picture, pose, 0.0 if bend is None else float(np.abs(bend).max()), size)
        if x1 <= x0 or y1 <= y0:
            return None
        pose[0, 2] -= x0
        pose[1, 2] -= y0
        area = (x1 - x0, y1 - y0)
        if bend is None:
            return cv2.warpAffine(picture, pose[:2], area, flags=cv2.INTER_LINEAR), x0, y0
        return _draw_bent(picture, pose, bend, area), x0, y0


def _leveled(sprite: Sprite, pose: Array) -> tuple[Array, Array]:
    """The sprite at a fitting size, and a copy of the pose for that size."""
    scale = math.sqrt(abs(pose[0, 0] * pose[1, 1] - pose[0, 1] * pose[1, 0]))
    picture, reduced = sprite.level(scale)
    pose = pose.copy()
    pose[:, :2] *= reduced
    return picture, pose


def _bounds(picture: Array, pose: Array, margin: float, size: int) -> tuple[int, int, int, int]:
    """The box x0, y0, x1, y1 of the frame that a posed picture, bent by up to `margin` of its pixels, may touch."""
    height, width = picture.shape[:2]
    (a, b, x), (c, d, y) = pose[:2].tolist()
    margin *= max(abs(a) + abs(b), abs(c) + abs(d))
    left, top = x + min(a * width, 0) + min(b * height, 0), y + min(c * width, 0) + min(d * height, 0)
    right, bottom = x + max(a * width, 0) + max(b * height, 0), y + max(c * width, 0) + max(d * height, 0)
    x0, y0 = max(math.floor(left - margin), 0), max(math.floor(top - margin), 0)
    return x0, y0, min(math.ceil(right + margin) + 1, size), min(math.ceil(bottom + margin) + 1, size)


def _draw_bent(
    picture: Array, pose: Array, bend: Array, area: tuple[int, int], border: int = cv2.BORDER_CONSTANT
) -> Array:
    """Draw a picture through its pose and a displacement on a coarse grid over the picture."""
    height, width = picture.shape[:2]
    inverse = np.linalg.inv(pose)
    x, y = np.arange(area[0], dtype=np.float32), np.arange(area[1], dtype=np.float32)[:, None]
    u = (inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]).astype(np.float32)
    v = (inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]).astype(np.float32)
    rows, columns = bend.shape[:2]
    across, down = u * ((columns - 1) / width), v * ((rows - 1) / height)
    moved = cv2.remap(bend, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.remap(picture, u + moved[..., 0], v + moved[..., 1], cv2.INTER_LINEAR, borderMode=border)


@dataclass
class Layer:
    """Parts drawn one over the other, with the number of the object they show.

    label: 1..N a tracked object, 0 an occluder or distractor, which hides what is below it, -1 a shadow or a veil,
    which hides nothing. opacity: 0..1, at each time [n] or constant.
    """

    parts: list[Part]
    label: int
    opacity: float = 1.0


@dataclass
class Canvas:
    """A frame being painted: color uint8 [size, size, 3], and for each object its visible coverage uint8 [size, size].

    Whole numbers, because the result has 8 bits and OpenCV is several times as fast on them.
    """

    color: Array
    coverage: list[Array]

    def over(self, layer: Layer, index: int) -> None:
        """Paint the layer at a time over what is there."""
        for part in layer.parts:
            drawn = part.draw(index, self.color.shape[0])
            if drawn is not None:
                self._merge(*drawn, layer)

    def _merge(self, rgba: Array, x: int, y: int, layer: Layer) -> None:
        if layer.opacity < 1:
            rgba = cv2.convertScaleAbs(rgba, alpha=layer.opacity)
        window = (slice(y, y + rgba.shape[0]), slice(x, x + rgba.shape[1]))
        alpha = rgba[..., 3]
        clear = cv2.bitwise_not(np.ascontiguousarray(alpha))
        below = cv2.multiply(self.color[window], cv2.cvtColor(clear, cv2.COLOR_GRAY2RGB), scale=1 / 255)
        self.color[window] = cv2.add(below, cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB))
        if layer.label < 0:
            return
        for coverage in self.coverage:
            coverage[window] = cv2.multiply(coverage[window], clear, scale=1 / 255)
        if layer.label > 0:
            coverage = self.coverage[layer.label - 1]
            coverage[window] = cv2.add(coverage[window], np.ascontiguousarray(alpha))


def paint(background: Part, layers: Sequence[Layer], objects: int, size: int, moments: int) -> tuple[Array, Array]:
    """Paint layers, back to front, over the background at times 0, 1, 2..., averaging `moments` times per frame.

    Returns color float32 [T, size, size, 3] in 0..255 and labels uint8 [T, size, size]: the object whose visible
    coverage is largest where objects together cover half of the pixel or more, else 0.
    """
    count = len(background.poses) // moments
    color = np.zeros((count, size, size, 3), np.float32)
    labels = np.zeros((count, size, size), np.uint8)
    for frame in range(count):
        coverage = np.zeros((objects, size, size), np.float32)
        for moment in range(frame * moments, (frame + 1) * moments):
            covered = [np.zeros((size, size), np.uint8) for _ in range(objects)]
            canvas = Canvas(draw_background(background, moment, size), covered)
            for layer in layers:
                canvas.over(layer, moment)
            color[frame] += canvas.color
            for number in range(objects):
                coverage[number] += covered[number]
        labels[frame] = np.where(coverage.sum(axis=0) >= 127.5 * moments, coverage.argmax(axis=0) + 1, 0)
    color *= np.float32(1 / moments)
    return color, labels


def draw_background(part: Part, index: int, size: int) -> Array:
    """The background at a time, mirrored where the camera looks beyond its border: uint8 [size, size, 3]."""
    sprite = part.sprites[min(index, len(part.sprites) - 1)]
    picture, pose = _leveled(sprite, part.poses[index])
    border = cv2.BORDER_REFLECT_101
    if part.bends is None:
        drawn = cv2.warpAffine(picture, pose[:2], (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    else:
        bend = part.bends[index] * (picture.shape[1] / sprite.rgba.shape[1])
        drawn = _draw_bent(picture, pose, bend, (size, size), border)
    return cv2.cvtColor(drawn, cv2.COLOR_RGBA2RGB)
