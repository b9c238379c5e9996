"""What a correction in the middle of a long shot costs, against tracking all of it.

python benchmarks/dirty_range.py [--frames 300] [--model nano] [--image-size 128] [--json FILE]

A clip of two discs is made, each with keyframes every 50 frames. The whole shot is tracked; then one object gets a
click on the middle frame, half way between two keyframes, and the shot is tracked again. Printed are the frames that
the network tracked, the time, and whether the bytes of the other object's files are what they were.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import numpy as np

from compositing.footage.writer import write_movie
from sam2_roto.export.annotations import write_json
from sam2_roto.shot import Shot, TrackingSettings
from sam2_roto.shot.session import Session, TrackReport

SIZE = (96, 160)

STEP = 50
"""Frames from one keyframe to the next; the middle frame lies half way between two."""


def clip(frames: int) -> np.ndarray:
    """A red and a blue disc that circle: uint8 ``[T, H, W, 3]``."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    views = np.random.default_rng(3).integers(60, 110, (frames, *SIZE, 3), dtype=np.uint8)
    for frame, view in enumerate(views):
        for name, colour in (("red", (230, 40, 40)), ("blue", (40, 60, 230))):
            x, y = centre(name, frame)
            view[(columns - x) ** 2 + (rows - y) ** 2 < 14**2] = colour
    return views


def centre(name: str, frame: int) -> tuple[float, float]:
    """Where a disc is."""
    turn = 2 * np.pi * frame / 120 + (0 if name == "red" else np.pi)
    return 80 + 50 * float(np.cos(turn)), 48 + 24 * float(np.sin(turn))


def digests(folder: Path, identity: str) -> dict[str, str]:
    """The bytes of all masklets of an object, and of the answers of its keyframes."""
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.glob(f"masklets/*/{identity}_*")}


def tracked(session: Session) -> tuple[TrackReport, float, float]:
    """Track, and tell the seconds that passed and were computed."""
    wall, cpu = time.perf_counter(), time.process_time()
    report = session.track()
    return report, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_movie(folder / "clip.mp4", clip(args.frames), 24)
        settings = TrackingSettings(model=args.model, image_size=args.image_size)
        with Shot.new(folder / "a", folder / "clip.mp4", settings=settings) as shot, Session(shot) as session:
            measure(shot, session, args)


def measure(shot: Shot, session: Session, args: argparse.Namespace) -> None:
    """Track all, correct, track again, and print."""
    shot.set_cuts(())
    middle = args.frames // 2
    keyframes = range((middle - STEP // 2) % STEP, args.frames, STEP)
    for who in ("red", "blue"):
        for frame in keyframes:
            x, y = centre(who, frame)
            session.box(who, frame, (x - 15, y - 15, x + 15, y + 15))
    whole = tracked(session)
    other = digests(shot.folder, shot.object("blue").id)
    session.click("red", middle, [(*centre("red", middle), True)])
    again = tracked(session)
    same = digests(shot.folder, shot.object("blue").id) == other
    for what, (report, wall, cpu) in (("all of the shot", whole), (f"a click on frame {middle}", again)):
        counts = ", ".join(f"{who} {count}" for who, count in report.tracked.items())
        print(f"{what:<22} {counts:<22} wall {wall:7.1f} s   cpu {cpu:7.1f} s")
    print(f"of the time of the whole: {again[2] / whole[2]:.3f}; the other object's {len(other)} files are ", end="")
    print("the same bytes" if same else "changed")
    if args.json:
        figures = {"whole": whole, "again": again}
        told = {what: {"tracked": r.tracked, "wall": wall, "cpu": cpu} for what, (r, wall, cpu) in figures.items()}
        write_json(args.json, {**told, "keyframes": list(keyframes), "same": same})


if __name__ == "__main__":
    main()
