"""``sam2-roto train``: train a model from a recipe, or fine-tune one; also ``python -m sam2_roto.training``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from compositing.footage.frames import FrameRange
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.loading import choose_device
from sam2_roto.training.clips import Clip, TextureLibrary, generate_clip
from sam2_roto.training.clips.footage import find_clips
from sam2_roto.training.config import Recipe, RecipeError, load_recipe
from sam2_roto.training.data import ClipOrder, ClipSource
from sam2_roto.training.finetune import Finetuning, finetuning_recipe
from sam2_roto.training.journal import read_rows
from sam2_roto.training.parts import PARTS
from sam2_roto.training.trainer import CHECKPOINT, LOG, Trainer
from sam2_roto.training.user_clips import UserClips, open_user_data

if TYPE_CHECKING:
    from sam2_roto.cli.parser import Subparsers

RECIPES = Path(__file__).parent / "recipes"
FINETUNED = "finetuned.safetensors"
STARTS = {
    "start.safetensors": "it holds a trunk that knows ImageNet, and is made with 'python -m "
    "sam2_roto.training.pretrained', as docs/training.md tells under 'A whole run'",
    "nano.safetensors": "it is what 'sam2-roto train --config nano --export nano.safetensors' writes, as "
    "docs/training.md tells under 'A whole run'",
}
"""How the weights are made that our recipes start from."""

_DESCRIPTION = """Train a model on generated clips as a recipe says, or fine-tune one on your own frames and masks.

A run keeps its checkpoint, logs and pictures in the folder of --out. Ctrl-C or SIGTERM ends it after the step that it
is in; the same command with --resume goes on."""

_EXAMPLES = """examples:
  through every part of training in seconds, on generated clips
      sam2-roto train --config smoke --out runs/smoke
  the embedded model, textures cut from the movies in a folder; how start.safetensors is made: docs/training.md
      sam2-roto train --config nano --out runs/nano --textures clips
  go on with a run, and write its averaged weights
      sam2-roto train --config nano --out runs/nano --textures clips --resume --export nano.safetensors
  fine-tune on ten masks of a shot (shot/frames and shot/masks), then use the result
      sam2-roto train --finetune nano --data shot --frames-range 0-9 --out runs/shot
      sam2-roto rotoscope shot/frames -o mattes --mask actor:0:shot/masks/000.png \\
          --model runs/shot/finetuned.safetensors
  only the decoder of a published model, on a data set in DAVIS layout
      sam2-roto train --finetune sam2.1_hiera_tiny --data DAVIS --split train \\
          --freeze trunk --freeze neck --freeze memory
