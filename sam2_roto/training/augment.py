"""Augmentation of a clip: mirror, affine, colour, gray, time reversal; as published for SAM 2.

Every draw comes from the generator that is passed in. Geometry is the same for all frames of a clip; colour changes
have a part for the clip and a smaller one for each frame (an exposure that flickers).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.training.config import Augmentation

LUMA = (0.2126, 0.7152, 0.0722)
ROOM = (1.2, 3.5)
"""Side of a window in sides of the object that it is put round."""
SMALLEST_WINDOW = 0.3


def uniform(low: float, high: float, generator: torch.Generator, *shape: int) -> Tensor:
    """Uniform float32 draws in low..high of the given shape."""
    return torch.rand(*shape, generator=generator) * (high - low) + low


@dataclass(frozen=True)
class Window:
    """A square part of a picture: ``center`` [2] (x, y) in coordinates of -1..1, and its ``side``, 1 for all of it."""

    center: Tensor
    side: float


WHOLE = Window(torch.zeros(2), 1.0)


def window_round(labels: Tensor, generator: torch.Generator) -> Window:
    """A window round one of the objects of a clip's first frame, with room; ``labels`` [T, H, W] uint8."""
    ids = torch.unique(labels[0])
    ids = ids[ids > 0]
    if not len(ids):
        return WHOLE
    chosen = ids[torch.randint(len(ids), (1,), generator=generator)]
    rows, columns = torch.nonzero(labels[0] == chosen).float().unbind(1)
    height, width = labels.shape[1:]
    size = max(float(columns.max() - columns.min() + 1) / width, float(rows.max() - rows.min() + 1) / height)
    side = min(max(size * float(uniform(*ROOM, generator, 1)), SMALLEST_WINDOW), 1.0)
    center = torch.stack([(columns.max() + columns.min() + 1) / width, (rows.max() + rows.min() + 1) / height]) - 1.0
    reach = max(side - size, 0.0) / 2
    return Window((center + uniform(-reach, reach, generator, 2)).clamp(side - 1.0, 1.0 - side), side)


def affine_matrix(settings: Augmentation, generator: torch.Generator, window: Window = WHOLE) -> Tensor:
    """A random 2 x 3 matrix from output to input in coordinates of -1..1: mirror, rotation, shear and zoom.

    They are those of the picture in ``window``.
    """
    turn, shear_x, shear_y = (
        math.radians(float(uniform(-reach, reach, generator, 1)))
        for reach in (settings.rotate, settings.shear, settings.shear)
    )
    zoom = 1.0 + float(uniform(-settings.scale, settings.scale, generator, 1))
    mirror = -1.0 if float(torch.rand(1, generator=generator)) < settings.flip else 1.0
    rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    shear = torch.tensor([[1.0, math.tan(shear_x)], [math.tan(shear_y), 1.0]])
    linear = rotation @ shear @ torch.diag(torch.tensor([mirror * zoom, zoom]))
    return torch.cat([linear * window.side, window.center[:, None]], dim=1)


def warp(frames: Tensor, labels: Tensor, matrix: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Resample a clip through an affine map to ``size`` pixels square.

    Frames [T, 3, H, W] float and labels [T, H, W] uint8 -> the same at [size, size]. Beyond the border the picture is
    mirrored, and its labels with it.
    """
    grid = F.affine_grid(matrix[None], [1, 1, size, size], align_corners=False)
    grid = grid.expand(len(frames), -1, -1, -1)
    moved = F.grid_sample(frames, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    ids = labels[:, None].float()
    ids = F.grid_sample(ids, grid, mode="nearest", padding_mode="reflection", align_corners=False)
    return moved, ids[:, 0].round().to(torch.uint8)


def jitter(frames: Tensor, reach: float, generator: torch.Generator, each: bool) -> Tensor:
    """Brightness, contrast, saturation of [T, 3, H, W] (0..255) changed by +-``reach`` at most, per frame or as one."""
    count = len(frames) if each else 1
    brightness, contrast, saturation = (1.0 + uniform(-reach, reach, generator, count, 1, 1, 1) for _ in range(3))
    luma = torch.tensor(LUMA).view(1, 3, 1, 1)
    frames = frames * brightness
    frames = frames.mean(dim=(1, 2, 3), keepdim=True).lerp(frames, contrast)
    return (frames * luma).sum(dim=1, keepdim=True).lerp(frames, saturation)


def draw_matrix(labels: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """A random affine map of a clip with labels [T, H, W] uint8, of all of it or of a window round an object."""
    close = float(torch.rand(1, generator=generator)) < settings.close_share
    return affine_matrix(settings, generator, window_round(labels, generator) if close else WHOLE)


def recolor(frames: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Frames float [T, 3, H, W] (0..255) with other colours, as uint8."""
    frames = jitter(frames, settings.clip_jitter, generator, each=False)
    frames = jitter(frames, settings.frame_jitter, generator, each=True)
    if float(torch.rand(1, generator=generator)) < settings.gray:
        frames = (frames * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return frames.round().clamp(0, 255).to(torch.uint8)


def augment(
    frames: Tensor, labels: Tensor, size: int, settings: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A changed clip: frames [T, 3, H, W] uint8 and labels [T, H, W] uint8 -> the same at [size, size]."""
    if float(torch.rand(1, generator=generator)) < settings.reverse:
        frames, labels = frames.flip(0), labels.flip(0)
    moved, labels = warp(frames.float(), labels, draw_matrix(labels, settings, generator), size)
    return recolor(moved, settings, generator), labels
