"""Every stage of a job by itself, and the whole job, in which they work side by side: 1080p H.264 in, EXR mattes out.

    python benchmarks/pipeline.py                       nano, 32 frames, one thread for the network
    python benchmarks/pipeline.py --threads 0           as many threads as the machine has cores
    python benchmarks/pipeline.py --preview --json pipeline.json

The stages and the whole job take turns, round after round, in one process; medians and spreads are printed. Tracking by
itself has its pictures in memory; mattes by themselves come from stored masklets; writing by itself has its mattes in
memory. The whole job is timed from the first frame tracked to the last file whole, without loading the network. The
network has one thread unless told otherwise: on a machine with two cores, all that runs beside it needs the other one.
Ends with status 1 where the whole job takes over 1.15 times its slowest stage.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from compositing.footage import open_footage
from compositing.footage.footage import prefetch
from compositing.footage.writer import write_movie
from sam2_roto import Click, MaskletStore, RotoscopeJob, Tracker, load_model, rotoscope
from sam2_roto.deliverables import Deliverables
from sam2_roto.delivery import Delivery
from sam2_roto.rendering import frame_mattes
from sam2_roto.rotoscoping import read_recipe
from sam2_roto.tracking import FramePrompt
from sam2_roto.tracking.source import ArraySource

LIMIT = 1.15
"""Most that the whole job may take, over its slowest stage."""

SIZE = (1920, 1080)
PLACE = (700.0, 540.0)
NAME = "disc"


@dataclass(frozen=True)
class Scene:
    """What the stages work on: a job that was done once, and its parts in memory."""

    job: RotoscopeJob
    views: NDArray[np.uint8]
    mattes: dict[int, NDArray[np.float32]]
    folder: Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of the network; 0 takes all cores (default: 1)")
    parser.add_argument("--preset", default="default", help="the mattes' recipe")
    parser.add_argument("--preview", action="store_true", help="with the overlay movie and the contact sheet")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        scene = prepare(Path(folder), args)
        seconds = take_turns(scene, args.rounds)
    return tell(seconds, args)


def draw(frames: int) -> Iterator[NDArray[np.uint8]]:
    """Frames ``[1080, 1920, 3]``: a textured disc that swings over a soft ground with grain."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.float32)
    ground = np.stack([90 + 40 * np.sin(columns / 90 + index) * np.cos(rows / 70) for index in range(3)], axis=-1)
    ground += rng.normal(0, 4, ground.shape)
    shaken = [np.roll(ground, shift, (0, 1)).astype(np.uint8) for shift in ((0, 0), (7, 3), (2, 9), (5, 6))]
    for frame in range(frames):
        x = PLACE[0] + 12 * frame
        inside = (columns - x) ** 2 + (rows - PLACE[1]) ** 2 < 220**2
        view = shaken[frame % len(shaken)].copy()
        view[inside] = (210, 90, 60) + 25 * np.sin((columns[inside] - x) / 15)[:, None]
        yield view


def prepare(folder: Path, args: argparse.Namespace) -> Scene:
    """Make the clip, do the job once (which also warms up), and read its parts into memory."""
    clip = folder / "clip.mp4"
    write_movie(clip, draw(args.frames), 24, crf=18)
    job = RotoscopeJob(
        clip,
        folder / "first",
        (Click(NAME, 0, *PLACE),),
        model=args.model,
        image_size=args.image_size,
        device=args.device,
        preset=args.preset,
        deliver=Deliverables(preview=args.preview),
    )
    rotoscope(job)
    with open_footage(clip) as footage:
        views = np.stack([view for _, view in footage.views(footage.frames)])
    return Scene(job, views, dict(make_mattes(job)), folder)


def make_mattes(job: RotoscopeJob) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The mattes of a job that was done."""
    with open_footage(job.footage) as footage, MaskletStore.load(job.output / "masklets") as store:
        recipe = read_recipe(job)
        for made in frame_mattes(store, store.frames, (NAME,), recipe, SIZE[::-1], footage):
            yield made.frame, made.mattes[NAME]


def decode(scene: Scene) -> float:
    with open_footage(scene.job.footage) as footage:
        return timed(lambda: [None for _ in prefetch(footage.view, footage.frames, 4)])


def track(scene: Scene) -> float:
    job = scene.job
    model = load_model(job.model, job.device, job.image_size)
    tracker = Tracker(model, ArraySource(scene.views))
    tracker.prompt(NAME, 0, FramePrompt(points=((*PLACE, True),)))
    return timed(lambda: [None for _ in tracker.propagate()])


def matte(scene: Scene) -> float:
    return timed(lambda: [None for _ in make_mattes(scene.job)])


def write(scene: Scene) -> float:
    what = replace(scene.job.deliver, preview=False)
    return deliver(scene, what)


def write_and_preview(scene: Scene) -> float:
    return deliver(scene, scene.job.deliver)


def deliver(scene: Scene, what: Deliverables) -> float:
    def work() -> None:
        for frame, alpha in scene.mattes.items():
            delivery.write(frame, {NAME: alpha})
        delivery.close()

    frames = list(scene.mattes)
    with (
        open_footage(scene.job.footage) as footage,
        Delivery(scene.folder / "written", "clip", (NAME,), footage, frames, what) as delivery,
    ):
        return timed(work)


def whole(scene: Scene) -> float:
    with tempfile.TemporaryDirectory(dir=scene.folder) as folder:
        return rotoscope(replace(scene.job, output=Path(folder))).pace.seconds


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def take_turns(scene: Scene, rounds: int) -> dict[str, list[float]]:
    """Seconds by stage, round by round."""
    stages = {"decode": decode, "track": track, "matte": matte, "write": write}
    if scene.job.deliver.preview:
        stages["write and preview"] = write_and_preview
    stages["whole job"] = whole
    seconds: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(rounds):
        for name, stage in stages.items():
            seconds[name].append(stage(scene))
    return seconds


def tell(seconds: dict[str, list[float]], args: argparse.Namespace) -> int:
    """Print the table; 1 where the whole job is too slow."""
    print(
        f"{args.model}, {args.frames} frames of {SIZE[0]}x{SIZE[1]} H.264 to EXR, {torch.get_num_threads()} thread(s)"
    )
    print(f"{'stage':20s}{'ms a frame':>12s}{'least':>10s}{'most':>10s}")
    for name, taken in seconds.items():
        least, middle, most = (1e3 * value / args.frames for value in (min(taken), median(taken), max(taken)))
        print(f"{name:20s}{middle:12.1f}{least:10.1f}{most:10.1f}")
    alone = {name: taken for name, taken in seconds.items() if name != "whole job"}
    slowest = max(alone, key=lambda name: median(alone[name]))
    ratios = [total / one for total, one in zip(seconds["whole job"], alone[slowest], strict=True)]
    in_turn = sum(median(taken) for name, taken in alone.items()) / median(alone[slowest])
    print(f"the slowest stage is '{slowest}'; one after the other, the stages would take {in_turn:.2f} times as long")
    print(f"whole job over '{slowest}': {median(ratios):.3f} (rounds: {', '.join(f'{ratio:.3f}' for ratio in ratios)})")
    if args.json:
        args.json.write_text(json.dumps({"seconds": seconds, "slowest": slowest, "ratios": ratios}, indent=1))
    return int(median(ratios) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
