"""J by the number of clicks on one picture, each on the largest error so far: as answered, heeded, and looked around.

python benchmarks/clicks.py [--textures DIR] [--pictures 24] [--clicks 6]

Pictures are first frames of generated clips, seen through the windows that clicks choose. Each way has what those
before it have; differences from the one before are paired, object by object, "±" is their standard error.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sam2_roto.evaluation.davis import region_similarity
from sam2_roto.evaluation.prompts import corrective_click, first_prompt
from sam2_roto.loading import load_model
from sam2_roto.mattes import mask_from_logits
from sam2_roto.model import SAM2
from sam2_roto.tracking.crop_tracker import CropMemory, CropTracker
from sam2_roto.tracking.objects import FrameResult
from sam2_roto.tracking.source import ArraySource
from sam2_roto.training.clips import DIFFICULTIES, TextureLibrary, generate_clip

FIRST_SEED, SIDE, SMALLEST = 800_000, 384, 60

Array = NDArray[Any]


def objects(library: TextureLibrary, count: int) -> Iterator[tuple[Array, Array]]:
    """Pictures uint8 ``[H, W, 3]``, each with the mask of one of its objects."""
    for seed in tqdm(range(FIRST_SEED, FIRST_SEED + count), unit="picture"):
        difficulty = DIFFICULTIES[seed % len(DIFFICULTIES)]
        clip = generate_clip(seed, size=SIDE, frames=2, difficulty=difficulty, library=library)
        for number in range(1, clip.objects + 1):
            mask = clip.mask(number)[0]
            if mask.sum() > SMALLEST:
                yield clip.frames[0], mask


def by_clicks(model: SAM2, view: Array, truth: Array, clicks: int) -> list[float]:
    """J after each click; the last one again where there is nothing left to correct."""
    source = ArraySource(view[None])
    tracker, found = CropTracker(model, source, "object", CropMemory()), []
    click = first_prompt(truth, "click")
    while click is not None and len(found) < clicks:
        answer = FrameResult(0, {"object": tracker.prompt("object", 0, click)})
        result = tracker.on_plate(answer).objects["object"]
        mask = mask_from_logits(result.logits, truth.shape).numpy() & result.present
        found.append(region_similarity(mask, truth))
        click = corrective_click(mask, truth)
    return found + found[-1:] * (clicks - len(found))


def main() -> None:
    """Measure all ways and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--textures", type=Path, help="movies to cut textures from, as in training")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--clicks", type=int, default=6)
    options = parser.parse_args()
    model = load_model(options.model, device="cpu")
    config = model.config
    ways = {
        "as answered": replace(config, heeds_clicks=False, looks_around=False),
        "heeded": replace(config, heeds_clicks=True, looks_around=False),
        "looked around": replace(config, heeds_clicks=True, looks_around=True),
    }
    shown = list(objects(TextureLibrary.build(options.textures), options.pictures))
    print(f"{len(shown)} objects" + "".join(f"{k + 1:>9} clicks" for k in range(options.clicks)))
    before = None
    for title, way in ways.items():
        model.config = way
        values = np.array([by_clicks(model, view, mask, options.clicks) for view, mask in shown])
        print(f"{title:<14}" + "".join(f"{value:>16.3f}" for value in values.mean(axis=0)))
        if before is not None:
            print(f"{'  change':<14}" + "".join(f"{told(column):>16}" for column in (values - before).T))
        before = values


def told(change: Array) -> str:
    """A mean and its standard error."""
    return f"{change.mean():+.3f} ±{change.std(ddof=1) / len(change) ** 0.5:.3f}"


if __name__ == "__main__":
    main()
