"""Frames per second of a model in tracking, on this machine: one object and four, wall time and processor time.

    python benchmarks/nano_speed.py --threads 2 --json nano_speed.json

Plates are noise that moves, already decoded; the figure is of the tracker alone: resizing the plate, the network, and
what it remembers. Each run prompts the objects with masks, tracks until the memory is full, and then times every frame
by itself. The median over all frames of all runs is reported, with the rest of the spread beside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from sam2_roto.export.annotations import write_json
from sam2_roto.loading import build_model, load_model
from sam2_roto.model import SAM2
from sam2_roto.tracking import FramePrompt, Tracker
from sam2_roto.tracking.source import ArraySource

WIDTH, HEIGHT = 1280, 720
WARM_UP = 17
"""Frames until the bank of memories and pointers is full."""


def moving_plates(count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Plates uint8 [count, 720, 1280, 3] of coarse noise that goes right by three pixels a frame."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    return np.stack([np.roll(ground, 3 * frame, axis=1) for frame in range(count)])


def disc(number: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The mask of an object: a disc, one of four beside each other."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    centre = WIDTH * (number % 4 + 0.5) / 4
    return np.asarray((columns - centre) ** 2 + (rows - HEIGHT / 2) ** 2 < 120**2)


def time_frames(model: SAM2, plates: np.ndarray[Any, np.dtype[np.uint8]], objects: int) -> list[tuple[float, float]]:
    """Seconds of wall time and of processor time of each frame after the warm-up."""
    tracker = Tracker(model, ArraySource(plates))
    for number in range(objects):
        tracker.prompt(str(number), 0, FramePrompt(mask=disc(number)))
    seconds = []
    wall, busy = time.perf_counter(), time.process_time()
    for result in tracker.propagate():
        if model.no_obj_ptr.is_cuda:
            torch.cuda.synchronize()
        now, used = time.perf_counter(), time.process_time()
        if result.frame >= WARM_UP:
            seconds.append((now - wall, used - busy))
        wall, busy = now, used
    return seconds


def summarise(seconds: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Medians and frames per second; ``slowest_tenth_s`` is the wall time that one frame in ten exceeds."""
    wall, busy = zip(*seconds, strict=True)
    return {
        "frames": len(seconds),
        "wall_s": median(wall),
        "fps": 1 / median(wall),
        "slowest_tenth_s": float(np.quantile(wall, 0.9)),
        "processor_s": median(busy),
        "fps_of_one_processor": 1 / median(busy),
    }


def measure(model: SAM2, frames: int, runs: int, quiet: bool) -> dict[str, Any]:
    """Both figures, and how much longer a frame with four objects takes; the runs of one and four take turns."""
    plates = moving_plates(WARM_UP + frames)
    seconds: dict[int, list[tuple[float, float]]] = {1: [], 4: []}
    for _ in tqdm(range(runs), desc="runs", disable=quiet):
        for objects, found in seconds.items():
            found += time_frames(model, plates, objects)
    one, four = (summarise(found) for found in seconds.values())
    return {
        "one_object": one,
        "four_objects": four,
        "four_to_one_wall": four["wall_s"] / one["wall_s"],
        "four_to_one_processor": four["processor_s"] / one["processor_s"],
    }


def device_name(model: SAM2) -> str:
    """What the model runs on, in the words of its maker where they can be found."""
    if model.no_obj_ptr.is_cuda:
        return str(torch.cuda.get_device_name())
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.is_file() else []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def main() -> None:
    """Measure, print the figures, and write them where that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="name or weights file (default: nano)")
    parser.add_argument("--random", action="store_true", help="random weights of the named model: as fast as good ones")
    parser.add_argument("--size", type=int, help="side of the square that the network sees (default: its own)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--threads", type=int, help="processor threads of the network (default: all)")
    parser.add_argument("--frames", type=int, default=15, help="timed frames of each run (default: 15)")
    parser.add_argument("--runs", type=int, default=3, help="runs of one object and of four (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.random:
        model = build_model(args.model, args.size).eval().requires_grad_(False).to(args.device)
    else:
        model = load_model(args.model, args.device, args.size)
    about = {
        "model": model.config.name,
        "image_size": model.config.image_size,
        "plate": [WIDTH, HEIGHT],
        "device": device_name(model),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "runs": args.runs,
    }
    figures = {**about, **measure(model, args.frames, args.runs, args.quiet)}
    print(json.dumps(figures, indent=2))
    if args.json:
        write_json(args.json, figures)


if __name__ == "__main__":
    main()
