"""What the way through the local service costs: a bare request, previews of one client and of several, a job.

python benchmarks/service.py [--model nano] [--image-size 256] [--rounds 20] [--clients 8] [--json FILE]

A service of its own is started on the demo clip. Each round asks, in alternation, a bare request, a preview on a warm
frame of one client, and one of each of several clients at once. ``wall`` is the time that passed, ``cpu`` the time that
the service computed for it (from /proc; 0 where there is none); on a machine that does something else besides, the
second is what the first would be without it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from host_adapters.client import Client
from sam2_roto.demo import CLICK, demo_clip
from sam2_roto.export.annotations import write_json

FRAME = 20
IMPORTS = 10
IMPORT = "import time; start = time.perf_counter(); import host_adapters.client; print(time.perf_counter() - start)"


class Taken(NamedTuple):
    """Milliseconds of one action."""

    wall: float
    cpu: float


def computed(pid: int) -> float:
    """Milliseconds that a process has computed, with those of its threads."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # another system
        return 0.0
    return 1000 * (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def imported() -> list[Taken]:
    """The import of the client by a fresh interpreter."""
    repository = Path(__file__).resolve().parents[1]
    runs = [subprocess.check_output([sys.executable, "-c", IMPORT], cwd=repository) for _ in range(IMPORTS)]
    return [Taken(1000 * float(run), 0.0) for run in runs]


class Bench:
    """A service with one shot, and clients of it."""

    def __init__(self, folder: Path, model: str, image_size: int, clients: int) -> None:
        os.environ["SAM2_ROTO_STATE"] = str(folder / "state")
        self.clients = [Client([sys.executable, "-m", "sam2_roto"], runtime=folder / "run") for _ in range(clients)]
        self.client = self.clients[0]
        self.times: dict[str, list[Taken]] = {"import of the client": imported()}
        start = time.perf_counter()
        self.pid = int(self.client.connect()["pid"])
        self.times["start of the service"] = [Taken(1000 * (time.perf_counter() - start), computed(self.pid))]
        self.client.open_folder(demo_clip().parent)
        shot = self.client.new_shot(demo_clip(), model=model, image_size=image_size, range=[FRAME, FRAME + 1])
        self.shot = shot["id"]
        self.measure("first preview, which loads the network", lambda: self.preview(0))

    def measure(self, name: str, action: Callable[[], object], count: int = 1) -> None:
        """Do it once; the time is that of each of ``count`` parts."""
        wall, cpu = time.perf_counter(), computed(self.pid)
        action()
        took = Taken(1000 * (time.perf_counter() - wall) / count, (computed(self.pid) - cpu) / count)
        self.times.setdefault(name, []).append(took)

    def preview(self, number: int) -> dict[str, object]:
        """What one client sees while its pointer hovers."""
        client = self.clients[number % len(self.clients)]
        point = (CLICK[0] + number % 7, CLICK[1] + number % 5, True)
        return client.preview(self.shot, "carp", FRAME, points=[point])

    def round(self) -> None:
        """One of each."""
        several = range(len(self.clients))
        self.measure("bare request", self.client.connect)
        self.measure("preview, one client", lambda: self.preview(0))
        with ThreadPoolExecutor(len(self.clients)) as pool:
            self.measure(
                f"preview, {len(self.clients)} clients, each",
                lambda: list(pool.map(self.preview, several)),
                len(several),
            )

    def job(self) -> None:
        """A job that has two frames to track: what its process costs."""
        self.client.prompt(self.shot, "carp", FRAME, points=[(*CLICK, True)])
        self.measure("job of two frames", lambda: self.client.wait(self.client.track(self.shot)))

    def table(self) -> dict[str, dict[str, float]]:
        """Median and quartiles by what was measured."""
        found = {}
        for name, times in self.times.items():
            wall = quantiles([taken.wall for taken in times], n=4) if len(times) > 1 else [times[0].wall] * 3
            cpu = sorted(taken.cpu for taken in times)[len(times) // 2]
            found[name] = {"wall": wall[1], "low": wall[0], "high": wall[2], "cpu": cpu, "runs": len(times)}
        return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), args.model, args.image_size, args.clients)
        try:
            for _ in range(args.rounds):
                bench.round()
            bench.job()
        finally:
            bench.client.shutdown()
        table = bench.table()
    print(f"{'':40}{'wall ms':>10}{'quartiles':>20}{'cpu ms':>10}{'runs':>6}")
    for name, row in table.items():
        spread = f"{row['low']:.1f} to {row['high']:.1f}"
        print(f"{name:40}{row['wall']:10.1f}{spread:>20}{row['cpu']:10.1f}{row['runs']:6.0f}")
    if args.json:
        write_json(args.json, {"model": args.model, "image_size": args.image_size, "rows": table})


if __name__ == "__main__":
    main()
