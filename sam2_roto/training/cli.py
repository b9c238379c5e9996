"""``sam2-roto train``: train or resume a model from a recipe; also ``python -m sam2_roto.training``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from sam2_roto.errors import ModelError
from sam2_roto.training.clips import Clip, TextureLibrary, generate_clip
from sam2_roto.training.config import Recipe, RecipeError, load_recipe
from sam2_roto.training.trainer import CHECKPOINT, Trainer

if TYPE_CHECKING:
    from sam2_roto.cli.parser import Subparsers

RECIPES = Path(__file__).parent / "recipes"

_EXAMPLES = """examples:
  sam2-roto train --config nano --out runs/nano --textures clips
  sam2-roto train --config my.toml --out runs/mine --resume
  sam2-roto train --config my.toml --out runs/mine --resume --export nano.safetensors

A run keeps its checkpoint, logs and pictures in the folder of --out; Ctrl-C or SIGTERM ends it, --resume goes on.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``train`` and its options."""
    add_options(
        subparsers.add_parser("train", help="train a model on generated clips", description=__doc__, epilog=_EXAMPLES)
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``train``."""
    parser.add_argument("--config", default="nano", metavar="FILE", help="recipe in TOML, or the name of one of ours")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default: runs/RECIPE)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 … (default: a GPU where there is one)")
    parser.add_argument("--textures", type=Path, metavar="DIR", help="movies to cut textures from")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that make clips (default: the recipe's)")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of the network (default: all)")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write the averaged weights here at the end")


def pick_device(name: str) -> torch.device:
    """A device by name; ``auto`` is a GPU where there is one. Raises ModelError for one that cannot be used."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device '{name}' cannot be used here; say cpu, or cuda where a GPU is at hand.") from error


def find_recipe(name: str) -> Path:
    """A recipe's file: a path, or one of ours by its name."""
    ours = RECIPES / f"{name}.toml"
    return ours if ours.exists() and not Path(name).exists() else Path(name)


@dataclass(frozen=True)
class GeneratedClips:
    """The generator of clips that draws textures from ``library``; pickles, so that workers can be spawned."""

    library: TextureLibrary

    def __call__(self, seed: int, size: int, frames: int) -> Clip:
        """The clip of a seed."""
        return generate_clip(seed, size=size, frames=frames, library=self.library)


def check_folder(folder: Path, resume: bool) -> None:
    """Refuse to begin a run over another, or to resume one that is not there. Raises RecipeError."""
    exists = (folder / CHECKPOINT).exists()
    if exists and not resume:
        raise RecipeError(f"{folder} holds a run already; add --resume to go on with it, or name another --out.")
    if resume and not exists:
        raise RecipeError(f"{folder} holds no checkpoint to resume; leave --resume out to start a run there.")


def run(args: argparse.Namespace) -> int:
    """Train as ``args`` say; status 0 also where a signal ended the run early, since it can be resumed."""
    path = find_recipe(args.config)
    recipe: Recipe = load_recipe(path)
    if args.workers is not None:
        recipe = replace(recipe, workers=args.workers)
    if args.threads:
        torch.set_num_threads(args.threads)
    folder = args.out or Path("runs") / path.stem
    check_folder(folder, args.resume)
    library = TextureLibrary.build(args.textures)
    trainer = Trainer(recipe, GeneratedClips(library), folder, pick_device(args.device), getattr(args, "quiet", False))
    trainer.run()
    if args.export:
        trainer.export(args.export)
    return 0
