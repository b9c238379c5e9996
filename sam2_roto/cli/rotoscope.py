"""``sam2-roto rotoscope``: footage and prompts in, mattes out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from compositing.footage.frames import FrameRange, summarise
from sam2_roto.cli.deliverables import add_deliverables, deliverables_of
from sam2_roto.cli.outputs import check_file
from sam2_roto.cli.parser import Subparsers
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.cli.prompts import parse_box, parse_click, parse_mask
from sam2_roto.job import Crop, Policy, Preset, RotoscopeJob, RotoscopeResult

_DESCRIPTION = """Mark objects in one frame or several, and get a matte of each in every frame.

FOOTAGE is a movie, a folder of pictures, or one picture of a sequence (plates/sh010.1001.exr). Frames are numbered as
in the footage: a sequence by its file names, a movie from 0 or from --start. Coordinates are pixels of the plate,
counted from its top left corner. Options that mark objects can be repeated: for the same object to correct it, with
another name to matte several objects in one run."""

_EXAMPLES = """examples:
  one click on the dog in the first frame
      sam2-roto rotoscope shot.mp4 -o mattes --click dog:0:410,250
  a second click, beside the dog, keeps its shadow out (the minus at the end)
      sam2-roto rotoscope shot.mp4 -o mattes --click dog:0:410,250 --click dog:0:395,402-
  two objects, boxed and masked, of plates numbered from 1001; soft edges of two pixels
      sam2-roto rotoscope plates/sh010.1001.exr -o mattes \\
          --box car:1001:300,120,520,400 --mask driver:1010:driver.png --feather 2
  frames 1020 to 1080 alone, with a published network
      sam2-roto rotoscope plates -o mattes --range 1020-1080 --click car:1020:400,300 --model sam2.1_hiera_large
  everything a compositor may ask for, in one run
      sam2-roto rotoscope shot.mp4 -o out --click dog:0:410,250 --rgba --cryptomatte --alpha-movie prores4444 \\
          --trimap 20 --confidence --splines out/dog.json

A run that was stopped goes on where it was when the same command is given again.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``rotoscope`` and its options."""
    parser = subparsers.add_parser(
        "rotoscope",
        help="mattes of the objects that you mark in a clip",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    parser.add_argument("footage", type=Path, metavar="FOOTAGE", help="movie, folder, or one picture of a sequence")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the mattes")
    _add_prompts(parser)
    _add_footage(parser)
    _add_network(parser)
    _add_mattes(parser)
    add_deliverables(parser)
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def _add_prompts(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("marking objects (at least one)")
    add = group.add_argument
    add(
        "--click",
        dest="prompts",
        action="append",
        type=parse_click,
        metavar="NAME:FRAME:X,Y[-]",
        help="a point on the object; with '-' at the end, a point beside it",
    )
    add(
        "--box",
        dest="prompts",
        action="append",
        type=parse_box,
        metavar="NAME:FRAME:X0,Y0,X1,Y1",
        help="a box round the object: left, top, right, bottom",
    )
    add(
        "--mask",
        dest="prompts",
        action="append",
        type=parse_mask,
        metavar="NAME:FRAME:FILE",
        help="a picture of the plate's size, bright on the object",
    )


def _add_footage(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("footage")
    add = group.add_argument
    add("--range", dest="frames", type=FrameRange.parse, metavar="A-B", help="these frames alone (default: all)")
    add("--start", type=int, metavar="N", help="number of a movie's first frame (default: 0)")
    add("--color-space", metavar="SPACE", help="the plates' colour space (default: what the files say)")


def _add_network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network")
    add = group.add_argument
    add("--model", metavar="M", help="a model's name or a weights file (default: the best that is here)")
    add("--image-size", type=int, metavar="S", help="side of the square that the network sees, a multiple of 32")
    add(
        "--crop",
        choices=get_args(Crop),
        default="auto",
        help="auto: follow small objects in windows of their own, thin ones in larger pictures (default: auto)",
    )
    add(
        "--policy",
        choices=get_args(Policy),
        default="plain",
        help="what is remembered: plain as published, distractor for crowds and look-alikes, motion (default: plain)",
    )
    add("--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, mps or auto (default: auto)")
    add(
        "--precision",
        default="auto",
        metavar="P",
        help="float32, bfloat16 (twice as fast where the processor has it) or auto (default: bfloat16 on CUDA alone)",
    )


def _add_mattes(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("mattes")
    add = group.add_argument
    add("--preset", choices=get_args(Preset), default="default", help="how logits become mattes (default: default)")
    add("--recipe", type=Path, metavar="FILE", help="a recipe of your own as JSON, instead of a preset")
    add("--feather", type=float, default=0.0, metavar="PX", help="width of the soft edge in pixels (default: 0)")
    add("--choke", type=float, default=0.0, metavar="PX", help="move the edge inwards; negative: outwards (default: 0)")
    add("--overwrite", action="store_true", help="replace what another job left in DIR")


def job_of(args: argparse.Namespace) -> RotoscopeJob:
    """The job that the options describe; raises ``PromptError`` and others where they contradict one another."""
    return RotoscopeJob(
        footage=args.footage,
        output=args.output,
        prompts=tuple(args.prompts or ()),
        frames=args.frames,
        start=args.start,
        color_space=args.color_space,
        model=args.model,
        image_size=args.image_size,
        device=args.device,
        precision=args.precision,
        crop=args.crop,
        policy=args.policy,
        preset=args.preset,
        recipe=args.recipe,
        feather=args.feather,
        choke=args.choke,
        deliver=deliverables_of(args),
        overwrite=args.overwrite,
    )


def run(args: argparse.Namespace) -> int:
    """Do the job, and tell what was written."""
    job = job_of(args)
    check_file("--splines", args.splines)
    from sam2_roto.rotoscoping import rotoscope  # torch comes with it, and a wrong word should be told before that

    with ProgressBar(args.quiet) as progress:
        result = rotoscope(job, progress=progress)
    print(as_json(result) if args.json else describe(result))
    return 0


def as_json(result: RotoscopeResult) -> str:
    """The result as JSON, with the slowest stage named."""
    told = {**asdict(result), "pace": result.pace.to_json()}
    return json.dumps(told, default=str, indent=2)


def describe(result: RotoscopeResult) -> str:
    """The result in words, a line for each thing that a person should know."""
    count = len(result.mattes)
    lines = [f"{count} {'matte' if count == 1 else 'mattes'} with {result.model} at {result.image_size}"]
    if count:
        lines.append(_span(result.mattes))
    lines.extend(f"'{name}' is not seen on {frame_list(frames)}" for name, frames in result.absent.items() if frames)
    lines.extend(_span(paths) for paths in result.files.values() if paths)
    lines.extend(str(path) for path in result.previews)
    lines.extend(result.notes)
    lines.extend([str(result.pace)] if result.pace.stages else [])
    return "\n".join(lines)


def _span(paths: Sequence[Path]) -> str:
    return f"{paths[0]}" + (f" to {paths[-1].name}" if len(paths) > 1 else "")


def frame_list(frames: Iterable[int]) -> str:
    """``frame 7`` or ``frames 7, 12-20``."""
    numbers = sorted(set(frames))
    return f"frame{'s' if len(numbers) > 1 else ''} {summarise(numbers)}"
