"""How few keys splines need, and how well they keep the mattes they were fitted to.

    python benchmarks/splines.py                               the demo clip, tracked and true, and generated clips
    python benchmarks/splines.py --masks DIR --keys 20         mattes of your own (8-bit PNGs), 20 keys at most

The demo clip is taken twice: its true mattes, and those that a model (``--model``) tracks from one click;
a third of its frames may be keys.

Prints for each clip its frames, the keys, shapes and points, the smallest and mean IoU of the drawn shapes with the
mattes over all frames (both cut at one half), the largest mean distance of the edges in pixels, and the seconds taken.
Ends with status 1 where either of the demo clip's needs more than a third of its frames as keys, or keeps less than
0.97 on any.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from compositing.footage import open_footage
from sam2_roto.demo import CLICK, demo_clip, demo_truth
from sam2_roto.job import Click, RotoscopeJob
from sam2_roto.mattes.shapes_fit import fit_spline
from sam2_roto.rotoscoping import rotoscope
from sam2_roto.training.clips import TextureLibrary, generate_clip

LEAST_IOU, MOST_KEYS = 0.97, 1 / 3
"""What the demo clip has to reach."""

Masks = NDArray[Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=Path, action="append", default=[], help="folder of masks, bright on the object")
    parser.add_argument("--tolerance", type=float, default=0.6, help="pixels (default: 0.6)")
    parser.add_argument(
        "--keys", type=int, help="keys at most (default: a third of the demo clip, else as many as the tolerance needs)"
    )
    parser.add_argument("--model", default="nano", help="what tracks the demo clip (default: nano)")
    parser.add_argument("--frames", type=int, default=36, help="of each generated clip (default: 36)")
    parser.add_argument("--seeds", type=int, nargs="*", default=[5, 8], help="of the generated clips")
    parser.add_argument("--json", type=Path, help="write the figures there")
    args = parser.parse_args()
    found = {}
    print(f"{'clip':24s} frames keys shapes points  IoU min   mean  error px  seconds")
    for name, masks in clips(args):
        third = int(MOST_KEYS * len(masks)) if name.startswith("demo,") else None
        found[name] = row = measured(name, masks, args.tolerance, args.keys or third)
        print(
            f"{name:24s} {row['frames']:6d} {row['keys']:4d} {row['shapes']:6d} {row['points']:6d}"
            f"   {row['least']:.4f} {row['mean']:.4f} {row['error']:9.3f} {row['seconds']:8.1f}",
            flush=True,
        )
    if args.json:
        args.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    demos = [row for name, row in found.items() if name.startswith("demo,")]
    return int(any(row["least"] < LEAST_IOU or row["keys"] > MOST_KEYS * row["frames"] for row in demos))


def clips(args: argparse.Namespace) -> Iterator[tuple[str, Masks]]:
    """Names and masks ``[T, H, W]``, bool or alpha."""
    for folder in args.masks:
        pictures = sorted(folder.glob("*.png"))
        yield folder.resolve().name, np.stack([np.asarray(Image.open(path)) > 0 for path in pictures])
    if args.masks:
        return
    yield "demo, true", demo_truth()
    yield f"demo, {args.model}", tracked(args.model)
    library = TextureLibrary.build(None)
    for seed in args.seeds:
        clip = generate_clip(seed, size=512, frames=args.frames, library=library)
        yield f"generated {seed}", clip.mask(1)


def tracked(model: str) -> Masks:
    """The mattes of the demo clip as a model tracks it from one click: float32 ``[T, H, W]``."""
    with tempfile.TemporaryDirectory() as folder:
        job = RotoscopeJob(demo_clip(), Path(folder), (Click("carp", 0, *CLICK),), model=model)
        with open_footage(rotoscope(job).mattes[0]) as mattes:
            frames = range(mattes.first, mattes.last + 1)
            return np.stack([mattes.read(frame).on_display().channel("A").numpy() for frame in frames])


def measured(name: str, masks: Masks, tolerance: float, most_keys: int | None) -> dict[str, Any]:
    """Fit, draw every frame, compare."""
    start = time.perf_counter()
    spline = fit_spline(name, masks, tolerance=tolerance, most_keys=most_keys)
    seconds = time.perf_counter() - start
    overlaps = [iou(spline.draw(frame) > 0.5, mask > 0.5) for frame, mask in enumerate(masks)]
    return {
        "frames": len(masks),
        "keys": len(spline.keyframes),
        "shapes": len(spline.shapes),
        "points": max((len(next(iter(shape.keys.values()))) for shape in spline.shapes), default=0),
        "least": min(overlaps),
        "mean": float(np.mean(overlaps)),
        "error": spline.error,
        "seconds": seconds,
    }


def iou(first: Masks, second: Masks) -> float:
    """The shared part of two masks, 1 where both are empty."""
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


if __name__ == "__main__":
    sys.exit(main())
