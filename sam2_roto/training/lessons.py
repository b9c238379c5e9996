"""Lessons: pictures with what a published model makes of them, for the embedded model to learn from.

``teacher/lessons.py`` makes them. They serve twice: their features are what the trunk learns to give (``distil.py``),
and their masks are objects in real pictures to be clicked on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.errors import DatasetError
from sam2_roto.export.files import replacing
from sam2_roto.training.augment import draw_matrix, recolor, warp
from sam2_roto.training.config import Augmentation

Array = npt.NDArray[Any]

SIDE = 512
"""Side of a lesson's picture in pixels, and of the teacher's input."""
MASK_SIDE = 256
QUALITY = 94
OVERLAP = 0.05
MOST_SIDES, WIDE = 1, 0.4


@dataclass(frozen=True)
class Lesson:
    """One picture and what the teacher makes of it.

    Attributes:
        picture: uint8 [512, 512, 3] RGB; wide pictures are squeezed, as the network sees them.
        features: float16 [256, 32, 32], the teacher's, as its decoder reads them.
        masks: bool [K, 256, 256], best first; they may lie within one another.
        meant: bool [K], which of them who clicks there means; the others are parts and surroundings.
    """

    picture: Array
    features: Array
    masks: Array
    meant: Array


def to_jpeg(picture: Array) -> Array:
    """A picture uint8 [H, W, 3] RGB as the bytes of a JPEG file."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data


def from_jpeg(data: Array) -> Array:
    """The picture in the bytes of a JPEG file. Raises ValueError where there is none."""
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("these bytes are no picture")
    return np.ascontiguousarray(picture[..., ::-1])


def save_lesson(lesson: Lesson, path: Path) -> None:
    """Write a lesson; the file appears whole or not at all. Raises OutputError where it cannot be written."""
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(
            file,
            picture=to_jpeg(lesson.picture),
            features=lesson.features,
            masks=np.packbits(lesson.masks, axis=-1),
            meant=lesson.meant,
        )


def load_lesson(path: Path) -> Lesson:
    """Read a lesson. Raises DatasetError where the file is none."""
    try:
        with np.load(path) as stored:
            masks = np.unpackbits(stored["masks"], axis=-1).astype(bool).reshape(-1, MASK_SIDE, MASK_SIDE)
            meant = stored["meant"] if "meant" in stored else are_things(masks)
            return Lesson(from_jpeg(stored["picture"]), stored["features"], masks, meant)
    except (OSError, KeyError, ValueError) as error:
        raise DatasetError(f"{path} is no lesson; remove it, and have it made again.") from error


def find_lessons(folder: Path) -> list[Path]:
    """The lessons in a folder, by number. Raises DatasetError where there are none."""
    found = sorted(folder.glob("*.npz"))
    if not found:
        raise DatasetError(f"{folder} has no lessons; make them by python -m sam2_roto.training.teacher.lessons.")
    return found


@dataclass(frozen=True)
class Part:
    """A changed part of a lesson: frames uint8 [1, 3, S, S], labels uint8 [1, S, S], features float16 [256, s, s].

    ``whole``: its objects are wholes.
    """

    frames: Tensor
    labels: Tensor
    features: Tensor
    whole: bool


class Painted(NamedTuple):
    """Masks as labels uint8 [512, 512], and whether they are of wholes alone."""

    labels: Array
    whole: bool


def random_part(
    lesson: Lesson, size: int, whole_share: float, settings: Augmentation, generator: torch.Generator
) -> Part:
    """A part of a lesson as a picture of ``size`` pixels square, s = ``size``/16; some of its masks are objects."""
    shown = painted(lesson.masks, lesson.meant, whole_share, generator)
    labels = torch.from_numpy(shown.labels)[None]
    picture = torch.from_numpy(lesson.picture).permute(2, 0, 1)[None].float()
    matrix = draw_matrix(labels, settings, generator)
    moved, labels = warp(picture, labels, matrix, size)
    features = coarse(torch.from_numpy(lesson.features)[None].float(), matrix, size // 16)
    return Part(recolor(moved, settings, generator), labels, features[0].half(), shown.whole)


def coarse(features: Tensor, matrix: Tensor, size: int) -> Tensor:
    """Features [1, C, h, w] through an affine map [2, 3], each of ``size`` cells per side the mean of four samples."""
    grid = F.affine_grid(matrix[None], [1, 1, 2 * size, 2 * size], align_corners=False)
    return F.avg_pool2d(F.grid_sample(features, grid, padding_mode="reflection", align_corners=False), 2)


def painted(masks: Array, meant: Array, whole_share: float, generator: torch.Generator) -> Painted:
    """Masks [K, S, S] as labels, those that overlap one painted before left out.

    For ``whole_share`` of the lessons only those that are ``meant`` [K] are painted, the largest first, since who
    clicks on a thing means all of it; else anything, in random order.
    """
    order = torch.randperm(len(masks), generator=generator)
    whole = float(torch.rand(1, generator=generator)) < whole_share
    if whole:
        masks = masks[meant]
        order = torch.from_numpy(masks.sum(axis=(1, 2))).argsort(descending=True)
    labels = np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
    number = 0
    for index in order.tolist():
        if (labels[masks[index]] > 0).mean() < OVERLAP:
            number += 1
            labels[masks[index]] = number
    return Painted(np.asarray(cv2.resize(labels, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)), whole)


def are_things(masks: Array) -> Array:
    """Which of masks [K, S, S] are things rather than their surroundings, which are wide or go from side to side."""
    sides = np.stack([masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1]])
    touched = sides.any(axis=2).sum(axis=0)
    return np.asarray((touched <= MOST_SIDES) & (masks.mean(axis=(1, 2)) < WIDE))


def draw_parts(
    lessons: list[Path],
    count: int,
    size: int,
    whole_share: float,
    settings: Augmentation,
    generator: torch.Generator,
) -> list[Part]:
    """Parts of ``count`` random lessons."""
    chosen = torch.randint(len(lessons), (count,), generator=generator).tolist()
    return [random_part(load_lesson(lessons[index]), size, whole_share, settings, generator) for index in chosen]
