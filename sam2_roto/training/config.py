"""The recipe of a training run: a TOML file read into frozen dataclasses."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from sam2_roto.errors import RotoError
from sam2_roto.model import CONFIGS
from sam2_roto.training.clips import DIFFICULTIES
from sam2_roto.training.losses import LossWeights
from sam2_roto.training.parts import PARTS

SCENE_FRAMES = 7
"""Frames of a scene (``scenes.py``)."""


class RecipeError(RotoError):
    """A training recipe has unknown or impossible settings."""


@dataclass(frozen=True)
class Stage:
    """A stretch of the run with clips of one shape.

    Attributes:
        name: label in the log.
        steps: optimiser steps.
        clips: clips per step.
        frames: frames per clip; 1 trains on still pictures.
        size: side of the square input in pixels.
        objects: most objects taken from a clip.
        stills: of every generated clip, frames taken as pictures of their own (only with ``frames = 1``).
        rate: factor on the learning rate.
        difficulty: of generated clips, ``plain``, ``occlusion``, ``distractors`` or ``thin``; a mix where not given.
        plain_share: of the clips that are plain instead, 0..1.
        smallest: part of the first picture that an object must cover to be taken, 0..1.
        vanish_share: of the clips of several frames, those drawn until one of their objects goes out of sight, 0..1.
        lessons: its pictures are lessons (only with ``frames = 1``).
        matching: before its first step, rewrite the memory as a matcher (``matching.py``) and start the optimiser anew.
        mask_share, click_share, corrections, true_presence_share: take the place of the recipe's, where given.
    """

    name: str
    steps: int
    clips: int
    frames: int
    size: int = 256
    objects: int = 3
    stills: int = 4
    rate: float = 1.0
    difficulty: str | None = None
    plain_share: float = 0.0
    smallest: float = 0.0
    vanish_share: float = 0.0
    lessons: bool = False
    matching: bool = False
    mask_share: float | None = None
    click_share: float | None = None
    corrections: int | None = None
    true_presence_share: float | None = None


@dataclass(frozen=True)
class Prompting:
    """How prompts are simulated; the published values, save for the number of corrections."""

    mask_share: float = 0.5
    click_share: float = 0.25
    central_share: float = 0.5
    most_prompted: int = 2
    most_corrected: int = 2
    corrections: int = 7
    truth_share: float = 0.1
    true_presence_share: float = 1.0


_STAGE_PROMPTING = ("mask_share", "click_share", "corrections", "true_presence_share")


@dataclass(frozen=True)
class Augmentation:
    """Changes made to every clip; angles in degrees, shares in 0..1.

    ``close_share`` of the clips are cut to a window round one object, as a tracker that follows a small object sees it.
    """

    flip: float = 0.5
    reverse: float = 0.5
    rotate: float = 25.0
    shear: float = 20.0
    scale: float = 0.15
    clip_jitter: float = 0.15
    frame_jitter: float = 0.05
    gray: float = 0.05
    close_share: float = 0.0


@dataclass(frozen=True)
class Optimisation:
    """Optimiser, schedule and precision.

    The rate rises over ``warmup`` steps, stays, and falls to zero along a half cosine over the last ``decay`` steps, so
    that a run can be extended from any checkpoint before the fall. ``loss_scale`` compares masks at this multiple of
    the logits' size: 4 is the picture's, as published; 1, against coverage, is cheap.
    """

    rate: float = 5e-4
    warmup: int = 200
    decay: int = 1000
    weight_decay: float = 0.1
    layer_decay: float = 0.9
    clip: float = 0.1
    beta2: float = 0.999
    ema: float = 0.999
    bfloat16: bool = True
    loss_scale: int = 4


@dataclass(frozen=True)
class Lessons:
    """What a published model teaches.

    With a folder of lessons given, the trunk learns in stages with lessons alone, and stays as it is in others.

    Attributes:
        folder: of lessons (``lessons.py``).
        weight: of the teacher's features in the loss.
        whole_share: of the lessons in which things are asked for as wholes, 0..1; in the others their parts are, too.
        click_parts: whether those may be asked for by clicks; else by boxes and masks alone.
        scenes: folder of scenes (``scenes.py``).
        scene_share: of the clips of several frames, those that are scenes, 0..1.
    """

    folder: str | None = None
    weight: float = 1.0
    whole_share: float = 0.8
    click_parts: bool = True
    scenes: str | None = None
    scene_share: float = 0.4


@dataclass(frozen=True)
class Watching:
    """What is measured and kept, in steps."""

    log: int = 10
    save: int = 200
    validate: int = 500
    validation_clips: int = 16
    validation_frames: int = 8


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run does.

    Attributes:
        stages: in their order.
        model: name of the network's sizes.
        start: file of the weights to start from; random ones where not given.
        frozen: parts that keep their weights: ``trunk``, ``neck``, ``memory``, ``decoder``.
        frozen_blocks: so many of the trunk's first blocks, with what comes before them, keep their weights as well.
        seed: decides every draw of the run.
        workers: processes that make clips.
    """

    stages: tuple[Stage, ...]
    model: str = "nano"
    start: str | None = None
    frozen: tuple[str, ...] = ()
    frozen_blocks: int = 0
    seed: int = 0
    workers: int = 1
    prompting: Prompting = field(default_factory=Prompting)
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    loss: LossWeights = field(default_factory=LossWeights)
    lessons: Lessons = field(default_factory=Lessons)
    watching: Watching = field(default_factory=Watching)

    @property
    def guided(self) -> bool:
        """Whether tracked frames are given the last mask, carried along by optical flow, as the model expects."""
        return CONFIGS[self.model].guided

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """The stage that holds ``step`` (the last one for a step past the end)."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        return self.stages[-1]

    def prompting_of(self, stage: Stage) -> Prompting:
        """The prompting of a stage: the recipe's, with what the stage sets itself."""
        own = {name: getattr(stage, name) for name in _STAGE_PROMPTING}
        return dataclasses.replace(self.prompting, **{name: value for name, value in own.items() if value is not None})

    def begins_stage(self, step: int) -> bool:
        """Whether ``step`` is the first of a stage."""
        return step == 0 or self.ends_stage(step)

    def ends_stage(self, step: int) -> bool:
        """Whether a stage is complete after ``step`` steps."""
        return step in accumulate(stage.steps for stage in self.stages)

    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 of the settings."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class _Turn:
    """Stages that are gone through, one after the other, so many times."""

    times: int
    stages: list[dict[str, Any]]


