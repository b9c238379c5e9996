"""What a window that follows a small object gains: IoU with the truth, with and without it, on generated clips.

    python benchmarks/crop.py
    python benchmarks/crop.py --sizes 20 40 --seeds 1 2 --frames 16 --mark box --model nano

A textured blob of the given size in pixels bends and moves over a textured plate of 1920 x 1080 that moves as well.
Prints for each clip the mean and the worst frame's IoU of the whole plate and of the window, and the windows used.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from sam2_roto import load_model
from sam2_roto.mattes.alpha import mask_from_logits
from sam2_roto.mattes.shapes import fill
from sam2_roto.model import SAM2
from sam2_roto.tracking import ArraySource, FramePrompt, Tracker
from sam2_roto.tracking.crop_tracker import CropMemory, CropTracker
from sam2_roto.training.clips import TextureLibrary
from sam2_roto.training.clips.textures import random_material

WIDTH, HEIGHT, SPEED = 1920, 1080, 6.0
NAME = "blob"

Array = NDArray[Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=float, nargs="+", default=[25, 40], help="of the object in pixels")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--mark", choices=("mask", "box", "click"), default="mask")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--json", type=Path, help="write the figures there")
    args = parser.parse_args()
    model, library = load_model(args.model, device="cpu"), TextureLibrary.build(None)
    rows = []
    print("size seed   whole plate         window   sides of windows")
    for size in args.sizes:
        for seed in args.seeds:
            views, truth = clip(seed, size, args.frames, library)
            said = marked(truth[0], args.mark)
            plain = overlaps(whole_plate(model, views, said), truth)
            kept = CropMemory()
            cropped = overlaps(through_windows(model, views, said, kept), truth)
            sides = sorted({window.width for window, _ in kept.kept.values()})
            figures = "  ".join(f"{found.mean():.3f} ({found.min():.3f})" for found in (plain, cropped))
            print(f"{size:4.0f} {seed:4d}  {figures}  {sides}", flush=True)
            rows.append({"size": size, "seed": seed, "whole": plain.tolist(), "window": cropped.tolist()})
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def clip(seed: int, size: float, frames: int, library: TextureLibrary) -> tuple[Array, Array]:
    """Pictures uint8 ``[T, H, W, 3]`` and the truth bool ``[T, H, W]``."""
    rng = np.random.default_rng(seed)
    plate = random_material(rng, library.held_out).paint(rng, HEIGHT, WIDTH + 2 * frames)
    skin = random_material(rng, library.held_out).paint(rng, 256, 256).astype(np.float32)
    plate = cv2.GaussianBlur(plate, (0, 0), 1.2).astype(np.float32)
    phases, way = rng.uniform(0, 6, 4), rng.uniform(0, 2 * np.pi)
    start = np.array([WIDTH * rng.uniform(0.25, 0.5), HEIGHT * rng.uniform(0.35, 0.65)])
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    views, truth = [], []
    for frame in range(frames):
        sway = (20 * np.sin(0.15 * frame + phases[0]), 15 * np.sin(0.2 * frame + phases[1]))
        middle = start + SPEED * frame * np.array([np.cos(way), 0.5 * np.sin(way)]) + sway
        bend = 0.8 + 0.15 * np.cos(2 * angle + phases[2] + 0.05 * frame) + 0.1 * np.sin(3 * angle + phases[3])
        round_it = np.stack([np.cos(angle + 0.02 * frame), 0.75 * np.sin(angle + 0.02 * frame)], axis=1)
        alpha = fill([(middle + size / 2 * bend[:, None] * round_it, False)], (0, 0, WIDTH, HEIGHT))
        scale = 1.6 * size / 256
        laid = np.array([[scale, 0, middle[0] - 128 * scale], [0, scale, middle[1] - 128 * scale]])
        color = cv2.warpAffine(skin, laid, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        picture = plate[:, 2 * frame : 2 * frame + WIDTH]
        picture = picture + (color - picture) * alpha[..., None] + rng.normal(0, 2, (HEIGHT, WIDTH, 1))
        views.append(picture.clip(0, 255).astype(np.uint8))
        truth.append(alpha > 0.5)
    return np.stack(views), np.stack(truth)


def marked(mask: Array, kind: str) -> FramePrompt:
    """The prompt that a person with a steady hand would give."""
    rows, columns = np.nonzero(mask)
    match kind:
        case "box":
            return FramePrompt(box=(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        case "click":
            return FramePrompt(points=((float(columns.mean()), float(rows.mean()), True),))
    return FramePrompt(mask=mask)


def whole_plate(model: SAM2, views: Array, said: FramePrompt) -> Iterator[Array]:
    """Masks of all frames, the network seeing the whole plate."""
    tracker = Tracker(model, ArraySource(views))
    tracker.prompt(NAME, 0, said)
    for result in tracker.propagate():
        yield drawn(result.objects[NAME].logits)


def through_windows(model: SAM2, views: Array, said: FramePrompt, kept: CropMemory) -> Iterator[Array]:
    """Masks of all frames, the network seeing windows."""
    tracker = CropTracker(model, ArraySource(views), NAME, kept)
    tracker.prompt(NAME, 0, said)
    for result in tracker.propagate():
        window, seen = kept.kept[NAME, result.frame]
        yield drawn(window.spread(seen.logits, (HEIGHT, WIDTH)))


def drawn(logits: torch.Tensor) -> Array:
    return mask_from_logits(logits, (HEIGHT, WIDTH)).numpy()


def overlaps(masks: Iterator[Array], truth: Array) -> Array:
    """IoU by frame."""
    pairs = zip(masks, truth, strict=True)
    return np.array([(mask & true).sum() / max((mask | true).sum(), 1) for mask, true in pairs])


if __name__ == "__main__":
    main()
