"""How far the masks in bfloat16 agree with those in float32, on real clips.

    python benchmarks/precision.py --frames 10 --json precision.json

Tracks the shared clips with both, from the same prompts, and compares the masks at plate size, frame by frame. Ends
with status 1 where the mean IoU over all clips is under 0.99, and with status 2 where the clips are not there.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from compositing.footage import open_footage
from sam2_roto.export.annotations import write_json
from sam2_roto.loading import load_model
from sam2_roto.model import SAM2
from sam2_roto.tracking import ArraySource, FramePrompt, Tracker

LEAST = 0.99

CLICKS: dict[str, tuple[tuple[float, float, bool], ...]] = {
    "dog.mp4": ((410, 250, True),),
    "bedroom.mp4": ((210, 350, True), (250, 220, True)),
}
MASKED = "chair"
"""Folder of a clip with a mask for its first frame."""


def clips(folder: Path, frames: int) -> Iterator[tuple[str, NDArray[np.uint8], FramePrompt]]:
    """Name, plates uint8 [T, H, W, 3] and prompt of each clip that is there."""
    for name, points in CLICKS.items():
        if (folder / name).is_file():
            yield name, plates(folder / name, frames), FramePrompt(points=points)
    if (folder / MASKED).is_dir():
        first = sorted((folder / MASKED / "masks").iterdir())[0]
        mask = np.asarray(Image.open(first).convert("L")) > 0
        yield MASKED, plates(folder / MASKED / "frames", frames), FramePrompt(mask=mask)


def plates(path: Path, frames: int) -> NDArray[np.uint8]:
    """The first frames of a clip."""
    with open_footage(path) as footage:
        return np.stack([view for _, view in islice(footage.views(range(footage.first, footage.last + 1)), frames)])


def track(model: SAM2, views: NDArray[np.uint8], prompt: FramePrompt) -> tuple[list[torch.Tensor], float]:
    """Masks at plate size, and processor seconds a frame."""
    tracker = Tracker(model, ArraySource(views))
    tracker.prompt("object", 0, prompt)
    began, masks = time.process_time(), []
    for result in tracker.propagate():
        logits = result.objects["object"].logits[None, None]
        masks.append(F.interpolate(logits, size=views.shape[1:3], mode="bilinear", align_corners=False)[0, 0] > 0)
    return masks, (time.process_time() - began) / len(views)


def iou(one: torch.Tensor, other: torch.Tensor) -> float:
    """IoU of two masks; 1 where both are empty."""
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else 1.0


def main() -> int:
    """Compare, and print a line for each clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("SAM2_ROTO_SHARED", Path(__file__).parents[2] / "shared"))
    parser.add_argument("--clips", type=Path, default=shared / "clips")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    models = {word: load_model(args.model, args.device, precision=word) for word in ("float32", "bfloat16")}
    found: dict[str, Any] = {}
    for name, views, prompt in clips(args.clips, args.frames):
        runs = {word: track(model, views, prompt) for word, model in models.items()}
        scores = [iou(*pair) for pair in zip(runs["float32"][0], runs["bfloat16"][0], strict=True)]
        speed = runs["float32"][1] / runs["bfloat16"][1]
        found[name] = {"mean": float(np.mean(scores)), "least": min(scores), "faster": speed}
        print(f"{name:16} IoU {found[name]['mean']:.4f}, least {min(scores):.4f}; {speed:.2f}x as fast", flush=True)
    if not found:
        print(f"there are no clips in {args.clips}", file=sys.stderr)
        return 2
    mean = float(np.mean([clip["mean"] for clip in found.values()]))
    print(f"mean IoU of bfloat16 with float32: {mean:.4f}")
    if args.json:
        write_json(args.json, {"model": args.model, "frames": args.frames, "mean": mean, "clips": found})
    return int(mean < LEAST)


if __name__ == "__main__":
    sys.exit(main())
