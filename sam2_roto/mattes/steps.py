"""The steps of a recipe, as data: frozen dataclasses of numbers and words, all lengths in pixels of the plate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor

from sam2_roto.errors import ExportError
from sam2_roto.mattes.clean_plate import clean_plate
from sam2_roto.mattes.closed_form import closed_form_alpha
from sam2_roto.mattes.components import cleaned
from sam2_roto.mattes.edges import Profile, choke, feather, soften
from sam2_roto.mattes.guided import guided_filter, within_band
from sam2_roto.mattes.holdouts import Keys, held, polygon_alpha, shape_at
from sam2_roto.mattes.laid_strands import with_strands
from sam2_roto.mattes.scene import Scene, alone, changing_box
from sam2_roto.mattes.temporal import motion_blurred, stabilised
from sam2_roto.mattes.transmission import see_through

_WIDEST_WINDOW = 8
_LEAST_WINDOW = 0.01
_INNER_CELLS, _OUTER_CELLS = 1.5, 2.0
_REACH, _NEAR_REACH = 0.07, 0.055


@runtime_checkable
class Step(Protocol):
    """One step of a recipe, from alpha to alpha.

    ``radius`` frames on either side and, where ``plate``, the plates are what it looks at. Without them it leaves alpha
    as it is, so that a quick look at a single frame costs nothing.
    """

    name: ClassVar[str]
    plate: ClassVar[bool]

    @property
    def radius(self) -> int:
        """Frames that are needed on either side."""
        ...

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:
        """float32 ``[..., H, W]`` in, the same out; with a scene ``[H, W]``, the alpha of the scene's moment."""
        ...


class _Still:
    """What steps share that look at the matte alone."""

    plate: ClassVar[bool] = False

    @property
    def radius(self) -> int:
        return 0


class _Guided(_Still):
    plate: ClassVar[bool] = True


class _Around:
    """What steps share that look at ``frames`` on either side."""

    frames: int

    @property
    def radius(self) -> int:
        return self.frames


@dataclass(frozen=True)
class Choke(_Still):
    """Move the edge inwards by ``pixels`` of the plate; negative numbers dilate."""

    name: ClassVar[str] = "choke"
    pixels: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self.name, self.pixels)

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:  # noqa: ARG002
        return choke(alpha, self.pixels)


@dataclass(frozen=True)
class Feather(_Still):
    """Widen the edge by ``inner`` and ``outer`` pixels of the plate, by a ``linear`` or ``smooth`` ramp."""

    name: ClassVar[str] = "feather"
    inner: float = 0.0
    outer: float = 0.0
    profile: Profile = "linear"

    def __post_init__(self) -> None:
        check_numbers(self.name, self.inner, self.outer)
        if self.inner < 0 or self.outer < 0:
            raise ExportError(
                f"A feather of {self.inner} and {self.outer} px is not possible: give widths of 0 or more."
            )
        if self.profile not in get_args(Profile):
            known = ", ".join(get_args(Profile))
            raise ExportError(f"The feather profile '{self.profile}' is not known: use one of {known}.")

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:  # noqa: ARG002
        return feather(alpha, self.inner, self.outer, profile=self.profile)


@dataclass(frozen=True)
class Soften(_Still):
    """Blur by a gaussian whose standard deviation is ``sigma`` pixels of the plate; what is there is kept."""

    name: ClassVar[str] = "soften"
    sigma: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self.name, self.sigma, least=0.0)

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:  # noqa: ARG002
        return soften(alpha, self.sigma)


@dataclass(frozen=True)
class Clean(_Around):
    """Fill holes and remove islands of fewer pixels than these, by a vote over ``frames`` on either side."""

    name: ClassVar[str] = "clean"
    plate: ClassVar[bool] = False
    holes: float = 0.0
    islands: float = 0.0
    frames: int = 2

    def __post_init__(self) -> None:
        check_numbers(self.name, self.holes, self.islands, least=0.0)
        _check_frames(self.name, self.frames)

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:
        if scene is not None:
            return cleaned(scene, self.holes, self.islands)
        flat = alpha.reshape(-1, *alpha.shape[-2:])
        return torch.stack([cleaned(alone(one), self.holes, self.islands) for one in flat]).reshape(alpha.shape)


