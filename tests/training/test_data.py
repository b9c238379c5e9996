"""The stream of batches: a function of seed and step, whoever makes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sam2_roto.errors import DatasetError
from sam2_roto.training.augment import augment
from sam2_roto.training.cli import RECIPES, GeneratedClips
from sam2_roto.training.clips import HELD_OUT_SEEDS
from sam2_roto.training.clips.library import procedural_library
from sam2_roto.training.config import Augmentation, Recipe, RecipeError, Stage, load_recipe, parse_recipe
from sam2_roto.training.data import Batch, BatchMaker, ClipOrder, batches, choose_objects, clip_seed
from sam2_roto.training.scenes import Scene


def discs(order: ClipOrder) -> Scene:
    """Two discs that cross a noisy background, by their seed."""
    size, frames = order.size, order.frames
    rng = np.random.default_rng(order.seed)
    y, x = np.mgrid[:size, :size]
    pictures, labels = [], []
    start, speed = rng.uniform(0.3, 0.7, (2, 2)) * size, rng.uniform(-2, 2, (2, 2))
    paint = rng.integers(0, 255, (3, 3))
    for frame in range(frames):
        label = np.zeros((size, size), np.uint8)
        for number in range(2):
            centre = start[number] + speed[number] * frame
            label[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < (size / 6) ** 2] = number + 1
        pictures.append((paint[label] + rng.normal(0, 4, (size, size, 3))).clip(0, 255).astype(np.uint8))
        labels.append(label)
    return Scene(np.stack(pictures), np.stack(labels))


RECIPE = Recipe(
    stages=(Stage("still", 3, 3, 1, size=32, stills=2), Stage("clip", 3, 2, 4, size=64, objects=1)), workers=0
)


def equal(a: Batch, b: Batch) -> bool:
    return torch.equal(a.frames, b.frames) and torch.equal(a.truth, b.truth) and torch.equal(a.clip, b.clip)


def test_batches_have_the_shapes_of_their_stage() -> None:
    still, clip = BatchMaker(RECIPE, discs)[0], BatchMaker(RECIPE, discs)[3]
    assert still.frames.shape == (3, 1, 3, 32, 32)
    assert clip.frames.shape == (2, 4, 3, 64, 64)
    assert len(clip.truth) == len(clip.clip) == 2
    assert bool(still.truth[:, 0].flatten(1).any(1).all())


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_and_resuming_do_not_change_the_stream(workers: int) -> None:
    source = GeneratedClips(procedural_library())
    alone = list(batches(RECIPE, source, 0))
    shared = list(batches(replace(RECIPE, workers=workers), source, 2))
    assert len(alone) == RECIPE.steps
    assert all(equal(a, b) for a, b in zip(alone[2:], shared, strict=True))
    assert not torch.equal(alone[3].frames, alone[4].frames)


def test_training_never_draws_a_held_out_seed() -> None:
    drawn = {clip_seed(seed, step, index) for seed in range(3) for step in range(50) for index in range(5)}
    assert len(drawn) == 750
    assert not any(seed in HELD_OUT_SEEDS for seed in drawn)


def test_objects_too_small_to_click_are_left_out() -> None:
    labels = torch.zeros(2, 64, 64, dtype=torch.uint8)
    labels[0, :8, :8], labels[0, 20, 20], labels[1, 30:, 30:] = 1, 2, 3
    assert choose_objects(labels, 3, torch.Generator().manual_seed(0)) == [1]


def test_augmentation_moves_picture_and_labels_together() -> None:
    labels = torch.zeros(3, 48, 48, dtype=torch.uint8)
    labels[:, 10:30, 15:35] = 1
    frames = (labels[:, None] * 200).expand(-1, 3, -1, -1)
    settings = Augmentation(clip_jitter=0.0, frame_jitter=0.0, gray=0.0)
    for seed in range(4):
        moved, ids = augment(frames, labels, 48, settings, torch.Generator().manual_seed(seed))
        agree = ((moved[:, 0] > 100) == (ids == 1)).float().mean()
        assert agree > 0.97
        assert not torch.equal(ids, labels)


def test_shipped_recipes_load() -> None:
    for path in RECIPES.glob("*.toml"):
        assert load_recipe(path).steps > 0


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(RecipeError, match="'colour'"):
        parse_recipe({"stages": [{"name": "a", "steps": 1, "clips": 1, "frames": 1, "colour": 3}]})
    with pytest.raises(RecipeError, match="no \\[\\[stages\\]\\]"):
        parse_recipe({})
    stage = {"name": "a", "steps": 1, "clips": 1, "frames": 1}
    with pytest.raises(RecipeError, match=r"'hard'.* one of plain"):
        parse_recipe({"stages": [{**stage, "difficulty": "hard"}]})
    with pytest.raises(RecipeError, match="freezes 'head'"):
        parse_recipe({"stages": [stage], "frozen": ["head"]})
    with pytest.raises(RecipeError, match="the model 'micro'"):
        parse_recipe({"stages": [stage], "model": "micro"})
    scenes, long = {"scenes": "scenes"}, {**stage, "frames": 8}
    with pytest.raises(RecipeError, match="asks for 8 frames and a scene has 7"):
        parse_recipe({"stages": [long], "lessons": scenes})
    assert parse_recipe({"stages": [long], "lessons": {**scenes, "scene_share": 0.0}}).steps == 1


def test_a_stage_sets_its_difficulty_and_prompting() -> None:
    stages = [
        {
            "name": "a",
            "steps": 1,
            "clips": 2,
            "frames": 2,
            "size": 64,
            "difficulty": "thin",
            "true_presence_share": 0.0,
        },
        {"name": "b", "steps": 1, "clips": 1, "frames": 2, "size": 64},
    ]
    recipe = parse_recipe({"stages": stages, "prompting": {"true_presence_share": 0.7}})
    assert [recipe.prompting_of(stage).true_presence_share for stage in recipe.stages] == [0.0, 0.7]
    asked: list[str | None] = []

    def source(order: ClipOrder) -> Scene:
        asked.append(order.difficulty)
        return discs(order)

    maker = BatchMaker(recipe, source)
    assert len(maker[0].frames) == 2
    assert len(maker[1].frames) == 1
    assert set(asked[:2]) == {"thin"}
    assert asked[-1] is None


def test_a_stage_mixes_in_plain_clips_and_leaves_out_small_objects() -> None:
    asked: list[str | None] = []

    def source(order: ClipOrder) -> Scene:
        asked.append(order.difficulty)
        return discs(order)

    stage = Stage("mixed", 12, 2, 1, size=32, stills=1, plain_share=0.5, smallest=0.04)
    maker = BatchMaker(Recipe(stages=(stage,), workers=0), source)
    made = [maker[step] for step in range(12)]
    assert 4 < asked.count("plain") < len(asked) - 4
    assert set(asked) == {"plain", None}
    assert all(bool((batch.truth[:, 0].float().mean((1, 2)) >= 0.04).all()) for batch in made)
    none = BatchMaker(Recipe(stages=(Stage("none", 1, 1, 1, size=32, smallest=0.9),), workers=0), discs)
    with pytest.raises(DatasetError, match="covers 90"):
        none[0]


def test_a_stage_asks_for_objects_that_go_out_of_sight() -> None:
    asked: list[str | None] = []

    def sometimes_gone(order: ClipOrder) -> Scene:
        asked.append(order.difficulty)
        clip = discs(order)
        if order.seed % 2:
            clip.labels[2:][clip.labels[2:] == 2] = 0
        return clip

    stage, forward = Stage("clip", 4, 2, 4, size=64, objects=1, vanish_share=1.0), Augmentation(reverse=0.0)
    batches_of = [
        BatchMaker(replace(RECIPE, stages=(stage,), augmentation=forward), sometimes_gone)[k] for k in range(4)
    ]
    leaves = [bool((~batch.truth.flatten(2).any(2)[:, -1]).any()) for batch in batches_of]
    assert set(asked) == {"occlusion"}
    assert all(leaves)
    always_there = BatchMaker(replace(RECIPE, stages=(stage,), augmentation=forward), discs)
    assert len(always_there[0].clip) == 2


def test_clips_without_a_visible_object_are_told() -> None:
    def empty(order: ClipOrder) -> Scene:
        found = discs(order)
        return Scene(found.frames, np.zeros_like(found.labels))

    with pytest.raises(DatasetError, match="No object"):
        BatchMaker(RECIPE, empty)[3]


def test_turns_are_gone_through_so_many_times() -> None:
    first, still, short = ({"name": name, "steps": 2, "clips": 1, "frames": 1} for name in ("first", "still", "short"))
    recipe = parse_recipe({"stages": [first], "turns": [{"times": 2, "stages": [still, short]}]})
    assert [stage.name for stage in recipe.stages] == ["first", "still", "short", "still", "short"]
    with pytest.raises(RecipeError, match=r"\[\[turns\]\] has no setting 'often'"):
        parse_recipe({"turns": [{"often": 2, "stages": [still]}]})
