"""How near mattes come to the truth, and how fast each step is.

    python benchmarks/mattes.py quality [--sources ideal-96,ideal-256,nano] [--kinds hair,veil] [--frames 12]
    python benchmarks/mattes.py speed [--sizes 1080p,4k] [--threads 1] [--repeat 3] [--json FILE]

``quality`` makes the synthetic set, and mattes of it from logits of three kinds: ``ideal`` (true alpha averaged over
the cells of the network's output, as log-odds), ``shaken`` (the same, with edges that tremble), and those that a model
tracks from the true mask of the first frame. MSE and dtSSD are told as ratios to those of the thresholded mask;
"steady" is the default recipe's dtSSD against that of the same recipe without its temporal step. ``--footage DIR``
takes backgrounds from the movies of a folder.

``speed`` times each step on one object that fills a quarter of the frame; medians, in milliseconds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from compositing.footage import open_footage
from sam2_roto.evaluation.matting import dtssd, mse
from sam2_roto.evaluation.matting_clips import KINDS, MattingClip, ideal_logits, matting_clip
from sam2_roto.export.annotations import write_json
from sam2_roto.loading import load_model
from sam2_roto.mattes import (
    PRESETS,
    Choke,
    Clean,
    Feather,
    Hair,
    MatteRecipe,
    MotionBlur,
    Picture,
    Refine,
    SeeThrough,
    Soften,
    Stabilise,
    Strands,
    mask_from_logits,
)
from sam2_roto.mattes.scene import Moment, Scene
from sam2_roto.mattes.stream import Shown, apply_along
from sam2_roto.tracking import FramePrompt, Tracker
from sam2_roto.tracking.source import ArraySource

Mattes = list[np.ndarray[Any, Any]]
SIZES = {"1080p": (1080, 1920), "4k": (2160, 3840)}


def without_time(recipe: MatteRecipe) -> MatteRecipe:
    """The recipe without its stabilisation."""
    return replace(recipe, steps=tuple(step for step in recipe.steps if not isinstance(step, Stabilise)))


RECIPES = {
    "default": PRESETS["default"],
    "unsteady": without_time(PRESETS["default"]),
    "hard": PRESETS["hard"],
    "hair": PRESETS["hair"],
}


def logits_of(source: str, clip: MattingClip, models: dict[str, Any]) -> list[Tensor]:
    """Logits of every frame: ``ideal-<side>``, ``shaken-<side>``, or those of the model named."""
    word, _, side = source.partition("-")
    if word in ("ideal", "shaken"):
        ideal = ideal_logits(clip.alpha, int(side))
        return list(ideal + chatter(ideal.shape) if word == "shaken" else ideal)
    model = models.setdefault(source, load_model(source, "cpu"))
    tracker = Tracker(model, ArraySource(clip.views))
    tracker.prompt("thing", 0, FramePrompt(mask=clip.alpha[0] > 0.5))
    return [result.objects["thing"].logits for result in tracker.propagate()]


def chatter(shape: torch.Size) -> Tensor:
    """What makes an edge tremble: a smooth random field, another one on every frame, of standard deviation 2."""
    coarse = 2 * torch.randn(shape[0], 1, 24, 24, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, size=shape[1:], mode="bicubic")[:, 0]


def mattes_of(recipe: MatteRecipe, clip: MattingClip, logits: Sequence[Tensor]) -> Mattes:
    """The recipe's mattes of a clip."""
    size = (clip.alpha.shape[1], clip.alpha.shape[2])
    shown = (Shown(k, {"thing": logits[k]}, Picture(clip.views[k])) for k in range(len(logits)))
    return [alphas["thing"].numpy() for _, alphas in apply_along(recipe, shown, size)]


def errors(mattes: Mattes, clip: MattingClip) -> tuple[float, float]:
    """Mean squared error and dtSSD of all frames but the first, which is prompted."""
    pairs = list(zip(mattes[1:], clip.alpha[1:], strict=True))
    return statistics.fmean(mse(matte, true) for matte, true in pairs), dtssd(mattes[1:], clip.alpha[1:])


