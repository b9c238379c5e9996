"""Make lessons: what the teacher sees in single pictures of footage, stills and generated clips.

    python -m sam2_roto.training.teacher.lessons teacher.safetensors lessons --textures clips --count 4000

A file each, so that a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from sam2_roto.training.clips import TextureLibrary, generate_clip
from sam2_roto.training.clips.textures import random_picture
from sam2_roto.training.data import clip_seed
from sam2_roto.training.lessons import MASK_SIDE, SIDE, are_things, save_lesson
from sam2_roto.training.teacher.model import Teacher
from sam2_roto.training.teacher.weights import TEACHER

Array = npt.NDArray[Any]
Rng = np.random.Generator

GENERATED_SHARE = 0.2
WHOLE_SHARE = 0.4
SMALLEST_WINDOW = 0.45


class Drawn(NamedTuple):
    """A picture uint8 [512, 512, 3], and masks bool [K, 256, 256] where the truth is known."""

    picture: Array
    truth: Array | None


def draw_picture(seed: int, library: TextureLibrary) -> Drawn:
    """The picture of a seed, of footage, a still or a generated clip."""
    rng = np.random.default_rng(seed)
    if _of_generated(rng) or not library.training.pictures:
        clip = generate_clip(seed, size=SIDE * 3 // 4, frames=1, library=library)
        return Drawn(_square(clip.frames[0]), true_masks(clip.labels[0]))
    return Drawn(_square(random_window(rng, random_picture(rng, library.training))), None)


def is_generated(seed: int) -> bool:
    """Whether the picture of a seed is of a generated clip, where the library has others."""
    return _of_generated(np.random.default_rng(seed))


def _of_generated(rng: Rng) -> bool:
    return bool(rng.random() < GENERATED_SHARE)


def true_masks(labels: Array) -> Array:
    """The objects of labels uint8 [H, W]: bool [K, 256, 256]."""
    small = cv2.resize(labels, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_NEAREST)
    return np.asarray(small[None] == np.arange(1, int(labels.max()) + 1)[:, None, None])


def _square(picture: Array) -> Array:
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


def random_window(rng: Rng, picture: Array) -> Array:
    """All of a picture, or a part of it with about its own shape."""
    if rng.random() < WHOLE_SHARE:
        return picture
    rows, columns = picture.shape[:2]
    side = rng.uniform(SMALLEST_WINDOW, 1.0)
    tall, wide = (round(full * min(side * rng.uniform(0.9, 1.3), 1.0)) for full in (rows, columns))
    y, x = int(rng.integers(rows - tall + 1)), int(rng.integers(columns - wide + 1))
    return np.asarray(picture[y : y + tall, x : x + wide])


def write_lessons(teacher: Teacher, draw: Callable[[int], Drawn], folder: Path, numbers: range, seed: int) -> None:
    """Make the lessons of ``numbers`` that the folder lacks; what is true goes before what the teacher says."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in numbers if not (folder / f"{number:06d}.npz").exists()]
    for number in tqdm(missing, unit="lesson", mininterval=10.0):
        random = clip_seed(seed, number, 0)
        drawn = draw(random)
        lesson = teacher.look(drawn.picture, np.random.default_rng(random))
        if drawn.truth is not None:
            lesson = replace(lesson, masks=drawn.truth, meant=are_things(drawn.truth))
        save_lesson(lesson, folder / f"{number:06d}.npz")


def main() -> None:
    """Make lessons as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m sam2_roto.training.teacher.lessons", description=__doc__)
    parser.add_argument("teacher", type=Path, help=f"weights of {TEACHER}, as safetensors")
    parser.add_argument("folder", type=Path, help="where the lessons go")
    parser.add_argument("--textures", type=Path, metavar="DIR", help="movies to take pictures from")
    parser.add_argument("--count", type=int, default=4000, metavar="N", help="lessons in all (default: 4000)")
    parser.add_argument("--seed", type=int, default=51, metavar="N", help="decides every picture (default: 51)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    args = parser.parse_args()
    library = TextureLibrary.build(args.textures)
    teacher = Teacher(args.teacher, torch.device(args.device))
    write_lessons(teacher, lambda random: draw_picture(random, library), args.folder, range(args.count), args.seed)


if __name__ == "__main__":
    main()
