"""What writing a frame costs, by kind of file, at 1080p and 4K.

    python benchmarks/writing.py [--frames 3] [--rounds 2] [--sizes 1080p,4k] [--json writing.json]

One object, a soft disc that fills a fifth of the frame, over a noisy plate. Kinds take turns, round after round; what
is found is told as it comes. The table at the end shows milliseconds of processor time for a frame, which hardly
depends on what else the machine does, and of the clock; medians over the rounds. A movie's encoder is opened and closed
once for so few frames, which counts against it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from compositing.footage.writer import MovieWriter
from compositing.image import Image, Window
from sam2_roto.export.frames import (
    ConfidenceFiles,
    CryptomatteFiles,
    Files,
    Finished,
    MatteFiles,
    RgbaFiles,
    TrimapFiles,
)
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.preview import overlay
from sam2_roto.export.sinks import display_color
from sam2_roto.export.video import KINDS, AlphaMovie

SIZES = {"1080p": (1920, 1080), "4k": (3840, 2160)}
NAME = "disc"
RATE = Fraction(24)

Write = Callable[[Path], None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sizes", type=lambda text: text.split(","), default=list(SIZES))
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = {size: measure(*SIZES[size], args.frames, args.rounds) for size in args.sizes}
    tell(found)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))
    return 0


def scene(width: int, height: int, frames: int) -> list[Finished]:
    """Frames whose disc moves by eight pixels each time."""
    rng = np.random.default_rng(0)
    window = Window.sized(width, height)
    metadata = PlateMetadata(window, RATE, "01:00:00:00")
    noise = rng.random((3, height, width), np.float32) * 0.05
    plate = Image(torch.from_numpy(noise + 0.3), ("R", "G", "B"), window, window, color_space="Camera Rec.709")
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    made = []
    for frame in range(frames):
        far = np.hypot(columns - width / 3 - 8 * frame, rows - height / 2)
        alpha = np.clip((0.32 * height - far) / 6 + 0.5, 0, 1).astype(np.float32)
        logits = torch.from_numpy(alpha[:: height // 128, :: width // 128] * 16 - 8)
        made.append(Finished(frame, {NAME: alpha}, metadata, plate, {NAME: logits}))
    return made


def kinds(frames: list[Finished]) -> Mapping[str, Write]:
    """What each kind does with a folder."""
    objects = (NAME,)

    def pictures(make: Callable[[Path], Files]) -> Write:
        def write(folder: Path) -> None:
            files = make(folder)
            for finished in frames:
                files.write(finished)

        return write

    def movie(kind: str) -> Write:
        def write(folder: Path) -> None:
            with AlphaMovie(folder / f"cut{KINDS[kind].ending}", kind, RATE) as out:
                for finished in frames:
                    assert finished.plate is not None
                    out.write(display_color(finished.plate), finished.mattes[NAME])

        return write

    return {
        "EXR": pictures(lambda folder: MatteFiles(folder, "a", objects)),
        "EXR, whole frame": pictures(lambda folder: MatteFiles(folder, "a", objects, crop=False)),
        "EXR, in parts": pictures(lambda folder: MatteFiles(folder, "a", objects, layout="parts")),
        "PNG, 16 bit": pictures(lambda folder: MatteFiles(folder, "a", objects, format="png")),
        "RGBA": pictures(lambda folder: RgbaFiles(folder, "a", objects)),
        "Cryptomatte": pictures(lambda folder: CryptomatteFiles(folder, "a", objects)),
        "trimap": pictures(lambda folder: TrimapFiles(folder, "a", objects, width=20)),
        "confidence": pictures(lambda folder: ConfidenceFiles(folder, "a", objects)),
        **{f"movie, {kind}": movie(kind) for kind in KINDS},
        "preview": lambda folder: preview(folder, frames),
    }


def preview(folder: Path, frames: list[Finished]) -> None:
    plate = frames[0].plate
    assert plate is not None
    view: NDArray[np.uint8] = (display_color(plate) * 255 + 0.5).astype(np.uint8)
    with MovieWriter(folder / "overlay.mp4", RATE, crf=20, options={"preset": "veryfast"}) as out:
        for finished in frames:
            out.write(overlay(view, [finished.mattes[NAME]]))


def measure(width: int, height: int, count: int, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds for a frame by kind: of the processor and of the clock."""
    frames = scene(width, height, count)
    spent: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for name, write in kinds(frames).items():
            with tempfile.TemporaryDirectory() as folder:
                began = time.process_time(), time.perf_counter()
                write(Path(folder))
                ended = time.process_time(), time.perf_counter()
            spent.setdefault(name, []).append((ended[0] - began[0], ended[1] - began[1]))
            print(f"{width}x{height} {name}: {1e3 * spent[name][-1][0] / count:.1f} ms", file=sys.stderr, flush=True)
    return {
        name: {
            "processor": median(1e3 * taken[0] / count for taken in times),
            "clock": median(1e3 * taken[1] / count for taken in times),
        }
        for name, times in spent.items()
    }


def tell(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    print(f"{'ms a frame':20s}" + "".join(f"{size + ', processor':>24s}{'clock':>8s}" for size in found))
    for name in next(iter(found.values())):
        cells = (f"{table[name]['processor']:24.1f}{table[name]['clock']:8.1f}" for table in found.values())
        print(f"{name:20s}{''.join(cells)}")


if __name__ == "__main__":
    sys.exit(main())
