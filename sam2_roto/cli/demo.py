"""``sam2-roto demo``: one click on the sample clip, and how well its mattes fit the truth."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean

from compositing.footage.frames import FrameRange
from sam2_roto.cli.parser import Subparsers
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.job import Click, RotoscopeJob

ENOUGH = 0.85
"""The J that the demo has to reach."""

OBJECT = "carp"

_DESCRIPTION = """Rotoscope the sample clip that comes with the package: 60 frames in which a carp swims through a wood,
from one click on the first frame. The mattes are then compared with the truth, which is known because the clip was
rendered. J is the overlap of areas, 1 where they are equal, as the mean over all frames."""

_EXAMPLES = """example:
  sam2-roto demo -o demo_out
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``demo`` and its options."""
    parser = subparsers.add_parser(
        "demo",
        help="rotoscope the sample clip and compare with its truth",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("-o", "--output", type=Path, default=Path("demo_out"), metavar="DIR", help="folder (default: demo_out)")
    add("--range", dest="frames", type=FrameRange.parse, metavar="A-B", help="these frames alone (default: all)")
    add("--model", default="nano", metavar="M", help="a model's name or a weights file (default: nano)")
    add("--image-size", type=int, metavar="S", help="side of the square that the network sees, a multiple of 32")
    add("--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, mps or auto (default: auto)")
    add("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Rotoscope, measure and tell; 1 where the mattes do not fit the truth well enough."""
    from sam2_roto.demo import CLICK, FRAMES, demo_clip
    from sam2_roto.rotoscoping import rotoscope

    job = RotoscopeJob(
        footage=demo_clip(),
        output=args.output,
        prompts=(Click(OBJECT, 0, *CLICK),),
        frames=args.frames,
        model=args.model,
        image_size=args.image_size,
        device=args.device,
        overwrite=True,
    )
    with ProgressBar(args.quiet) as progress:
        result = rotoscope(job, progress)
    scores = matte_scores(result.mattes[0], args.frames or FrameRange(0, FRAMES - 1))
    mean, worst = fmean(scores.values()), min(scores, key=lambda frame: scores[frame])
    if args.json:
        print(json.dumps({"object": OBJECT, "J": mean, "frames": scores, "mattes": list(map(str, result.mattes))}))
    else:
        print(
            f"{len(scores)} mattes from one click with {result.model}: {result.mattes[0]} to {result.mattes[-1].name}"
        )
        print("\n".join(str(path) for path in result.previews))
        print(f"{OBJECT}: J {mean:.4f} against the truth (worst {scores[worst]:.4f}, on frame {worst})")
    if mean < ENOUGH:
        print(f"sam2-roto: the mattes fit the truth with J {mean:.4f} only; {ENOUGH} is wanted", file=sys.stderr)
        return 1
    return 0


def matte_scores(first: Path, frames: FrameRange) -> dict[int, float]:
    """J by frame: the mattes as delivered, read from their files and cut at one half, against the clip's truth."""
    from compositing.footage import open_footage
    from sam2_roto.demo import demo_truth
    from sam2_roto.evaluation.davis import region_similarity

    truth = demo_truth()
    scores = {}
    with open_footage(first) as mattes:
        for frame in frames:
            alpha = mattes.read(frame).on_display().channel("A")
            scores[frame] = region_similarity((alpha > 0.5).numpy(), truth[frame])
    return scores
