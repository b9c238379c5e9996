"""Time the generator of training clips on one core: milliseconds per clip, by difficulty and size.

python benchmarks/clips.py [--clips DIR] [--size 256] [--frames 8] [--count 100]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from sam2_roto.training.clips import DIFFICULTIES, HELD_OUT_SEEDS, TextureLibrary, generate_clip


def milliseconds(library: TextureLibrary, difficulty: str | None, size: int, frames: int, count: int) -> list[float]:
    """The time that each of `count` clips takes."""
    spent = []
    for seed in range(HELD_OUT_SEEDS.stop, HELD_OUT_SEEDS.stop + count):
        start = time.process_time()
        generate_clip(seed, size=size, frames=frames, difficulty=difficulty, library=library)
        spent.append(1000 * (time.process_time() - start))
    return spent


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of real clips; without it textures are procedural")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    library = TextureLibrary.build(options.clips)
    print(f"CPU ms per clip of {options.frames} frames, {options.size}x{options.size}: mean, median, 95 %")
    for difficulty in (None, *DIFFICULTIES):
        spent = milliseconds(library, difficulty, options.size, options.frames, options.count)
        middle, slow = np.percentile(spent, [50, 95])
        print(f"{difficulty or 'training mix':14s} {np.mean(spent):7.1f} {middle:7.1f} {slow:7.1f}")


if __name__ == "__main__":
    main()
