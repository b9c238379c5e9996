"""Layers: sprites in motion, and their compositing into frames with the visible coverage of each object."""

from __future__ import annotations

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
        pose = self.poses[index]
        picture, reduced = sprite.level(float(np.sqrt(abs(np.linalg.det(pose[:2, :2])))))
        pose = pose @ np.diag([reduced, reduced, 1.0])
        height, width = picture.shape[:2]
        corners = pose @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]])
        margin = 0.0 if self.bends is None else float(np.abs(self.bends[index]).max()) * reduced
        x0, y0 = np.maximum(np.floor(corners[:2].min(axis=1) - margin).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(corners[:2].max(axis=1) + margin).astype(int) + 1, size)
        if x1 <= x0 or y1 <= y0:
            return None
        placed = pose.copy()
        placed[:2, 2] -= (x0, y0)
        if self.bends is None:
            return cv2.warpAffine(picture, placed[:2], (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR), x0, y0
        return _draw_bent(picture, placed, self.bends[index] / reduced, (x1 - x0, y1 - y0)), x0, y0


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
    """A frame being painted: color float32 [size, size, 3] and coverage float32 [objects, size, size], visible."""

    color: Array
    coverage: Array

    def over(self, layer: Layer, index: int) -> None:
        """Paint the layer at a time over what is there."""
        for part in layer.parts:
            drawn = part.draw(index, self.color.shape[0])
            if drawn is not None:
                self._merge(*drawn, layer)

    def _merge(self, rgba: Array, x: int, y: int, layer: Layer) -> None:
        height, width = rgba.shape[:2]
        window = (slice(y, y + height), slice(x, x + width))
        alpha = rgba[..., 3].astype(np.float32) * np.float32(layer.opacity / 255)
        color = self.color[window]
        color *= (1 - alpha)[..., None]
        color += rgba[..., :3] * np.float32(layer.opacity)
        if layer.label < 0:
            return
        coverage = self.coverage[(slice(None), *window)]
        coverage *= 1 - alpha
        if layer.label > 0:
            coverage[layer.label - 1] += alpha


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
            canvas = Canvas(draw_background(background, moment, size), np.zeros_like(coverage))
            for layer in layers:
                canvas.over(layer, moment)
            color[frame] += canvas.color
            coverage += canvas.coverage
        labels[frame] = np.where(coverage.sum(axis=0) >= 0.5 * moments, coverage.argmax(axis=0) + 1, 0)
    return color / moments, labels


def draw_background(part: Part, index: int, size: int) -> Array:
    """The background at a time, mirrored where the camera looks beyond its border: float32 [size, size, 3]."""
    sprite = part.sprites[min(index, len(part.sprites) - 1)]
    pose = part.poses[index]
    picture, reduced = sprite.level(float(np.sqrt(abs(np.linalg.det(pose[:2, :2])))))
    pose = pose @ np.diag([reduced, reduced, 1.0])
    if part.bends is not None:
        drawn = _draw_bent(picture, pose, part.bends[index] / reduced, (size, size), cv2.BORDER_REFLECT_101)
    else:
        border = cv2.BORDER_REFLECT_101
        drawn = cv2.warpAffine(picture, pose[:2], (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    return drawn[..., :3].astype(np.float32)
