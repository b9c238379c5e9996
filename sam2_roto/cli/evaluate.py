"""``sam2-roto evaluate``: J, F and J&F of a model on clips with true masks."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sam2_roto.cli.outputs import check_file, check_folder
from sam2_roto.cli.parser import Subparsers
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.errors import DatasetError
from sam2_roto.job import Crop, Policy, Preset

if TYPE_CHECKING:
    from sam2_roto.evaluation.datasets import AnnotatedClip
    from sam2_roto.evaluation.report import Report
    from sam2_roto.model import SAM2

_DESCRIPTION = """Measure how well a model follows objects whose true masks are known.

Each object is prompted on its first annotated frame with its mask, its box, or one click at its heart. J is the overlap
of areas, F the agreement of boundaries, J&F their mean, by the convention of DAVIS: the first and the last annotated
frame do not count. What is measured are the mattes that rotoscope would write, where they are above one half; with
'--preset none --crop none' it is the network's own masks, as published figures are."""

_EXAMPLES = """examples:
  one clip, prompted with its first mask
      sam2-roto evaluate --frames chair/frames --masks chair/masks
  one click, then three corrections on the worst frame, with pictures of the errors
      sam2-roto evaluate --frames shot.mp4 --masks shot_masks --prompt click --rounds 3 --strip errors
  a published data set, the figures as a file
      sam2-roto evaluate --dataset DAVIS --split val --model sam2.1_hiera_tiny --json davis.json
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``evaluate`` and its options."""
    parser = subparsers.add_parser(
        "evaluate", help="J, F and J&F of a model on clips with true masks", description=_DESCRIPTION, epilog=_EXAMPLES
    )
    data = parser.add_argument_group("clips (frames and masks, or a data set)").add_argument
    data("--frames", type=Path, metavar="PATH", help="a movie, a folder of pictures, or a folder of those")
    data("--masks", type=Path, metavar="PATH", help="folder of PNG, folder per object, or JSON of SA-V or COCO")
    data("--dataset", type=Path, metavar="ROOT", help="folder of DAVIS, MOSE, YouTube-VOS or SA-V")
    data("--split", metavar="NAME", help="a list or a folder of the data set, such as val")
    how = parser.add_argument_group("prompts").add_argument
    how("--prompt", choices=("mask", "click", "box"), default="mask", help="on each first frame (default: mask)")
    how("--rounds", type=_count, default=0, metavar="N", help="corrective clicks, each on the worst frame (default: 0)")
    how(
        "--preset",
        choices=("none", *get_args(Preset)),
        default="default",
        help="recipe of the mattes",
    )
    net = parser.add_argument_group("network").add_argument
    net("--model", metavar="M", help="a model's name or a weights file (default: the best that is here)")
    net("--image-size", type=int, metavar="S", help="side of the square that the network sees, a multiple of 32")
    net(
        "--crop",
        choices=get_args(Crop),
        default="auto",
        help="auto: follow small objects in windows of their own, thin ones in larger pictures (default: auto)",
    )
    net(
        "--policy",
        choices=get_args(Policy),
        default="plain",
        help="what is remembered: plain as published, distractor for crowds and look-alikes, motion (default: plain)",
    )
    net("--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, mps or auto (default: auto)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures, frame by frame")
    parser.add_argument("--strip", type=Path, metavar="DIR", help="write a picture of the errors of each clip")


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the table, and write what was asked for."""
    plain = (args.frames, args.masks)
    if (None in plain) if args.dataset is None else (plain != (None, None)):
        raise DatasetError("what to evaluate is not clear; give --frames and --masks, or --dataset alone")
    check_file("--json", args.json)
    check_folder("--strip", args.strip)
    from sam2_roto.evaluation.datasets import open_clips, open_dataset
    from sam2_roto.export.annotations import write_json
    from sam2_roto.export.files import make_folder
    from sam2_roto.loading import load_model

    clips = open_dataset(args.dataset, args.split) if args.dataset else open_clips(args.frames, args.masks)
    if args.strip:
        make_folder(args.strip)
    with ProgressBar(args.quiet) as progress:
        model = load_model(args.model, args.device, args.image_size, progress)
        reports = [_evaluate(clip, model, args, progress) for clip in clips]
    report = _joined(reports)
    about = {"model": model.config.name, "image_size": model.config.image_size, "preset": args.preset}
    about |= {"crop": args.crop, "policy": args.policy}
    kind = "masks of the network" if args.preset == "none" else f"mattes by the preset '{args.preset}'"
    print(f"{model.config.name} at {model.config.image_size}, {kind}, {report.table()}")
    if args.json:
        make_folder(args.json.parent)
        write_json(args.json, {**about, **report.to_json()})
    return 0


def _evaluate(clip: AnnotatedClip, model: SAM2, args: argparse.Namespace, progress: ProgressBar) -> Report:
    """One clip; its objects share no pixel where its masks are maps that cannot say so."""
    from sam2_roto.evaluation.evaluate import ClipResult, evaluate
    from sam2_roto.evaluation.masks import IdentityMaps
    from sam2_roto.evaluation.segmenter import TrackerSegmenter
    from sam2_roto.evaluation.strip import write_strip
    from sam2_roto.mattes import MatteRecipe
    from sam2_roto.tracking.policies import find_policy

    def finished(rounds: list[ClipResult]) -> None:
        if args.strip:
            write_strip(args.strip / f"{clip.name}.png", rounds[-1])

    exclusive = isinstance(clip.masks, IdentityMaps)
    recipe = None if args.preset == "none" else MatteRecipe.preset(args.preset)
    told = partial(progress, clip.name)
    segmenter = TrackerSegmenter(
        model,
        exclusive=exclusive,
        progress=told,
        policy=find_policy(args.policy),
        recipe=recipe,
        crop=args.crop == "auto",
    )
    return evaluate([clip], segmenter, args.prompt, args.rounds, finished=finished)


def _joined(reports: list[Report]) -> Report:
    """The reports of several clips as one."""
    from sam2_roto.evaluation.report import Report

    rounds = zip(*(report.rounds for report in reports), strict=True)
    return Report(reports[0].prompt, tuple(tuple(entry for part in parts for entry in part) for parts in rounds))


def _count(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of rounds")
    return int(text)