@dataclass(frozen=True)
class Stabilise(_Around):
    """Average with ``frames`` on either side along the plate's motion; ``strength`` is the weight of a neighbour."""

    name: ClassVar[str] = "stabilise"
    plate: ClassVar[bool] = True
    frames: int = 2
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_numbers(self.name, self.strength, least=0.0)
        _check_frames(self.name, self.frames)

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:
        return alpha if scene is None else stabilised(scene, self.strength)


@dataclass(frozen=True)
class Refine(_Guided):
    """Draw the edge to the plate's by a guided filter with windows of ``pixels`` radius.

    0 takes two cells of the network's grid, at least a hundredth of the plate's diagonal. ``epsilon`` is the variance
    of light, colour squared, that counts as flat: a camera mixes light, so alpha is linear in that.
    """

    name: ClassVar[str] = "refine"
    pixels: float = 0.0
    epsilon: float = 5e-5

    def __post_init__(self) -> None:
        check_numbers(self.name, self.pixels, self.epsilon, least=0.0)

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:
        picture = None if scene is None else scene.moment.picture
        if scene is None or picture is None:
            return alpha
        radius = self.pixels or max(2 * scene.moment.cell, _LEAST_WINDOW * math.hypot(*alpha.shape[-2:]), 2.0)
        box = changing_box(alpha, 3 * radius)
        if box is None:
            return alpha
        x0, y0, x1, y1 = box
        part = alpha[y0:y1, x0:x1]
        drawn = guided_filter(part, picture.planes(box).square_().to(alpha.device), radius, epsilon=self.epsilon)
        refined = alpha.clone()
        refined[y0:y1, x0:x1] = within_band(part, drawn, scene.moment.cell)
        return refined


@dataclass(frozen=True)
class SeeThrough(_Around):
    """Lower alpha where the background shines through the object, and stays behind as the object moves.

    It is told from ``frames`` on either side. Where they do not tell, the matte stays as it is.
    """

    name: ClassVar[str] = "see_through"
    plate: ClassVar[bool] = True
    frames: int = 5

    def __post_init__(self) -> None:
        _check_frames(self.name, self.frames)

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:
        return alpha if scene is None else see_through(alpha, scene)


@dataclass(frozen=True)
class Strands(_Around):
    """Lay in what differs from the clean plate that ``frames`` on either side show behind the object.

    It is looked for ``reach`` pixels round the matte; 0 takes 0.055 of the plate's diagonal: other things that move
    close by differ as well. Where the frames show no background, or do not agree on it, the matte stays as it is.
    """

    name: ClassVar[str] = "strands"
    plate: ClassVar[bool] = True
    frames: int = 5
    reach: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self.name, self.reach, least=0.0)
        _check_frames(self.name, self.frames)

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:
        picture = None if scene is None else scene.moment.picture
        if scene is None or picture is None or not self.frames:
            return alpha
        cell = scene.moment.cell
        reach = self.reach or _NEAR_REACH * math.hypot(*alpha.shape[-2:])
        behind = partial(clean_plate, scene)
        return with_strands(alpha, picture, _INNER_CELLS * cell, _OUTER_CELLS * cell, reach, behind)


@dataclass(frozen=True)
class Hair(_Around):
    """Solve alpha anew in a band round the soft edge, ``inner`` and ``outer`` pixels wide: closed form, by PyMatting.

    0 takes one and a half cells of the network's grid inwards, and two outwards. What lies behind the object is looked
    for on ``frames`` on either side; where it is found, strands are seen as far as ``reach`` pixels out, 0 taking seven
    hundredths of the plate's diagonal. ``trust`` is the weight of the matte so far.
    """

    name: ClassVar[str] = "hair"
    plate: ClassVar[bool] = True
    inner: float = 0.0
    outer: float = 0.0
    trust: float = 0.003
    frames: int = 5
    reach: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self.name, self.inner, self.outer, self.trust, self.reach, least=0.0)
        _check_frames(self.name, self.frames)

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:
        picture = None if scene is None else scene.moment.picture
        if scene is None or picture is None:
            return alpha
        cell = scene.moment.cell
        return closed_form_alpha(
            alpha,
            picture,
            self.inner or _INNER_CELLS * cell,
            self.outer or _OUTER_CELLS * cell,
            trust=self.trust,
            reach=self.reach or _REACH * math.hypot(*alpha.shape[-2:]),
            behind=partial(clean_plate, scene) if self.frames else None,
        )


