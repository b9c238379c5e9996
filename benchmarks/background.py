"""The error at the edge after a background was replaced, with and without foreground estimation.

Things with hair and veils of known colour and alpha (``sam2_roto.evaluation.strands``) are put before one procedural
background, stored in 8 bits as a camera would, and brought before another. The truth is the same thing before that
background. Errors are in 8-bit display codes, over the pixels whose alpha lies between 0.02 and 0.98.

    python benchmarks/background.py [--things 8] [--radius 60] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from compositing.background import replace_background
from compositing.color import linear_to_srgb, srgb_to_linear
from compositing.image import Image
from sam2_roto.evaluation.strands import Look, paint_thing, pattern
from sam2_roto.training.clips.library import Pool, procedural_library

LOOKS = {
    "hard edge": Look(),
    "hair": Look(strands=160, length=0.5),
    "veil": Look(veil=0.6),
}
WAYS: dict[str, dict[str, Any]] = {
    "with estimation": {},
    "without": {"estimate": False},
    "without, choked 1 px": {"estimate": False, "choke": 1.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--things", type=int, default=8, help="how many of each look")
    parser.add_argument("--radius", type=int, default=60, help="of a thing's body in pixels; pictures have five a side")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    pool = procedural_library().held_out
    rows = {look: measure(pool, LOOKS[look], args.things, args.radius) for look in LOOKS}
    print(f"{'edge error in codes':24}" + "".join(f"{way:>24}" for way in WAYS))
    for look, row in rows.items():
        print(f"{look:24}" + "".join(f"{row[way]['mean']:14.2f} (95 %{row[way]['high']:5.1f})" for way in WAYS))
    print(
        "seconds a picture       "
        + "".join(f"{statistics.median(r[w]['seconds'] for r in rows.values()):24.2f}" for w in WAYS)
    )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(pool: Pool, look: Look, things: int, radius: int) -> dict[str, dict[str, float]]:
    """Mean, 95th percentile and seconds by way, over ``things`` seeds; the ways take turns on each."""
    errors: dict[str, list[npt.NDArray[np.float32]]] = {way: [] for way in WAYS}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for seed in range(things):
        plate, matte, background, truth = scene(pool, look, seed, radius)
        edge = ((matte.pixels[0] > 0.02) & (matte.pixels[0] < 0.98)).numpy()
        for way, how in WAYS.items():
            begun = time.perf_counter()
            made = replace_background(plate, matte, background, **how)
            seconds[way].append(time.perf_counter() - begun)
            errors[way].append(np.abs(codes(made.rgb()) - codes(truth))[:, edge].ravel())
    joined = {way: np.concatenate(found) for way, found in errors.items()}
    return {
        way: {
            "mean": float(found.mean()),
            "high": float(np.percentile(found, 95)),
            "seconds": statistics.median(seconds[way]),
        }
        for way, found in joined.items()
    }


def scene(pool: Pool, look: Look, seed: int, radius: int) -> tuple[Image, Image, Image, torch.Tensor]:
    """Plate (8 bits, decoded to linear light), true matte, new background, and the true composite ``[3, H, W]``."""
    rng = np.random.default_rng(seed)
    thing = torch.from_numpy(paint_thing(rng, pool, radius, look)).permute(2, 0, 1)
    side, alpha = thing.shape[-1], thing[3:]
    front = srgb_to_linear(thing[:3] / alpha.clamp_min(1e-6)).clamp(0, 1) * alpha
    old, new = (
        srgb_to_linear(torch.from_numpy(pattern(rng, pool, side, side)).permute(2, 0, 1).clamp(0, 1)) for _ in range(2)
    )
    seen = linear_to_srgb(front + (1 - alpha) * old)
    stored = srgb_to_linear((seen * 255).round() / 255)
    images = [Image.from_pixels(planes.contiguous().float()) for planes in (stored, alpha, new)]
    return images[0], images[1], images[2], front + (1 - alpha) * new


def codes(linear: torch.Tensor) -> npt.NDArray[np.float32]:
    """Linear light as display codes, 0 to 255, not rounded."""
    return np.asarray(linear_to_srgb(linear.clamp(0, 1)).numpy() * 255, np.float32)


if __name__ == "__main__":
    main()
