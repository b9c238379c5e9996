"""Make lessons: what the teacher sees in single pictures of footage, stills and generated clips.

    python -m sam2_roto.training.teacher.lessons teacher.safetensors lessons --textures clips --count 4000

A file each, so that a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from sam2_roto.training.clips import TextureLibrary, generate_clip
from sam2_roto.training.clips.textures import random_picture
from sam2_roto.training.data import clip_seed
from sam2_roto.training.lessons import SIDE, save_lesson
from sam2_roto.training.teacher.model import Teacher
from sam2_roto.training.teacher.weights import TEACHER

Array = npt.NDArray[Any]
Rng = np.random.Generator

GENERATED_SHARE = 0.2
WHOLE_SHARE = 0.4
SMALLEST_WINDOW = 0.45


def draw_picture(seed: int, library: TextureLibrary) -> Array:
    """The picture of a seed, of footage, a still or a generated clip: uint8 [512, 512, 3]."""
    rng = np.random.default_rng(seed)
    if rng.random() < GENERATED_SHARE or not library.training.pictures:
        picture: Array = generate_clip(seed, size=SIDE * 3 // 4, frames=1, library=library).frames[0]
    else:
        picture = random_window(rng, random_picture(rng, library.training))
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


def write_lessons(teacher: Teacher, draw: Callable[[int], Array], folder: Path, numbers: range, seed: int) -> None:
    """Make the lessons of ``numbers`` that the folder lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in numbers if not (folder / f"{number:06d}.npz").exists()]
    for number in tqdm(missing, unit="lesson", mininterval=10.0):
        drawn = clip_seed(seed, number, 0)
        lesson = teacher.look(draw(drawn), np.random.default_rng(drawn))
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
    write_lessons(teacher, lambda drawn: draw_picture(drawn, library), args.folder, range(args.count), args.seed)


if __name__ == "__main__":
    main()