@dataclass(frozen=True)
class MotionBlur:
    """Blur the edge along the object's motion while the shutter, a part of the frame's time, is open."""

    name: ClassVar[str] = "motion_blur"
    plate: ClassVar[bool] = True
    shutter: float = 0.5

    def __post_init__(self) -> None:
        check_numbers(self.name, self.shutter, least=0.0)

    @property
    def radius(self) -> int:
        return 1

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:
        return alpha if scene is None else motion_blurred(scene, self.shutter)


@dataclass(frozen=True)
class Shape(_Still):
    """A polygon that moves between keyframes: ``garbage`` is 0 within it, ``core`` is 1 within it.

    ``keys``: pairs of a frame and its points x, y, ascending, with as many points on each. ``softness`` is the width of
    its edge. With ``outside`` it acts outside of the polygon instead. Without a scene the first key holds.
    """

    name: ClassVar[str] = "shape"
    kind: str = "garbage"
    keys: Keys = ()
    softness: float = 0.0
    outside: bool = False

    def __post_init__(self) -> None:
        check_numbers(self.name, self.softness, least=0.0)
        if self.kind not in ("garbage", "core"):
            raise ExportError(f"The shape has the kind '{self.kind}', which is not known: use garbage or core.")
        object.__setattr__(self, "keys", _keys(self.keys))

    def apply(self, alpha: Tensor, scene: Scene | None = None) -> Tensor:
        frame = self.keys[0][0] if scene is None else scene.moment.frame
        points = shape_at(self.keys, frame)
        drawn = polygon_alpha(points, (alpha.shape[-2], alpha.shape[-1]), self.softness)
        drawn = 1 - drawn if self.outside else drawn
        return held(alpha, garbage=drawn) if self.kind == "garbage" else held(alpha, core=drawn)


STEPS: Mapping[str, type[Step]] = {
    step.name: step
    for step in (Choke, Feather, Soften, Clean, SeeThrough, Stabilise, Refine, Strands, Hair, MotionBlur, Shape)
}


def check_numbers(name: str, *values: float, least: float | None = None) -> None:
    """Raises ExportError where a value is not a plain finite number, or is below ``least``."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ExportError(f"The {name} has the value {value!r} where a plain number is needed.")
        if least is not None and value < least:
            raise ExportError(f"The {name} has the value {value!r}: give {least:g} or more.")


def _check_frames(name: str, frames: int) -> None:
    if isinstance(frames, bool) or not isinstance(frames, int) or not 0 <= frames <= _WIDEST_WINDOW:
        raise ExportError(f"The {name} looks at {frames!r} frames on either side: give 0 to {_WIDEST_WINDOW}.")


def _keys(given: Any) -> Keys:
    """Keyframes as tuples, ascending; ExportError where they are not pairs of a frame and its points."""
    try:
        keys = tuple((int(frame), tuple((float(x), float(y)) for x, y in points)) for frame, points in given)
    except (TypeError, ValueError) as error:
        raise ExportError("The shape's keys cannot be read: give pairs of a frame and a list of x, y.") from error
    if not keys or any(len(points) < 3 or len(points) != len(keys[0][1]) for _, points in keys):
        raise ExportError("The shape needs a key, and on all keys the same number of points, 3 or more.")
    check_numbers("shape", *(value for _, points in keys for point in points for value in point))
    if [frame for frame, _ in keys] != sorted({frame for frame, _ in keys}):
        raise ExportError("The shape's keys are not in ascending order of their frames, each once.")
    return keys
