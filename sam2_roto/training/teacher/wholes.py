"""Lessons of wholes: what the embedded model means by a click, drawn by the teacher.

Of all that the teacher answers a click with, its surest masks are parts: a sleeve, a nose. The box round a thing gets
the thing. So the embedded model answers the click, the teacher is asked for what is in the box round that answer, and
once more for what is in the box round its own. What does not settle by then, or is far from what was meant, is left
out. The lessons keep their pictures, features and masks, as parts; those of generated pictures, whose truth is known,
stay as they are.

    python -m sam2_roto.training.teacher.wholes teacher.safetensors lessons wholes
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from sam2_roto.evaluation.davis import region_similarity
from sam2_roto.loading import load_model
from sam2_roto.mattes import mask_from_logits
from sam2_roto.model import SAM2
from sam2_roto.tracking import FramePrompt
from sam2_roto.tracking.crop_tracker import CropMemory, CropTracker
from sam2_roto.tracking.source import ArraySource
from sam2_roto.training.data import clip_seed
from sam2_roto.training.lessons import MASK_SIDE, SIDE, Lesson, are_things, find_lessons, load_lesson, save_lesson
from sam2_roto.training.teacher.lessons import is_generated
from sam2_roto.training.teacher.model import LARGEST, SMALLEST, Teacher, jittered_grid
from sam2_roto.training.teacher.weights import TEACHER

Array = npt.NDArray[Any]
Rng = np.random.Generator

GRID, ON_PARTS = 3, 5
"""Clicks per side of the picture, and clicks on parts that the teacher is sure of: most of them are of things."""
MEANT, SETTLED, ALIKE = 0.4, 0.8, 0.8
"""IoU with the embedded model's answer, and of the teacher's two, from which a mask is kept, and with another mask up
to which it is."""


def draw_clicks(masks: Array, rng: Rng) -> Array:
    """Places to click on float32 [N, 2] (x, y), pixels of a lesson's picture."""
    spread = jittered_grid(rng, GRID)[:, 0]
    things = masks[are_things(masks)] if len(masks) else masks
    places = [np.argwhere(mask) for mask in things[:ON_PARTS]]
    on_parts = [(place[rng.integers(len(place))][::-1] + 0.5) * (SIDE / MASK_SIDE) for place in places]
    return np.concatenate([spread, np.asarray(on_parts, np.float32).reshape(-1, 2)])


@torch.inference_mode()
def meant(student: SAM2, picture: Array, click: Array) -> Array:
    """What the embedded model answers a click on a picture uint8 [512, 512, 3] with: bool [256, 256]."""
    memory = CropMemory()
    tracker = CropTracker(student, ArraySource(picture[None]), "thing", memory)
    tracker.prompt("thing", 0, FramePrompt(points=((float(click[0]), float(click[1]), True),)))
    window, answer = memory.kept["thing", 0]
    seen = mask_from_logits(window.spread(answer.logits, (SIDE, SIDE)), (SIDE, SIDE))
    mask = seen.cpu().numpy() & bool(answer.present)
    return cv2.resize(mask.astype(np.uint8), (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_NEAREST) > 0


def wholes(teacher: Teacher, student: SAM2, picture: Array, clicks: Array) -> Array:
    """The things that are clicked on: bool [K, 256, 256], each once."""
    answers = [mask for click in clicks if SMALLEST < (mask := meant(student, picture, click)).mean() < LARGEST]
    if not answers:
        return np.zeros((0, MASK_SIDE, MASK_SIDE), bool)
    first = teacher.within(picture, np.stack(answers))
    second = teacher.within(picture, first)
    kept: list[Array] = []
    for answer, early, late in zip(answers, first, second, strict=True):
        agreed = region_similarity(late, early) > SETTLED and region_similarity(late, answer) > MEANT
        fresh = all(region_similarity(late, other) < ALIKE for other in kept)
        if agreed and fresh and SMALLEST < late.mean() < LARGEST:
            kept.append(late)
    return np.stack(kept) if kept else np.zeros((0, MASK_SIDE, MASK_SIDE), bool)


def write_wholes(teacher: Teacher, student: SAM2, lessons: list[Path], folder: Path, seed: int) -> None:
    """Make what the folder lacks of lessons; those in which nothing was settled are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in tqdm(lessons, unit="lesson", mininterval=10.0):
        random, made = clip_seed(seed, int(path.stem), 0), folder / path.name
        if made.exists():
            continue
        lesson = load_lesson(path)
        if not is_generated(random):
            clicks = draw_clicks(lesson.masks, np.random.default_rng(random))
            lesson = with_wholes(lesson, wholes(teacher, student, lesson.picture, clicks))
        if lesson.meant.any():
            save_lesson(lesson, made)


def with_wholes(lesson: Lesson, found: Array) -> Lesson:
    """A lesson whose clicks mean the things among ``found`` [K, 256, 256]; what it had are parts."""
    meant = np.concatenate([are_things(found), np.zeros(len(lesson.masks), bool)])
    return replace(lesson, masks=np.concatenate([found, lesson.masks]), meant=meant)


def main() -> None:
    """Make lessons of wholes as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m sam2_roto.training.teacher.wholes", description=__doc__)
    parser.add_argument("teacher", type=Path, help=f"weights of {TEACHER}, as safetensors")
    parser.add_argument("lessons", type=Path, help="folder of lessons")
    parser.add_argument("folder", type=Path, help="where the lessons of wholes go")
    parser.add_argument("--model", default="nano", metavar="NAME", help="what answers the clicks (default: nano)")
    parser.add_argument("--seed", type=int, default=51, metavar="N", help="that of the lessons (default: 51)")
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), metavar=("I", "N"), help="every Nth from the Ith")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    args = parser.parse_args()
    teacher, student = Teacher(args.teacher, torch.device(args.device)), load_model(args.model, device=args.device)
    write_wholes(teacher, student, find_lessons(args.lessons)[args.part[0] :: args.part[1]], args.folder, args.seed)


if __name__ == "__main__":
    main()