"""

_OF_FINETUNING = ("data", "split", "frames_range", "steps", "rate", "freeze", "image_size", "clips_frames", "seed")


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``train`` and its options."""
    add_options(
        subparsers.add_parser(
            "train", help="train or fine-tune a model on masks", description=_DESCRIPTION, epilog=_EXAMPLES
        )
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``train``."""
    run = parser.add_argument_group("the run").add_argument
    run("--out", type=Path, metavar="DIR", help="folder of the run (default: runs/RECIPE, or runs/finetune)")
    run("--resume", action="store_true", help="go on from the run's last checkpoint")
    run("--device", default="auto", metavar="D", help="cpu, cuda, cuda:1 … (default: a GPU where there is one)")
    run("--threads", type=int, metavar="N", help="CPU threads of the network (default: all)")
    run("--export", type=Path, metavar="FILE", help=f"write the weights here (fine-tuning: DIR/{FINETUNED})")
    own = parser.add_argument_group("training on generated clips").add_argument
    own("--config", metavar="FILE", help="recipe in TOML, or the name of one of ours (default: nano)")
    own("--textures", type=Path, metavar="DIR", help="movies to cut textures from")
    own("--workers", type=int, metavar="N", help="processes that make clips (default: the recipe's)")
    _add_finetuning(parser)


def _add_finetuning(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("fine-tuning").add_argument
    add("--finetune", metavar="MODEL", help="start from this model: a name or a weights file")
    add("--data", type=Path, metavar="DIR", help="frames and masks: DAVIS, MOSE, SA-V …, or frames/ and masks/")
    add("--split", metavar="NAME", help="a list or a folder of the data set, such as train")
    add("--frames-range", type=FrameRange.parse, metavar="A-B", help="train on these frames alone (default: all)")
    add("--steps", type=int, metavar="N", help=f"optimiser steps (default: {Finetuning.steps})")
    add("--rate", type=float, metavar="R", help=f"highest learning rate (default: {Finetuning.rate:g})")
    add(
        "--freeze",
        action="append",
        choices=(*PARTS, "none"),
        help="leave this part as it is; repeat for several; none frees all (default: trunk)",
    )
    add("--image-size", type=int, metavar="S", help="side of the network's input, a multiple of 32 (default: its own)")
    add("--clips-frames", type=int, metavar="N", help=f"frames of each clip (default: {Finetuning.clip_frames})")
    add("--seed", type=int, metavar="N", help="decides every draw (default: 0)")


def find_recipe(name: str) -> Path:
    """A recipe's file: a path, or one of ours by its name."""
    ours = RECIPES / f"{name}.toml"
    return ours if ours.exists() and not Path(name).is_file() else Path(name)


@dataclass(frozen=True)
class GeneratedClips:
    """The generator of clips that draws textures from ``library``; pickles, so that workers can be spawned."""

    library: TextureLibrary

    def __call__(self, order: ClipOrder) -> Clip:
        """The clip of a seed."""
        return generate_clip(
            order.seed, size=order.size, frames=order.frames, difficulty=order.difficulty, library=self.library
        )


def check_folder(folder: Path, resume: bool) -> None:
    """Refuse to begin a run over another, or to resume one that is not there. Raises RecipeError."""
    exists = (folder / CHECKPOINT).exists()
    if exists and not resume:
        raise RecipeError(f"{folder} holds a run already; add --resume to go on with it, or name another --out.")
    if resume and not exists:
        raise RecipeError(f"{folder} holds no checkpoint to resume; leave --resume out to start a run there.")


def check_run(folder: Path, recipe: Recipe) -> None:
    """Refuse to go on in a folder whose run began with a stage that the recipe has not. Raises RecipeError."""
    log = folder / LOG
    begun = next((row["stage"] for row in read_rows(log)), None) if log.is_file() else None
    if begun is not None and begun not in {stage.name for stage in recipe.stages}:
        raise RecipeError(
            f"{folder} holds another run, begun with the stage '{begun}', which is none of this one's; resume it with "
            "the options that it was started with, or name another --out."
        )


def check_start(start: str) -> None:
    """Tell what the weights are that a recipe starts from, where they are not there. Raises RecipeError."""
    if not Path(start).is_file():
        made = STARTS.get(start, "name another in the recipe, or put it there")
        raise RecipeError(f"The recipe starts from the weights file {start}, which is not here; {made}.")


def check_textures(folder: Path | None) -> None:
    """Raise RecipeError where a folder of movies is named and has none."""
    if folder is not None and not find_clips(folder):
        raise RecipeError(f"--textures {folder} is no folder with .mp4 movies in it; name one, or leave it out.")


def run(args: argparse.Namespace) -> int:
    """Train as ``args`` say; status 0 also where a signal ended the run early, since it can be resumed."""
    for name, least in (("threads", 1), ("workers", 0)):
        if getattr(args, name) is not None and getattr(args, name) < least:
            raise RecipeError(f"--{name} {getattr(args, name)} is not possible; give {least} or more.")
    if args.threads:
        torch.set_num_threads(args.threads)
    trainer = _finetuner(args) if args.finetune else _trainer(args)
    ended = trainer.run()
    target = args.export or (trainer.folder / FINETUNED if args.finetune else None)
    if target and (ended or args.export):
        trainer.export(target)
        print(f"weights after {trainer.step} steps: {target}")
    if not ended:
        print(f"stopped after {trainer.step} steps; the same command with --resume goes on", file=sys.stderr)
    return 0


def _trainer(args: argparse.Namespace) -> Trainer:
    """A run of a recipe on generated clips."""
    stray = next((name for name in _OF_FINETUNING if getattr(args, name) is not None), None)
    if stray:
        raise RecipeError(f"--{stray.replace('_', '-')} belongs to fine-tuning; add --finetune MODEL, or leave it out.")
    path = find_recipe(args.config or "nano")
    recipe = load_recipe(path)
    if args.workers is not None:
        recipe = replace(recipe, workers=args.workers)
    folder = args.out or Path("runs") / path.stem
    check_folder(folder, args.resume)
    if args.resume:
        check_run(folder, recipe)
    if recipe.start and (args.export or not args.resume):
        check_start(recipe.start)
    check_textures(args.textures)
    source: ClipSource = GeneratedClips(TextureLibrary.build(args.textures))
    return Trainer(recipe, source, folder, choose_device(args.device), getattr(args, "quiet", False))


def _finetuner(args: argparse.Namespace) -> Trainer:
    """A run from given weights on the user's own clips."""
    stray = next((name for name in ("config", "textures", "workers") if getattr(args, name) is not None), None)
    if stray:
        raise RecipeError(f"--{stray} belongs to training on generated clips; leave it or --finetune out.")
    if args.data is None:
        raise RecipeError("Fine-tuning needs frames and masks; give --data DIR.")
    quiet = getattr(args, "quiet", False)
    folder = args.out or Path("runs") / "finetune"
    check_folder(folder, args.resume)
    source = UserClips(open_user_data(args.data, args.split), args.frames_range)
    with ProgressBar(quiet) as progress:
        recipe = finetuning_recipe(_wanted(args), progress)
    if args.resume:
        check_run(folder, recipe)
    return Trainer(recipe, source, folder, choose_device(args.device), quiet)


def _wanted(args: argparse.Namespace) -> Finetuning:
    """What the options say, and the defaults for the rest."""
    frozen = None if args.freeze is None else tuple(part for part in args.freeze if part != "none")
    given = {
        "steps": args.steps,
        "rate": args.rate,
        "frozen": frozen,
        "image_size": args.image_size,
        "clip_frames": args.clips_frames,
        "seed": args.seed,
    }
    return Finetuning(args.finetune, **{name: value for name, value in given.items() if value is not None})
