"""A matte recipe: the steps from stored logits to a matte, kept as data and applied when a matte is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import Tensor

from sam2_roto.errors import ExportError
from sam2_roto.mattes.alpha import Size, alpha_from_logits
from sam2_roto.mattes.edges import Profile, choke, feather

_PROFILES = ("linear", "smooth")


@runtime_checkable
class Step(Protocol):
    """One step of a recipe: a frozen dataclass of numbers and words with a ``name``, from alpha to alpha."""

    name: ClassVar[str]

    def apply(self, alpha: Tensor) -> Tensor:
        """float32 ``[..., H, W]`` in, the same out."""
        ...


@dataclass(frozen=True)
class Choke:
    """Move the edge inwards by ``pixels`` of the plate; negative numbers dilate."""

    name: ClassVar[str] = "choke"
    pixels: float = 0.0

    def __post_init__(self) -> None:
        _check_finite(self.name, self.pixels)

    def apply(self, alpha: Tensor) -> Tensor:
        return choke(alpha, self.pixels)


@dataclass(frozen=True)
class Feather:
    """Widen the edge by ``inner`` and ``outer`` pixels of the plate."""

    name: ClassVar[str] = "feather"
    inner: float = 0.0
    outer: float = 0.0
    profile: Profile = "linear"

    def __post_init__(self) -> None:
        _check_finite(self.name, self.inner, self.outer)
        if self.inner < 0 or self.outer < 0:
            raise ExportError(
                f"A feather of {self.inner} and {self.outer} px is not possible: give widths of 0 or more."
            )
        if self.profile not in _PROFILES:
            raise ExportError(f"The feather profile '{self.profile}' is not known: use one of {', '.join(_PROFILES)}.")

    def apply(self, alpha: Tensor) -> Tensor:
        return feather(alpha, self.inner, self.outer, profile=self.profile)


STEPS: Mapping[str, type[Step]] = {step.name: step for step in (Choke, Feather)}


@dataclass(frozen=True)
class MatteRecipe:
    """How logits become a matte.

    Attributes:
        edge_width: width of the antialiased edge in plate pixels, before any step.
        knee: as in :func:`~sam2_roto.mattes.alpha.alpha_from_logits`.
        steps: what is done to the alpha, in this order.
    """

    edge_width: float = 1.0
    knee: float = 8.0
    steps: tuple[Step, ...] = field(default=())

    def __post_init__(self) -> None:
        _check_finite("recipe", self.edge_width, self.knee)
        if self.edge_width <= 0:
            raise ExportError(f"An edge width of {self.edge_width} px is not possible: give a width above 0.")

    @classmethod
    def from_options(cls, *, feather: float = 0.0, choke: float = 0.0) -> MatteRecipe:
        """The recipe of the command line: ``feather`` is the whole soft edge, half of it on each side, in pixels."""
        steps: list[Step] = []
        if choke:
            steps.append(Choke(choke))
        if feather:
            steps.append(Feather(feather / 2, feather / 2))
        return cls(steps=tuple(steps))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MatteRecipe:
        """Read what :meth:`to_json` gave; unknown steps or settings raise :class:`ExportError`."""
        settings = {key: value for key, value in data.items() if key != "steps"}
        steps = tuple(_step_from_json(entry) for entry in data.get("steps", ()))
        return cls(**_known(cls, settings, "recipe"), steps=steps)

    def to_json(self) -> dict[str, Any]:
        """The recipe as numbers, words, lists and dictionaries."""
        settings = {key.name: getattr(self, key.name) for key in fields(self) if key.name != "steps"}
        return {**settings, "steps": [_step_to_json(step) for step in self.steps]}

    def apply(self, logits: Tensor, size: Size) -> Tensor:
        """Make mattes: logits ``[..., h, w]`` to float32 ``[..., H, W]`` in 0 to 1, ``size`` being ``(H, W)``."""
        alpha = alpha_from_logits(logits, size, edge_width=self.edge_width, knee=self.knee)
        for step in self.steps:
            alpha = step.apply(alpha)
        return alpha


def _step_to_json(step: Step) -> dict[str, Any]:
    return {"step": step.name, **asdict(step)}  # type: ignore[call-overload]


def _step_from_json(entry: Mapping[str, Any]) -> Step:
    name = str(entry.get("step"))
    if name not in STEPS:
        raise ExportError(f"The recipe has a step '{name}', which is not known: use one of {', '.join(STEPS)}.")
    settings = {key: value for key, value in entry.items() if key != "step"}
    return STEPS[name](**_known(STEPS[name], settings, name))


def _known(kind: type, settings: dict[str, Any], name: str) -> dict[str, Any]:
    names = [item.name for item in fields(kind) if item.name != "steps"]
    for key in settings:
        if key not in names:
            raise ExportError(f"The {name} has a setting '{key}', which is not known: use {', '.join(names)}.")
    return settings


def _check_finite(name: str, *values: float) -> None:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ExportError(f"The {name} has the value {value!r} where a plain number of pixels is needed.")
