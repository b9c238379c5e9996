"""A recipe applied along a clip: each step is a stage that holds the few frames it looks at, and no more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from sam2_roto.mattes.alpha import Size
from sam2_roto.mattes.coverage import cell_size
from sam2_roto.mattes.overlap import without_overlap
from sam2_roto.mattes.recipe import MatteRecipe
from sam2_roto.mattes.scene import Moment, Picture, Scene
from sam2_roto.mattes.steps import Step


@dataclass(frozen=True)
class Shown:
    """The objects that are seen on one frame: their logits ``[h, w]``, and the plate where it is known."""

    frame: int
    logits: Mapping[str, Tensor]
    picture: Picture | None = None


@dataclass(frozen=True)
class _Stage:
    """A frame on its way: what was shown, and the alpha ``[H, W]`` of each object so far."""

    shown: Shown
    alphas: Mapping[str, Tensor]

    def moment(self, name: str) -> Moment:
        logits, alpha = self.shown.logits.get(name), self.alphas.get(name)
        cell = 4.0 if logits is None or alpha is None else cell_size(logits, (alpha.shape[0], alpha.shape[1]))
        return Moment(self.shown.frame, alpha, self.shown.picture, cell)


def apply_along(
    recipe: MatteRecipe, frames: Iterable[Shown], size: Size, start: int = 0
) -> Iterator[tuple[Shown, dict[str, Tensor]]]:
    """The mattes of every frame from the one at place ``start`` on, in their order: float32 ``[H, W]`` by object.

    Frames are pulled as they are needed: ``recipe.radius`` of them ahead of the one that is given. Those before
    ``start`` go no farther than the steps that look at them.
    """
    stages: Iterator[_Stage] = (_Stage(shown, _alphas(recipe, shown, size)) for shown in frames)
    looked_at = recipe.radius
    for step in recipe.steps:
        looked_at -= step.radius
        stages = _through(step, stages, start - looked_at)
    for stage in islice(stages, start, None):
        yield stage.shown, _apart(dict(stage.alphas)) if recipe.exclusive else dict(stage.alphas)


def _alphas(recipe: MatteRecipe, shown: Shown, size: Size) -> dict[str, Tensor]:
    return {name: recipe.alpha(logits, size) for name, logits in shown.logits.items()}


def _through(step: Step, stages: Iterator[_Stage], start: int) -> Iterator[_Stage]:
    """One step along the clip; what lies before ``start`` passes as it is."""
    for place, (window, now) in enumerate(_windows(stages, step.radius)):
        if place < start:
            yield window[now]
            continue
        done = {}
        for name, alpha in window[now].alphas.items():
            done[name] = step.apply(alpha, Scene([stage.moment(name) for stage in window], now))
        yield replace(window[now], alphas=done)


def _windows(stages: Iterator[_Stage], radius: int) -> Iterator[tuple[list[_Stage], int]]:
    """Every stage with up to ``radius`` before and after it, and its place among them."""
    window: deque[_Stage] = deque()
    before = 0
    for stage in stages:
        window.append(stage)
        if len(window) > before + radius:
            yield list(window), before
            before = _advance(window, before, radius)
    while before < len(window):
        yield list(window), before
        before = _advance(window, before, radius)


def _advance(window: deque[_Stage], before: int, radius: int) -> int:
    """Go on by one frame, and let go of the one that is now too far back."""
    if before < radius:
        return before + 1
    window.popleft()
    return before


def _apart(alphas: dict[str, Tensor]) -> dict[str, Tensor]:
    if len(alphas) < 2:
        return alphas
    return dict(zip(alphas, without_overlap(torch.stack(list(alphas.values()))), strict=True))
