"""Make scenes: what the teacher follows through short pieces of real film.

It sees single pictures alone, so each next frame asks it with the last masks carried along by optical flow, as box and
as mask; an object that it answers otherwise than motion has it is given up.

    python -m sam2_roto.training.teacher.scenes teacher.safetensors scenes --textures clips --count 400
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from compositing.flow import gray
from sam2_roto.errors import DatasetError
from sam2_roto.tracking.guide import carry, motion
from sam2_roto.training.clips import TextureLibrary
from sam2_roto.training.clips.library import Pool
from sam2_roto.training.data import clip_seed
from sam2_roto.training.lessons import SIDE, are_things, painted
from sam2_roto.training.losses import mask_iou
from sam2_roto.training.scenes import FRAMES, Scene, save_scene
from sam2_roto.training.teacher.model import Teacher
from sam2_roto.training.teacher.weights import TEACHER

Array = npt.NDArray[Any]
Rng = np.random.Generator

STRIDES = (1, 1, 2, 3)
MOST, LARGEST = 5, 0.25
"""So many objects are followed, none that covers more of the picture than this: the wide and still teach little."""
WHOLE_SHARE = 0.8
FAITHFUL = 0.6
"""An object is followed while answer and carried mask have this IoU."""


def draw_frames(rng: Rng, pool: Pool) -> Array:
    """Frames of a random piece of one shot: uint8 [7, 288, 512, 3]."""
    stride = int(rng.choice(STRIDES))
    span = stride * (FRAMES - 1) + 1
    fitting = [shot for shot in pool.shots.tolist() if shot[1] - shot[0] >= span]
    if not fitting:
        raise DatasetError(f"No shot of the clips has {span} frames; give longer clips.")
    first, stop = fitting[int(rng.integers(len(fitting)))]
    start = int(rng.integers(first, stop - span + 1))
    return np.asarray(pool.footage[start : start + span : stride])


@torch.inference_mode()
def follow(teacher: Teacher, frames: Array, rng: Rng) -> Scene:
    """What the teacher sees on the first of ``frames`` uint8 [T, H, W, 3], as far as it can be followed to the last."""
    pictures = [cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for frame in frames]
    masks = teacher.look(pictures[0], rng).masks
    masks = masks[masks.mean(axis=(1, 2)) < LARGEST]
    drawing = torch.Generator().manual_seed(int(rng.integers(2**31)))
    labels = painted(masks, are_things(masks), WHOLE_SHARE, drawing).labels
    first = [_logits(labels == number) for number in range(1, min(int(labels.max()), MOST) + 1)]
    logits = torch.stack(first) if first else torch.zeros(0, 1, SIDE // 4, SIDE // 4)
    found = [logits]
    for last, picture in pairwise(pictures):
        if not len(logits):
            break
        carried = carry(logits, motion(gray(picture), gray(last), logits.shape[-1])[None])
        logits = teacher.again(picture, carried)
        kept = mask_iou(logits[:, 0] > 0, carried[:, 0] > 0) > FAITHFUL
        logits = logits[kept]
        found = [*(rows[kept] for rows in found), logits]
    if not len(logits):
        return Scene(frames, np.zeros(frames.shape[:3], np.uint8))
    return Scene(frames, np.stack([_paint(rows, frames.shape[1:3]) for rows in found]))


def _logits(mask: Array) -> Tensor:
    """A mask [512, 512] as logits [1, 128, 128]."""
    coverage = F.adaptive_avg_pool2d(torch.from_numpy(mask)[None].float(), SIDE // 4)
    return 20.0 * coverage - 10.0


def _paint(logits: Tensor, size: tuple[int, ...]) -> Array:
    """Logits [R, 1, h, w] as labels uint8 [H, W]: each pixel to the object that is surest of it."""
    full = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)[:, 0]
    best, number = full.max(dim=0)
    return ((number + 1) * (best > 0)).to(torch.uint8).numpy()


def write_scenes(teacher: Teacher, pool: Pool, folder: Path, numbers: range, seed: int) -> None:
    """Make the scenes of ``numbers`` that the folder lacks; those in which nothing could be followed are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in tqdm(numbers, unit="scene", mininterval=10.0):
        path = folder / f"{number:06d}.npz"
        rng = np.random.default_rng(clip_seed(seed, number, 0))
        frames = draw_frames(rng, pool)
        scene = None if path.exists() else follow(teacher, frames, rng)
        if scene is not None and scene.labels.any():
            save_scene(scene, path)


def main() -> None:
    """Make scenes as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m sam2_roto.training.teacher.scenes", description=__doc__)
    parser.add_argument("teacher", type=Path, help=f"weights of {TEACHER}, as safetensors")
    parser.add_argument("folder", type=Path, help="where the scenes go")
    parser.add_argument("--textures", type=Path, required=True, metavar="DIR", help="movies to take scenes from")
    parser.add_argument("--count", type=int, default=400, metavar="N", help="scenes in all (default: 400)")
    parser.add_argument("--seed", type=int, default=52, metavar="N", help="decides every scene (default: 52)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    args = parser.parse_args()
    teacher = Teacher(args.teacher, torch.device(args.device))
    pool = TextureLibrary.build(args.textures).training
    write_scenes(teacher, pool, args.folder, range(args.count), args.seed)


if __name__ == "__main__":
    main()
