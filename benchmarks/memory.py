"""Peak resident memory of rotoscope on a short and on a long clip, with one object and with several.

    python benchmarks/memory.py                         200 and 2000 frames, 1 and 4 objects
    python benchmarks/memory.py --frames 20 60 --objects 1

Each run is a process of its own, because peak memory never falls. Prints the peaks in MB and, for each number of
objects, the ratio of the long clip's to the short one's; ends with status 1 where that is over 1.05.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LIMIT = 1.05
"""Most that a clip ten times as long may take, as a ratio."""

PLACES = ((60, 90), (250, 90), (160, 40), (160, 150))
"""Where the objects are on the first frame."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs=2, default=(200, 2000), metavar="N")
    parser.add_argument("--objects", type=int, nargs="+", default=(1, 4), choices=range(1, len(PLACES) + 1))
    parser.add_argument("--model", default="nano")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--run", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        return rotoscope_once(**args.run)

    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        clips = {frames: make_clip(Path(folder) / f"clip{frames}.mp4", frames) for frames in args.frames}
        for objects in args.objects:
            peaks = []
            for frames, clip in clips.items():
                peaks.append(measure(clip, Path(folder) / f"{frames}_{objects}", objects, args))
                print(f"{objects} object(s), {frames:5d} frames: peak {peaks[-1]:.1f} MB", flush=True)
            worst = max(worst, peaks[1] / peaks[0])
            print(f"{objects} object(s): ratio {peaks[1] / peaks[0]:.3f}", flush=True)
    return int(worst > LIMIT)


def make_clip(path: Path, frames: int) -> Path:
    """A 320×180 movie of coloured discs that swing over a noisy ground."""
    from compositing.footage.writer import write_movie

    write_movie(path, draw(frames), 24)
    return path


def draw(frames: int) -> Iterator[NDArray[np.uint8]]:
    """The frames, uint8 ``[180, 320, 3]``."""
    rng = np.random.default_rng(1)
    ground = rng.integers(60, 120, (180, 320, 3), dtype=np.uint8)
    colors = rng.integers(0, 255, (len(PLACES), 3), dtype=np.uint8)
    rows, columns = np.mgrid[:180, :320]
    for frame in range(frames):
        view = ground.copy()
        for (x, y), color in zip(PLACES, colors, strict=True):
            centre = x + 30 * np.sin(frame / 12)
            view[(columns - centre) ** 2 + (rows - y) ** 2 < 25**2] = color
        yield view


def measure(clip: Path, output: Path, objects: int, args: argparse.Namespace) -> float:
    """Peak resident memory of one run, in MB."""
    run = {"clip": str(clip), "output": str(output), "objects": objects} | {
        "model": args.model,
        "image_size": args.image_size,
    }
    words = [sys.executable, __file__, "--run", json.dumps(run)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.splitlines()[-1])


def rotoscope_once(clip: str, output: str, objects: int, model: str, image_size: int) -> int:
    """Rotoscope in this process, and print the peak in MB."""
    from sam2_roto import Click, RotoscopeJob, rotoscope

    clicks = tuple(Click(f"disc{index}", 0, *place) for index, place in enumerate(PLACES[:objects]))
    rotoscope(RotoscopeJob(Path(clip), Path(output), clicks, model=model, image_size=image_size, device="cpu"))
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in kilobytes elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)
    return 0


if __name__ == "__main__":
    sys.exit(main())
