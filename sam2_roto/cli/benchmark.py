"""``sam2-roto benchmark``: how fast each stage is on this machine."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sam2_roto.cli.outputs import check_file, png
from sam2_roto.cli.parser import Subparsers
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.errors import RotoError

_DESCRIPTION = """Time every stage: the network's parts, tracking by the number of objects, a click, decoding, mattes,
writing, compositing, and the whole job. The stages take turns, after a round that warms up; given are the median, the
least and the most, in milliseconds for a frame, and the peak of memory."""

_EXAMPLES = """examples:
  sam2-roto benchmark
  sam2-roto benchmark --model sam2.1_hiera_large --device cuda --objects 1 8 --json large.json
  sam2-roto benchmark --random sam2.1_hiera_tiny --precision bfloat16     weights need not be here to be timed

Against the published implementation: python benchmarks/reference.py --help
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``benchmark`` and its options."""
    parser = subparsers.add_parser(
        "benchmark", help="how fast each stage is on this machine", description=_DESCRIPTION, epilog=_EXAMPLES
    )
    add = parser.add_argument
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", metavar="M", help="a model's name or a weights file (default: the best that is here)")
    which.add_argument(
        "--random", metavar="M", help="a model's name; its weights are random, and there is no whole job"
    )
    add("--image-size", type=int, metavar="S", help="side of the square that the network sees, a multiple of 32")
    add("--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, mps or auto (default: auto)")
    add("--precision", default="auto", metavar="P", help="float32, bfloat16 or auto (default: bfloat16 on CUDA alone)")
    add("--footage", type=Path, metavar="FOOTAGE", help="the clip to work on (default: the demo's)")
    add("--objects", type=int, nargs="+", default=[1, 4], metavar="N", help="objects to track (default: 1 4)")
    add("--frames", type=int, default=8, metavar="N", help="frames in each round (default: 8)")
    add("--rounds", type=int, default=3, metavar="N", help="rounds that are timed (default: 3)")
    add("--plot", type=png, metavar="FILE", help="draw the time per frame by objects, as PNG")
    add("--json", type=Path, metavar="FILE", help="write the figures here")


def run(args: argparse.Namespace) -> int:
    """Measure, and print the table."""
    for name, least in (("frames", args.frames), ("rounds", args.rounds), ("objects", min(args.objects))):
        if least < 1:
            raise RotoError(f"--{name} {least} leaves nothing to time; give 1 or more")
    check_file("--json", args.json)
    check_file("--plot", args.plot)
    from sam2_roto.benchmarking.run import measure  # torch comes with it
    from sam2_roto.export.annotations import write_json
    from sam2_roto.export.files import make_folder

    with tempfile.TemporaryDirectory() as folder, ProgressBar(args.quiet, unit="round") as progress:
        found = measure(args, Path(folder), progress)
    print(table(found))
    if args.json:
        make_folder(args.json.parent)
        write_json(args.json, found)
    return 0


def table(found: Mapping[str, Any]) -> str:
    """The figures in words, the slowest stage named."""
    stages: Sequence[Mapping[str, Any]] = found["stages"]
    about = f"{found['model']} at {found['image_size']}, {found['precision']}"
    lines = [f"{about}, {found['threads']} threads, {found['device']}"]
    lines.append(f"{'stage':28}{'ms':>10}{'least':>10}{'most':>10}")
    lines += [f"{row['stage']:28}{row['ms']:10.1f}{row['least_ms']:10.1f}{row['most_ms']:10.1f}" for row in stages]
    lines += [f"peak of memory, {name.removesuffix('_mb')}: {value:.0f} MB" for name, value in found["peak"].items()]
    return "\n".join(lines)
