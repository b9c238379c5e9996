"""A recipe along a clip: the same mattes wherever one begins, few frames held, several objects, absent ones."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sam2_roto.mattes import MatteRecipe, Picture, Refine, Stabilise
from sam2_roto.mattes.stream import Shown, apply_along
from sam2_roto.rendering import frame_mattes, single_frame_mattes
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.source import ArraySource

SIZE = (64, 96)
FRAMES = range(10, 20)
RECIPE = MatteRecipe(fractions=2, steps=(Stabilise(1), Refine(4), Stabilise(1)))


def logits(frame: int, middle: float) -> Tensor:
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    return 5 + (frame % 2) - torch.hypot(x - middle - 0.5 * (frame - 10), y - 12)


class Kept:
    """Masklets of two objects; ``b`` is absent on frame 14. Counts what is asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        self.asked.append(frame)
        score = -1.0 if name == "b" and frame == 14 else 1.0
        return ObjectFrame(logits(frame, 8 if name == "a" else 12), score, 1.0, torch.zeros(1), False)


@pytest.fixture
def source() -> ArraySource:
    views = np.random.default_rng(3).integers(0, 255, (10, *SIZE, 3), dtype=np.uint8)
    return ArraySource(views, first=10)


def test_mattes_of_one_frame_are_those_of_the_stream(source: ArraySource) -> None:
    made = list(frame_mattes(Kept(), FRAMES, ("a", "b"), RECIPE, SIZE, source))
    assert [entry.frame for entry in made] == list(FRAMES)
    for frame in (10, 14, 15, 19):
        alone = single_frame_mattes(Kept(), FRAMES, ("a", "b"), RECIPE, SIZE, frame, source)
        assert alone.frame == frame
        assert alone.mattes.keys() == made[frame - 10].mattes.keys()
        for name, matte in alone.mattes.items():
            np.testing.assert_array_equal(matte, made[frame - 10].mattes[name])


def test_one_frame_takes_each_step_no_farther_than_later_ones_look(
    source: ArraySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: dict[type, list[int]] = {Stabilise: [], Refine: []}
    for kind, frames in worked.items():
        apply = kind.apply

        def noted(step: Any, alpha: Tensor, scene: Any, apply: Any = apply, frames: list[int] = frames) -> Tensor:
            frames.append(scene.moment.frame)
            result: Tensor = apply(step, alpha, scene)
            return result

        monkeypatch.setattr(kind, "apply", noted)
    single_frame_mattes(Kept(), FRAMES, ("a",), RECIPE, SIZE, 15, source)
    assert sorted(worked[Stabilise]) == [14, 15, 15, 16]
    assert sorted(worked[Refine]) == [14, 15, 16]


def test_absent_objects_are_left_out(source: ArraySource) -> None:
    made = {entry.frame: entry for entry in frame_mattes(Kept(), FRAMES, ("a", "b"), RECIPE, SIZE, source)}
    assert set(made[14].mattes) == {"a"}
    assert set(made[15].mattes) == {"a", "b"}


def test_masklets_are_read_as_late_as_can_be(source: ArraySource) -> None:
    kept = Kept()
    made = frame_mattes(kept, FRAMES, ("a",), RECIPE, SIZE, source)
    next(made)
    assert max(kept.asked) == 10 + RECIPE.radius
    made.close()


def test_without_a_plate_the_quick_matte_is_given() -> None:
    made = next(frame_mattes(Kept(), FRAMES, ("a",), RECIPE, SIZE))
    expected = RECIPE.apply(logits(10, 8), SIZE)
    np.testing.assert_array_equal(made.mattes["a"], expected.numpy())


def test_memory_holds_the_window_and_no_more() -> None:
    """Of all the plates that were shown only those that steps still look at are alive."""
    alive: list[weakref.ref[Picture]] = []

    def shown() -> Iterator[Shown]:
        for frame in range(30):
            picture = Picture(np.full((*SIZE, 3), frame, np.uint8))
            alive.append(weakref.ref(picture))
            yield Shown(frame, {"a": logits(frame, 8)}, picture)

    for _ in apply_along(RECIPE, shown(), SIZE):
        gc.collect()
        assert sum(reference() is not None for reference in alive) <= 2 * (2 * RECIPE.radius + 1)


def test_several_objects_share_the_plate_where_asked(source: ArraySource) -> None:
    recipe = MatteRecipe(exclusive=True)
    for entry in frame_mattes(Kept(), FRAMES, ("a", "b"), recipe, SIZE, source):
        assert sum(entry.mattes.values()).max() <= 1 + 1e-6
    overlapping = next(frame_mattes(Kept(), FRAMES, ("a", "b"), MatteRecipe(), SIZE, source))
    assert sum(overlapping.mattes.values()).max() > 1.5
