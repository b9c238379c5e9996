"""The recipe of fine-tuning: a few hundred small steps from weights that are there already."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sam2_roto.checkpoints.load import resolve
from sam2_roto.job import Progress, check_image_size
from sam2_roto.model import CONFIGS
from sam2_roto.model.config import NANO
from sam2_roto.training.config import (
    Augmentation,
    Optimisation,
    Prompting,
    Recipe,
    RecipeError,
    Stage,
    Watching,
    check_seed,
)
from sam2_roto.training.parts import PARTS


@dataclass(frozen=True)
class Finetuning:
    """What a user can set.

    Attributes:
        model: a model's name or a weights file.
        steps: optimiser steps.
        rate: highest learning rate.
        frozen: parts that keep their weights; by default the trunk.
        image_size: side of the network's input in pixels, by default the model's own.
        clip_frames: frames of each training clip.
        seed: decides every draw.
    """

    model: str
    steps: int = 200
    rate: float = 1e-4
    frozen: tuple[str, ...] | None = None
    image_size: int | None = None
    clip_frames: int = 4
    seed: int = 0


def finetuning_recipe(wanted: Finetuning, progress: Progress | None = None) -> Recipe:
    """The recipe, with the weights found, or fetched where they are published ones.

    Raises ModelError, CheckpointError or RecipeError where that is not possible.
    """
    if min(wanted.steps, wanted.clip_frames) < 1 or not 0 < wanted.rate < math.inf:
        raise RecipeError("Steps, frames and rate of fine-tuning must be above 0.")
    check_seed(wanted.seed, "Fine-tuning")
    name, path = resolve(wanted.model, progress)
    frozen = ("trunk",) if wanted.frozen is None else wanted.frozen
    if len(set(frozen)) == len(PARTS):
        raise RecipeError(f"All of {', '.join(PARTS)} are frozen, so nothing is left to train; leave one out.")
    size = wanted.image_size or CONFIGS[name].image_size
    check_image_size(size)
    return Recipe(
        stages=(Stage("finetune", wanted.steps, clips=1, frames=wanted.clip_frames, size=size, objects=3),),
        model=name,
        start=str(path.resolve()),
        frozen=tuple(frozen),
        seed=wanted.seed,
        workers=0,
        prompting=Prompting(mask_share=0.6, click_share=0.2, most_prompted=1, corrections=1, true_presence_share=0.0),
        augmentation=Augmentation(rotate=12.0, shear=8.0),
        optimisation=Optimisation(
            rate=wanted.rate,
            warmup=max(wanted.steps // 20, 1),
            decay=max(wanted.steps // 2, 1),
            clip=1.0,
            ema=0.98,
            loss_scale=1 if name == NANO.name else 4,
        ),
        watching=Watching(
            log=5,
            save=100,
            validate=wanted.steps,
            validation_clips=4,
            validation_frames=wanted.clip_frames,
        ),
    )