Section = TypeVar("Section")


def _section(kind: type[Section], values: dict[str, Any], where: str) -> Section:
    known = {entry.name for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise RecipeError(f"{where} has no setting '{unknown[0]}'; it knows {', '.join(sorted(known))}.")
    try:
        return kind(**values)
    except TypeError as error:
        raise RecipeError(f"{where} lacks a setting: {error}.") from error


def parse_recipe(values: dict[str, Any], where: str = "recipe") -> Recipe:
    """A recipe from the nested dictionary that its TOML file holds. Raises RecipeError on unknown settings."""
    values = dict(values)
    stages = [_section(Stage, stage, f"{where} [[stages]]") for stage in values.pop("stages", [])]
    for entry in values.pop("turns", []):
        turn = _section(_Turn, entry, f"{where} [[turns]]")
        stages += turn.times * [_section(Stage, stage, f"{where} [[turns.stages]]") for stage in turn.stages]
    kinds: dict[str, type[Any]] = {
        "prompting": Prompting,
        "augmentation": Augmentation,
        "optimisation": Optimisation,
        "loss": LossWeights,
        "lessons": Lessons,
        "watching": Watching,
    }
    parts = {name: _section(kind, values.pop(name, {}), f"{where} [{name}]") for name, kind in kinds.items()}
    frozen = tuple(values.pop("frozen", ()))
    recipe = _section(Recipe, {**values, **parts, "stages": tuple(stages), "frozen": frozen}, where)
    _check(recipe, where)
    return recipe


def _check(recipe: Recipe, where: str) -> None:
    if not recipe.stages:
        raise RecipeError(f"{where} has no [[stages]]; give at least one.")
    if recipe.model not in CONFIGS:
        raise RecipeError(f"{where} names the model '{recipe.model}'; it can be {', '.join(CONFIGS)}.")
    check_seed(recipe.seed, where)
    unknown = [part for part in recipe.frozen if part not in PARTS]
    if unknown:
        raise RecipeError(f"{where} freezes '{unknown[0]}'; the parts of a model are {', '.join(PARTS)}.")
    for stage in recipe.stages:
        if min(stage.steps, stage.clips, stage.frames, stage.objects, stage.stills) < 1 or stage.size % 32:
            raise RecipeError(
                f"{where} stage '{stage.name}' needs positive counts and a size that is a multiple of 32."
            )
        if stage.lessons and (stage.frames > 1 or not recipe.lessons.folder):
            raise RecipeError(f"{where} stage '{stage.name}' has lessons; give [lessons] a folder, and it one frame.")
        if recipe.lessons.scenes and recipe.lessons.scene_share > 0 and stage.frames > SCENE_FRAMES:
            raise RecipeError(
                f"{where} stage '{stage.name}' asks for {stage.frames} frames and a scene has {SCENE_FRAMES}; "
                "ask for no more, or give [lessons] no scenes."
            )
        if stage.difficulty is not None and stage.difficulty not in DIFFICULTIES:
            raise RecipeError(
                f"{where} stage '{stage.name}' asks for '{stage.difficulty}'; a difficulty is one of "
                f"{', '.join(DIFFICULTIES)}."
            )


def check_seed(seed: int, where: str) -> None:
    """Raises RecipeError for a seed that no generator of random numbers takes."""
    if not 0 <= seed < 2**63:
        raise RecipeError(f"{where} has the seed {seed}; give 0 or more, below 2^63.")


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file. Raises RecipeError naming the file where it is absent or wrong."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"{path} is not there; name a recipe file in TOML.") from error
    except OSError as error:
        raise RecipeError(f"{path} cannot be read ({error.strerror}); name a recipe file in TOML.") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not text in UTF-8; name a recipe file in TOML.") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path} is not valid TOML: {error}.") from error
    return parse_recipe(values, str(path))
