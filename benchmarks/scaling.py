"""Processor time per frame over a long clip, and over the number of objects; peak memory on the way.

    python benchmarks/scaling.py --plot docs --json scaling.json        5,000 frames, up to 16 objects
    python benchmarks/scaling.py --device cuda --model sam2.1_hiera_tiny --size 1024

Plates are noise that moves and comes round again. The time of a stretch of frames is its median. Ends with status 1
where the last tenth of the long clip takes over 1.1 times what its beginning takes, from frame 20 on.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from nano_speed import device_name
from numpy.typing import NDArray
from tqdm import tqdm

from sam2_roto.benchmarking.plot import plot
from sam2_roto.export.annotations import write_json
from sam2_roto.loading import build_model
from sam2_roto.model import SAM2
from sam2_roto.tracking import FramePrompt, Tracker

FIRST = 20
"""From here on the memory is full."""

STRETCHES = 50
LIMIT = 1.1


class Loop:
    """A clip of any length: a few plates that come round again."""

    width, height = 160, 96

    def __init__(self, frames: int) -> None:
        self.frames = range(frames)
        ground = np.random.default_rng(0).integers(0, 256, (self.height, self.width, 3), dtype=np.uint8)
        self._plates = [np.roll(ground, 2 * number, axis=1) for number in range(self.width // 2)]

    def view(self, frame: int) -> NDArray[np.uint8]:
        """One plate."""
        return self._plates[frame % len(self._plates)]

    def views(self, frames: Iterable[int], look_ahead: int = 0) -> Iterator[tuple[int, NDArray[np.uint8]]]:  # noqa: ARG002
        """The plates of ``frames``."""
        return ((frame, self.view(frame)) for frame in frames)


def time_frames(model: SAM2, frames: int, objects: int, quiet: bool) -> list[float]:
    """Processor seconds of each frame; on CUDA, seconds."""
    cuda = model.no_obj_ptr.is_cuda
    clock = time.perf_counter if cuda else time.process_time
    tracker = Tracker(model, Loop(frames))
    for number in range(objects):
        left = 8 + number * 130 / objects
        tracker.prompt(str(number), 0, FramePrompt(box=(left, 20.0, left + 20, 70.0)))
    seconds, before = [], clock()
    for _ in tqdm(tracker.propagate(), total=frames, desc=f"{objects} object(s)", disable=quiet):
        if cuda:
            torch.cuda.synchronize()
        now = clock()
        seconds.append(now - before)
        before = now
    return seconds


def stretches(seconds: list[float]) -> list[tuple[float, float]]:
    """Middle frame and median milliseconds of each stretch, from FIRST on."""
    parts = np.array_split(np.arange(FIRST, len(seconds)), STRETCHES)
    return [(float(part.mean()), 1e3 * median(seconds[frame] for frame in part)) for part in parts]


def peak(model: SAM2) -> dict[str, float]:
    """Most memory used so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    device = torch.cuda.max_memory_allocated() / 1e6 if model.no_obj_ptr.is_cuda else 0.0
    return {"host_mb": host, "device_mb": device}


def measure(model: SAM2, args: argparse.Namespace) -> dict[str, Any]:
    """Both curves, and the memory at the start and at the end of the long clip."""
    time_frames(model, 2 * FIRST, 1, quiet=True)
    start = peak(model)
    long = stretches(time_frames(model, args.frames, 1, args.quiet))
    end = peak(model)
    counts = {count: time_frames(model, FIRST + args.object_frames, count, args.quiet) for count in args.objects}
    by_objects = [(float(count), 1e3 * median(seconds[FIRST:])) for count, seconds in counts.items()]
    slope, base = np.polyfit(*zip(*by_objects, strict=True), deg=1)
    tenth = STRETCHES // 10
    growth = median(y for _, y in long[-tenth:]) / median(y for _, y in long[:tenth])
    return {
        "by_frame_ms": long,
        "last_to_first": growth,
        "by_objects_ms": by_objects,
        "per_object_ms": float(slope),
        "per_frame_ms": float(base),
        "peak_at_start": start,
        "peak_at_end": end,
    }


def main() -> int:
    """Measure, print, plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", default="nano")
    add("--size", type=int, default=64)
    add("--device", default="cpu")
    add("--frames", type=int, default=5000)
    add("--objects", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    add("--object-frames", type=int, default=30, help="timed frames of each number of objects (default: 30)")
    add("--plot", type=Path, metavar="DIR", help="draw scaling_frames.png and scaling_objects.png here")
    add("--json", type=Path, metavar="FILE")
    add("--quiet", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(0)
    model = build_model(args.model, args.size).eval().requires_grad_(False).to(args.device)
    about = {"model": args.model, "image_size": args.size, "device": device_name(model), "frames": args.frames}
    found = about | measure(model, args)
    print(f"last tenth of {args.frames} frames to the first: {found['last_to_first']:.3f}")
    print(f"{found['per_frame_ms']:.2f} ms a frame, and {found['per_object_ms']:.2f} ms for each object")
    print(f"peak memory at frame {2 * FIRST}: {found['peak_at_start']}, at {args.frames}: {found['peak_at_end']}")
    if args.json:
        write_json(args.json, found)
    if args.plot:
        title = f"{args.model} at {args.size}, {about['device']}"
        plot(args.plot / "scaling_frames.png", title, "frame", "ms", {"one object": found["by_frame_ms"]})
        plot(args.plot / "scaling_objects.png", title, "objects", "ms", {"time per frame": found["by_objects_ms"]})
    return int(found["last_to_first"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