def measure(
    source: str, clip: MattingClip, models: dict[str, Any], recipes: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """The errors of the thresholded mask and of the recipes named."""
    logits, size = logits_of(source, clip, models), (clip.alpha.shape[1], clip.alpha.shape[2])
    found = {"threshold": errors([mask_from_logits(row, size).float().numpy() for row in logits], clip)}
    for name in recipes:
        found[name] = errors(mattes_of(RECIPES[name], clip, logits), clip)
    return found


def row(title: str, found: dict[str, tuple[float, float]]) -> str:
    """One line of the table."""
    nothing = (float("nan"), float("nan"))
    base, steady = found["threshold"], found.get("default", nothing)[1] / found.get("unsteady", nothing)[1]
    ratios = "".join(f"{found.get(name, nothing)[0] / base[0]:>10.3f}" for name in ("hard", "default", "hair"))
    trembles = "".join(f"{found.get(name, nothing)[1] / base[1]:>10.3f}" for name in ("default", "hair"))
    return f"{title:<22}{1e4 * base[0]:>10.2f}{ratios}{1e3 * base[1]:>10.2f}{trembles}{steady:>10.3f}"


COLUMNS = ("MSE e-4", "hard", "default", "hair", "dtSSD e-3", "default", "hair", "steady")


def quality(args: argparse.Namespace) -> dict[str, Any]:
    """Print the table of errors."""
    backgrounds = list(pictures(args.footage)) if args.footage else []
    models: dict[str, Any] = {}
    totals: dict[str, list[dict[str, tuple[float, float]]]] = {source: [] for source in args.sources}
    print(" " * 22 + "".join(f"{title:>10}" for title in COLUMNS))
    for kind in args.kinds:
        for seed in range(1, args.seeds + 1):
            clip = matting_clip(kind, seed, frames=args.frames, backgrounds=backgrounds)
            for source in args.sources:
                totals[source].append(measure(source, clip, models, args.recipes))
                print(row(f"{clip.name}, {source}", totals[source][-1]), flush=True)
    result = {}
    for source, found in totals.items():
        names = found[0]
        mean = {n: tuple(statistics.fmean(one[n][k] for one in found) for k in (0, 1)) for n in names}
        result[source] = {name: {"mse": pair[0], "dtssd": pair[1]} for name, pair in mean.items()}
        print(row(f"all, {source}", {name: (pair[0], pair[1]) for name, pair in mean.items()}))
    return result


def pictures(folder: Path) -> Iterator[np.ndarray[Any, Any]]:
    """One picture of every movie in a folder, in the order of their names."""
    for path in sorted(folder.glob("**/*.mp4")):
        with open_footage(path) as footage:
            yield footage.view((footage.first + footage.last) // 2)


def milliseconds(job: Callable[[], object], repeat: int) -> float:
    """The median processor time of a job after one run to warm up."""
    job()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return statistics.median(times) * 1e3


def speed(args: argparse.Namespace) -> dict[str, Any]:
    """Print the table of times: processor time, which on a busy machine is what is comparable."""
    torch.set_num_threads(args.threads)
    times: dict[str, dict[str, float]] = {}
    for size in args.sizes:
        times[size] = {}
        for name, value in step_times(SIZES[size], args.repeat):
            times[size][name] = value
            print(f"{size:<8}{name:<34}{value:>10.0f}", flush=True)
    return times


def step_times(size: tuple[int, int], repeat: int) -> Iterator[tuple[str, float]]:
    """Milliseconds of every step on a disc that moves over still ground, both of noise."""
    noise = np.random.default_rng(0).integers(0, 255, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
    ground = noise.repeat(8, 0).repeat(8, 1) // 2 + np.random.default_rng(1).integers(0, 9, (*size, 3), dtype=np.uint8)
    y, x = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
    logits = (72 - torch.hypot(x - 128, y - 128)) * 2
    yield "alpha, sharp edge", milliseconds(lambda: PRESETS["hard"].alpha(logits, size), repeat)
    yield "alpha, fractions", milliseconds(lambda: PRESETS["default"].alpha(logits, size), repeat)
    middle, speed = PRESETS["default"].alpha(logits, size), size[1] // 160
    alphas = [middle.roll(speed * (k - 5), 1) for k in range(11)]
    fronts = [np.roll(ground, (50, speed * k), (0, 1)) for k in range(11)]
    plates = [Picture(np.where(a.numpy()[..., None] > 0.5, f, ground)) for a, f in zip(alphas, fronts, strict=True)]
    moments = [Moment(k, alphas[k], plates[k], (size[0] * size[1]) ** 0.5 / 256) for k in range(11)]
    alpha, scene, wide = alphas[5], Scene(moments[4:7], 1), Scene(moments, 5)
    yield "motion of the plate, once a pair", milliseconds(lambda: Picture(plates[4].view).flow_to(plates[5]), repeat)
    steps = {
        "choke 2": Choke(2),
        "feather 8 + 8": Feather(8, 8),
        "soften 4": Soften(4),
        "clean, 3 frames": Clean(100, 100, 1),
        "stabilise, 3 frames": Stabilise(1),
        "refine": Refine(),
        "motion blur": MotionBlur(0.5),
    }
    for name, step in steps.items():
        yield name, milliseconds(lambda step=step: step.apply(alpha, scene), repeat)
    seven = Scene(moments[2:9], 3)
    yield "stabilise, 7 frames", milliseconds(lambda: Stabilise(3).apply(alpha, seven), repeat)
    yield "see through, 11 frames", milliseconds(lambda: SeeThrough().apply(alpha, wide), repeat)
    yield "strands, 11 frames", milliseconds(lambda: Strands().apply(alpha, wide), repeat)
    yield "hair, no clean plate", milliseconds(lambda: Hair(frames=0).apply(alpha, scene), 1)
    yield "hair, 11 frames", milliseconds(lambda: Hair().apply(alpha, wide), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("quality", "speed"))
    words = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--sources", type=words, default=["ideal-96", "ideal-256", "nano"])
    parser.add_argument("--kinds", type=words, default=list(KINDS))
    parser.add_argument("--recipes", type=words, default=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--footage", type=Path)
    parser.add_argument("--sizes", type=words, default=list(SIZES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = quality(args) if args.what == "quality" else speed(args)
    if args.json:
        write_json(args.json, result)


if __name__ == "__main__":
    main()
