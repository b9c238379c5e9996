"""From a click to its mask on the frame that is shown, its features warm: what an artist waits for.

python benchmarks/latency.py [--models nano sam2.1_hiera_tiny] [--clicks 20] [--threads 2] [--json FILE]

Each model at its native size, in alternation: a first click on a frame; a click that corrects it, looking
at two keyframes beside it; and the encoding of a frame, which is paid once, when the frame is first looked at. All with
the edit kept on disk. Weights do not change the time: a model whose weights are not here runs with random ones.

``wall`` is the time that passed, ``cpu`` the time that the process computed; on a machine that does something else
besides, the second is what the first would be without it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from safetensors.torch import save_file

from sam2_roto.checkpoints.load import resolve
from sam2_roto.demo import CLICK, demo_clip
from sam2_roto.errors import CheckpointError
from sam2_roto.export.annotations import write_json
from sam2_roto.model import CONFIGS, build_model
from sam2_roto.shot import Cut, Shot, TrackingSettings
from sam2_roto.shot.session import Session

FRAME = 20


class Taken(NamedTuple):
    """Milliseconds of one action."""

    wall: float
    cpu: float


def measured(action: Callable[[], object]) -> Taken:
    """Do it once."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Taken(1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu))


def weights(name: str, folder: Path) -> str:
    """The model's name where its weights are on this machine, else a file of random ones."""
    try:
        resolve(name)
    except CheckpointError:
        path = folder / f"{name}.safetensors"
        save_file({key: value.contiguous() for key, value in build_model(name).state_dict().items()}, path)
        return str(path)
    return name


class Bench:
    """One model on a shot with keyframes on both sides of a frame."""

    def __init__(self, name: str, folder: Path) -> None:
        settings = TrackingSettings(model=weights(name, folder))
        self.shot = Shot.new(folder / name, demo_clip(), settings=settings)
        self.shot.set_cuts([Cut(FRAME + 30)])
        self.session = Session(self.shot, device="cpu")
        self.times: dict[str, list[Taken]] = {"encode": [], "first click": [], "correction": []}
        for frame in (FRAME - 10, FRAME + 10):
            self.session.click("carp", frame, [(*CLICK, True)])

    def round(self, number: int) -> None:
        """One of each: an encoded frame, a click on it, and a correction of it."""
        frame = FRAME - 5 + number % 10  # it was looked at so long ago that nothing of it is kept
        self.times["encode"].append(measured(lambda: self.session.warm(None, frame)))
        point = (CLICK[0] + number % 7, CLICK[1], True)
        self.times["first click"].append(measured(lambda: self.session.click(f"object{number}", frame, [point])))
        self.session.click("carp", frame, [point])
        self.session.warm("carp", frame)
        self.times["correction"].append(measured(lambda: self.session.click("carp", frame, [point])))
        self.shot.clear("carp", frame)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["nano", "sam2.1_hiera_tiny"], choices=list(CONFIGS))
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="all cores by default")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    folder = Path(tempfile.mkdtemp())
    try:
        benches = {name: Bench(name, folder) for name in args.models}
        for number in range(args.clicks):
            for bench in benches.values():
                bench.round(number)
        table = {name: tell(name, bench) for name, bench in benches.items()}
    finally:
        shutil.rmtree(folder)
    if args.json:
        write_json(args.json, table)


def tell(name: str, bench: Bench) -> dict[str, dict[str, float]]:
    """Print the medians of one model, with the middle half beside them."""
    told = {}
    print(f"{name} at {bench.session.network.config.image_size}")
    for what, times in bench.times.items():
        wall, cpu = (sorted(getattr(taken, kind) for taken in times) for kind in Taken._fields)
        quarter = len(cpu) // 4
        spread = f"({cpu[quarter]:.0f}-{cpu[-1 - quarter]:.0f})"
        print(f"  {what:<12} cpu {median(cpu):7.1f} ms {spread:<14} wall {median(wall):7.1f} ms")
        told[what] = {"cpu": median(cpu), "wall": median(wall)}
    return told


if __name__ == "__main__":
    main()
