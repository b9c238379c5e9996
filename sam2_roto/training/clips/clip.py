"""Clips: short videos with the mask of every tracked object, made from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.layers import paint
from sam2_roto.training.clips.library import TextureLibrary
from sam2_roto.training.clips.photometric import develop
from sam2_roto.training.clips.scene import DIFFICULTIES, random_scene

Array = npt.NDArray[Any]

HELD_OUT_SEEDS = range(1_000_000)
_SMALLEST_SHARE = 0.0008
_ATTEMPTS = 20


@dataclass(frozen=True)
class Clip:
    """A video with truth.

    frames: uint8 [T, H, W, 3] RGB. labels: uint8 [T, H, W], the object visible at each pixel: 0 background, 1..objects.
    present: bool [objects, T], whether any pixel of the object is visible. Every object is visible on frame 0.
    """

    frames: Array
    labels: Array
    objects: int
    present: Array

    def mask(self, number: int) -> Array:
        """Visible pixels of an object, numbered from 1: bool [T, H, W]."""
        return np.asarray(self.labels == number)


def generate_clip(
    seed: int, *, size: int = 256, frames: int = 8, difficulty: str | None = None, library: TextureLibrary
) -> Clip:
    """Make the clip of a seed: the same seed, arguments and library give the same clip.

    seed: 0 or more; seeds in HELD_OUT_SEEDS draw from the library's held-out pool, all others from the training pool.
    size: the side of the square frames in pixels, even. difficulty: one of DIFFICULTIES, None for the training mix.
    """
    cv2.setNumThreads(1)
    if difficulty is not None and difficulty not in DIFFICULTIES:
        raise ValueError(f"difficulty {difficulty!r} is not one of {', '.join(DIFFICULTIES)}")
    pool = library.held_out if seed in HELD_OUT_SEEDS else library.training
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        moments = int(rng.choice([1, 4, 7], p=[0.82, 0.12, 0.06]))
        shutter = rng.uniform(0.3, 1.0) if moments > 1 else 0.0
        times = (np.arange(frames)[:, None] + shutter * np.arange(moments) / moments).ravel()
        scene = random_scene(rng, pool, times, size, difficulty)
        color, labels = paint(scene.background, scene.layers, scene.objects, size, moments)
        labels, objects = seen_at_first(labels, scene.objects)
        if objects:
            break
    else:
        raise RuntimeError(f"seed {seed} gave no clip with an object on its first frame in {_ATTEMPTS} attempts")
    present = np.stack([(labels == number).any(axis=(1, 2)) for number in range(1, objects + 1)])
    return Clip(develop(rng, color), labels, objects, present)


def seen_at_first(labels: Array, objects: int) -> tuple[Array, int]:
    """Keep the objects that are large enough to click on the first frame, renumbered from 1; the rest become 0."""
    counts = np.bincount(labels[0].ravel(), minlength=objects + 1)
    kept = [number for number in range(1, objects + 1) if counts[number] >= _SMALLEST_SHARE * labels[0].size]
    table = np.zeros(256, np.uint8)
    table[kept] = np.arange(1, len(kept) + 1)
    return table[labels], len(kept)


def held_out_set(count: int = 200) -> Iterator[tuple[str, int]]:
    """The held-out clips on which a model is measured: pairs of difficulty and seed, the difficulties in turn."""
    for index in range(count):
        yield DIFFICULTIES[index % len(DIFFICULTIES)], HELD_OUT_SEEDS[index]
