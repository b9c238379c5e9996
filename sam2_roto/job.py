"""What a person asks for: prompts on frames of a footage, and how the mattes shall come out.

Everything here is plain data, readable without torch, so that the command line, the service and host adapters can make
and check a job before anything heavy is loaded. What needs the footage itself (is the frame in the clip, is the click
on the plate) is checked where the footage is open.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from compositing.footage.frames import FrameRange
from compositing.progress import Progress, silent
from sam2_roto.deliverables import Deliverables, MatteFormat
from sam2_roto.errors import ModelError, PromptError, RotoError
from sam2_roto.report import PipelineReport

__all__ = [
    "Box",
    "Click",
    "Crop",
    "Deliverables",
    "MaskFile",
    "MatteFormat",
    "Policy",
    "Preset",
    "Progress",
    "Prompt",
    "RotoscopeJob",
    "RotoscopeResult",
    "check_edge",
    "check_image_size",
    "check_object_name",
    "silent",
]

Crop = Literal["none", "auto"]
"""Whether small objects are followed in windows of their own."""

Policy = Literal["plain", "distractor", "motion"]
"""What is remembered of an object; see ``sam2_roto.tracking.policy``."""

Preset = Literal["default", "hard", "soft", "hair", "motion"]
"""Recipes by name, as in ``sam2_roto.mattes.recipe.PRESETS``."""

IMAGE_SIZES = range(64, 4097, 32)
"""Sides in pixels of the square that a network can see."""

_OBJECT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Click:
    """A point on an object (``positive``) or beside it, in pixels of the plate, on a frame of the footage."""

    name: str
    frame: int
    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True)
class Box:
    """A rectangle round an object, in pixels of the plate: left, top, right and bottom edge."""

    name: str
    frame: int
    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if self.x0 >= self.x1 or self.y0 >= self.y1:
            corners = f"{self.x0:g},{self.y0:g},{self.x1:g},{self.y1:g}"
            raise PromptError(
                f"the box {corners} of '{self.name}' on frame {self.frame} is empty; give left,top,right,bottom"
            )


@dataclass(frozen=True)
class MaskFile:
    """A picture whose bright pixels are the object, of the plate's size."""

    name: str
    frame: int
    path: Path


Prompt = Click | Box | MaskFile


@dataclass(frozen=True)
class RotoscopeJob:
    """One run from footage to mattes.

    ``feather`` and ``choke`` are in pixels of the plate (a negative choke grows the matte); ``start`` is the number of
    a movie's first frame; the core decides ``model``, ``image_size`` and ``color_space`` where they are ``None``.
    ``crop`` auto follows small objects in windows of their own, none follows all on the whole plate. ``policy`` says
    what is remembered: plain as published, distractor for crowds and look-alikes, motion.
    ``precision`` is float32, bfloat16 or auto (see ``load_model``); ``deliver`` is what is written.

    Raises ``PromptError``, ``ModelError`` or ``RotoError`` where the values contradict one another.
    """

    footage: Path
    output: Path
    prompts: tuple[Prompt, ...]
    frames: FrameRange | None = None
    start: int | None = None
    color_space: str | None = None
    model: str | None = None
    image_size: int | None = None
    device: str = "auto"
    precision: str = "auto"
    crop: Crop = "auto"
    policy: Policy = "plain"
    preset: Preset = "default"
    recipe: Path | None = None
    feather: float = 0.0
    choke: float = 0.0
    deliver: Deliverables = field(default_factory=Deliverables)
    overwrite: bool = False

    def __post_init__(self) -> None:
        _check_prompts(self.prompts, self.frames)
        if self.image_size is not None:
            check_image_size(self.image_size)
        check_edge(self.feather, self.choke)
        for word, choices in (("crop", Crop), ("policy", Policy), ("preset", Preset)):
            if getattr(self, word) not in get_args(choices):
                raise RotoError(f"the {word} '{getattr(self, word)}' is not one of {', '.join(get_args(choices))}")

    @property
    def object_names(self) -> tuple[str, ...]:
        """Names of the objects, in the order in which they were first prompted."""
        return tuple(dict.fromkeys(prompt.name for prompt in self.prompts))

    @property
    def read_files(self) -> tuple[Path, ...]:
        """The files that are read beside the footage."""
        masks = [prompt.path for prompt in self.prompts if isinstance(prompt, MaskFile)]
        return (*masks, *([self.recipe] if self.recipe else []))

    def tracking(self) -> dict[str, object]:
        """What decides the logits, ready for JSON: jobs that agree in it can go on with each other's masklets."""
        return {
            "footage": str(self.footage.resolve()),
            "start": self.start,
            "color_space": self.color_space,
            "frames": str(self.frames) if self.frames else None,
            "model": self.model,
            "image_size": self.image_size,
            "prompts": [_plain(prompt) for prompt in self.prompts],
            **({} if self.policy == "plain" else {"policy": self.policy}),
            **({} if self.crop == "auto" else {"crop": self.crop}),
        }


