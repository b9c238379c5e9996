"""A matte recipe: the steps from stored logits to a matte, kept as data and applied when a matte is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from torch import Tensor

from sam2_roto.errors import ExportError
from sam2_roto.mattes.alpha import Size
from sam2_roto.mattes.coverage import fractional_alpha
from sam2_roto.mattes.steps import (
    STEPS,
    Choke,
    Feather,
    Hair,
    MotionBlur,
    Refine,
    SeeThrough,
    Stabilise,
    Step,
    Strands,
    check_numbers,
)

_MOST_ROUNDS = 8


@dataclass(frozen=True)
class MatteRecipe:
    """How logits become a matte.

    Attributes:
        edge_width: width of the antialiased edge in plate pixels, before any step.
        knee: as in :func:`~sam2_roto.mattes.alpha.alpha_from_logits`.
        fractions: rounds in which the matte takes up what the logits say about partial coverage, as in
            :func:`~sam2_roto.mattes.coverage.fractional_alpha`; 0 keeps the sharp edge alone.
        exclusive: whether several objects share the plate, so that their mattes add up to 1 at most.
        steps: what is done to the alpha, in this order.
    """

    edge_width: float = 1.0
    knee: float = 8.0
    fractions: int = 0
    exclusive: bool = False
    steps: tuple[Step, ...] = field(default=())

    def __post_init__(self) -> None:
        check_numbers("recipe", self.edge_width, self.knee, self.fractions)
        if self.edge_width <= 0:
            raise ExportError(f"An edge width of {self.edge_width} px is not possible: give a width above 0.")
        if not isinstance(self.fractions, int) or not 0 <= self.fractions <= _MOST_ROUNDS:
            raise ExportError(f"The recipe has {self.fractions!r} rounds of fractions: give 0 to {_MOST_ROUNDS}.")
        if not isinstance(self.exclusive, bool):
            raise ExportError(f"The recipe's 'exclusive' is {self.exclusive!r}: give true or false.")

    @classmethod
    def preset(cls, name: str) -> MatteRecipe:
        """The recipe of that name in ``PRESETS``; ExportError where there is none."""
        if name not in PRESETS:
            raise ExportError(f"The preset '{name}' is not known: use one of {', '.join(PRESETS)}.")
        return PRESETS[name]

    @classmethod
    def from_options(cls, *, preset: str = "default", feather: float = 0.0, choke: float = 0.0) -> MatteRecipe:
        """The recipe of the command line: a preset, then a choke, then a feather.

        ``feather`` is the whole soft edge, half of it on each side, in pixels. Raises ExportError.
        """
        recipe = cls.preset(preset)
        steps: list[Step] = list(recipe.steps)
        if choke:
            steps.append(Choke(choke))
        if feather:
            steps.append(Feather(feather / 2, feather / 2))
        return replace(recipe, steps=tuple(steps))

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

    @property
    def radius(self) -> int:
        """Frames on either side that the matte of a frame depends on."""
        return sum(step.radius for step in self.steps)

    @property
    def plate(self) -> bool:
        """Whether a step looks at the plate."""
        return any(step.plate for step in self.steps)

    def alpha(self, logits: Tensor, size: Size) -> Tensor:
        """Alpha before any step: logits ``[..., h, w]`` to float32 ``[..., H, W]``, ``size`` being ``(H, W)``."""
        return fractional_alpha(logits, size, rounds=self.fractions, edge_width=self.edge_width, knee=self.knee)

    def apply(self, logits: Tensor, size: Size) -> Tensor:
        """A quick matte of single frames: logits ``[..., h, w]`` to float32 ``[..., H, W]`` in 0 to 1.

        Steps that need the plate or the frames round it leave it as it is; for the whole recipe see
        :func:`sam2_roto.rendering.frame_mattes`.
        """
        alpha = self.alpha(logits, size)
        for step in self.steps:
            alpha = step.apply(alpha)
        return alpha


_BASE = (SeeThrough(), Stabilise(3), Refine(), Strands())

PRESETS: Mapping[str, MatteRecipe] = {
    "default": MatteRecipe(fractions=2, steps=_BASE),
    "hard": MatteRecipe(),
    "soft": MatteRecipe(fractions=2, steps=(*_BASE, Feather(1.5, 1.5, "smooth"))),
    "hair": MatteRecipe(fractions=2, steps=(SeeThrough(), Stabilise(2), Hair())),
    "motion": MatteRecipe(steps=(Stabilise(1), MotionBlur(0.5))),
}
"""``default``; ``hard``: antialiased and nothing else; ``soft``: a feather of 3 px; ``hair``: strands solved from the
plate; ``motion``: edges blurred by the measured motion at a shutter of 180 degrees."""


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