@dataclass(frozen=True)
class RotoscopeResult:
    """What a run left behind.

    Attributes:
        mattes, previews: the files written.
        absent: by object, the frames on which it is not seen.
        model, image_size: the network that was used.
        tracked: the number of frames that this run tracked itself; the others were found from an earlier one.
        notes: what was decided on the user's behalf, or should be known of the files, one sentence each.
        files: everything else that was written, by kind: ``rgba``, ``crypto``, ``trimap``, ``confidence``, ``movies``,
            ``splines``.
        pace: how long each stage took, and which of them set the pace.
    """

    mattes: tuple[Path, ...]
    absent: dict[str, tuple[int, ...]]
    model: str
    image_size: int
    tracked: int
    previews: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    pace: PipelineReport = field(default_factory=PipelineReport)


def check_object_name(name: str) -> None:
    """Raises ``PromptError`` where ``name`` cannot name an EXR layer in every host."""
    if not _OBJECT_NAME.fullmatch(name):
        raise PromptError(
            f"'{name}' cannot name an object; use a letter of a-z or A-Z, then such letters, digits or underscores"
        )


def check_edge(feather: float, choke: float) -> None:
    """Raises ``RotoError`` where a soft edge cannot be so wide, or the edge be moved so far."""
    for option, value in (("feather", feather), ("choke", choke)):
        if not math.isfinite(value):
            raise RotoError(f"the {option} {value} is not a finite number; give pixels of the plate")
    if feather < 0:
        raise RotoError(f"the feather {feather:g} is negative; give the width of the soft edge in pixels")


def check_image_size(size: int) -> None:
    """Raises ``ModelError`` where a network cannot see a square of ``size`` pixels, or no machine can pay for it."""
    if size not in IMAGE_SIZES:
        raise ModelError(f"the image size {size} is not a multiple of 32 from {IMAGE_SIZES[0]} to {IMAGE_SIZES[-1]}")


def _plain(prompt: Prompt) -> dict[str, object]:
    values = asdict(prompt)
    if isinstance(prompt, MaskFile):
        values["path"] = str(prompt.path.resolve())
    return {"kind": type(prompt).__name__, **values}


def _check_prompts(prompts: tuple[Prompt, ...], frames: FrameRange | None) -> None:
    if not prompts:
        raise PromptError("nothing is marked; give at least one --click, --box or --mask")
    kinds: dict[tuple[str, int], list[type[Prompt]]] = {}
    for prompt in prompts:
        check_object_name(prompt.name)
        if frames is not None and prompt.frame not in frames:
            raise PromptError(f"'{prompt.name}' is marked on frame {prompt.frame}, outside the range {frames}")
        kinds.setdefault((prompt.name, prompt.frame), []).append(type(prompt))
    for (name, frame), given in kinds.items():
        _check_kinds(name, frame, given)
    marked = {prompt.name for prompt in prompts if not isinstance(prompt, Click) or prompt.positive}
    for prompt in prompts:
        if prompt.name not in marked:
            raise PromptError(f"every click of '{prompt.name}' lies beside it; give one on it, without '-'")


def _check_kinds(name: str, frame: int, given: list[type[Prompt]]) -> None:
    """One object on one frame takes one mask, or one box with any number of clicks."""
    if MaskFile in given and len(given) > 1:
        raise PromptError(f"'{name}' has a mask on frame {frame} and another prompt beside it; give the mask alone")
    if given.count(Box) > 1:
        raise PromptError(f"'{name}' has {given.count(Box)} boxes on frame {frame}; give one")
