"""Lessons and scenes: kept whole, cut alike, and taught as the recipe says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sam2_roto.errors import DatasetError
from sam2_roto.training.cli import RECIPES
from sam2_roto.training.config import Augmentation, Lessons, Recipe, RecipeError, load_recipe, parse_recipe
from sam2_roto.training.data import BatchMaker
from sam2_roto.training.lessons import (
    Lesson,
    are_things,
    draw_parts,
    find_lessons,
    load_lesson,
    painted,
    random_part,
    save_lesson,
)
from sam2_roto.training.plan import CLICK, MASK, draw_plan
from sam2_roto.training.scenes import FRAMES, Scene, find_scenes, load_scene, random_scene_part, save_scene
from sam2_roto.training.trainer import Trainer

from .conftest import CPU, squares

PARTS = ("image_encoder.trunk.blocks.15", "image_encoder.trunk.blocks.0", "sam_mask_decoder.detail")


def ramp() -> Lesson:
    """A picture whose red and green are its coordinates, with these as features as well, and two masks."""
    rows, columns = np.mgrid[:512, :512]
    picture = np.dstack([columns // 2, rows // 2, np.zeros_like(rows)]).astype(np.uint8)
    shown = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    features = F.adaptive_avg_pool2d(shown, 32)[0].repeat(86, 1, 1)[:256]
    masks = np.zeros((2, 256, 256), bool)
    masks[0, 40:120, 40:120] = masks[1, 140:220, 140:220] = True
    return Lesson(picture, features.half().numpy(), masks, np.array([True, False]))


def moving_square() -> Scene:
    labels = np.zeros((FRAMES, 72, 128), np.uint8)
    for frame in range(FRAMES):
        labels[frame, 20:50, 20 + 4 * frame : 60 + 4 * frame] = 1
    return Scene(np.where(labels[..., None] > 0, np.uint8(220), np.uint8(40)).repeat(3, axis=3), labels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_lesson(ramp(), tmp_path / "000000.npz")
    return tmp_path


@pytest.fixture
def taught(tmp_path: Path) -> Recipe:
    for name in ("lessons", "scenes"):
        (tmp_path / name).mkdir()
    save_lesson(ramp(), tmp_path / "lessons" / "000000.npz")
    save_scene(moving_square(), tmp_path / "scenes" / "000000.npz")
    recipe = load_recipe(RECIPES / "smoke.toml")
    still = replace(recipe.stages[0], steps=1, clips=2, frames=1, lessons=True)
    short = replace(recipe.stages[1], steps=1)
    lessons = Lessons(str(tmp_path / "lessons"), weight=1.0, scenes=str(tmp_path / "scenes"), scene_share=1.0)
    return replace(recipe, stages=(still, short), lessons=lessons, frozen_blocks=5, workers=0)


def test_a_lesson_comes_back(folder: Path) -> None:
    lesson, kept = ramp(), load_lesson(find_lessons(folder)[0])
    assert np.array_equal(kept.masks, lesson.masks)
    assert np.array_equal(kept.features, lesson.features)
    assert kept.meant.tolist() == [True, False]
    assert np.abs(kept.picture.astype(int) - lesson.picture).max() < 24
    assert not list(folder.glob("*.part"))


def test_picture_features_and_objects_are_cut_alike() -> None:
    plain = Augmentation(clip_jitter=0.0, frame_jitter=0.0, gray=0.0, close_share=0.5)
    for seed in range(6):
        part = random_part(ramp(), 256, 0.8, plain, torch.Generator().manual_seed(seed))
        seen = F.adaptive_avg_pool2d(part.frames.float(), 16)[0]
        inner = slice(2, -2)
        assert float((seen[:2] - part.features[:2].float())[:, inner, inner].abs().mean()) < 4.0
        assert part.labels.shape == (1, 256, 256)


def test_masks_that_overlap_are_not_painted_both() -> None:
    masks = np.zeros((3, 256, 256), bool)
    masks[0, 20:100, 20:100], masks[1, 60:150, 20:100], masks[2, 200:, 20:60] = True, True, True
    areas = set()
    for seed in range(20):
        labels = painted(masks, np.ones(3, bool), 0.8, torch.Generator().manual_seed(seed)).labels
        areas.add(frozenset(int((labels == number).sum()) // 4 for number in range(1, int(labels.max()) + 1)))
    assert areas == {frozenset({90 * 80, 56 * 40}), frozenset({80 * 80, 56 * 40})}


def test_wholes_are_asked_for_as_often_as_wanted() -> None:
    masks = np.zeros((2, 256, 256), bool)
    masks[0, 40:60, 40:100], masks[1, 40:120, 40:100] = True, True

    def count(share: float, meant: list[bool]) -> int:
        """In how many of forty drawings the first thing is the larger one."""
        drawn = (painted(masks, np.array(meant), share, torch.Generator().manual_seed(seed)) for seed in range(40))
        return sum(int((one.labels == 1).sum()) > 4 * 60 * 50 for one in drawn)

    assert count(1.0, [True, True]) == 40 > count(0.5, [True, True]) > count(0.0, [True, True])
    assert count(1.0, [True, False]) == 0


def test_what_goes_from_side_to_side_or_is_wide_is_no_thing() -> None:
    masks = np.zeros((4, 256, 256), bool)
    masks[0, 50:100, 50:100] = masks[1, 200:, 50:100] = masks[2, 100:120] = masks[3, 5:250, 5:250] = True
    assert are_things(masks).tolist() == [True, True, False, False]


def test_parts_follow_from_the_generator(folder: Path) -> None:
    first, again = (
        draw_parts(find_lessons(folder), 2, 64, 0.8, Augmentation(), torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert all(torch.equal(a.frames, b.frames) for a, b in zip(first, again, strict=True))


def test_a_scene_comes_back_in_part(tmp_path: Path) -> None:
    scene = moving_square()
    save_scene(scene, tmp_path / "000000.npz")
    part = load_scene(find_scenes(tmp_path)[0], 2, 4)
    assert np.array_equal(part.labels, scene.labels[2:6])
    assert np.abs(part.frames.astype(int) - scene.frames[2:6]).mean() < 4
    assert random_scene_part(find_scenes(tmp_path), 5, 4).labels.shape == (4, 72, 128)


def test_folders_without_lessons_and_damaged_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no lessons"):
        find_lessons(tmp_path)
    with pytest.raises(DatasetError, match="has no scenes"):
        find_scenes(tmp_path)
    (tmp_path / "000000.npz").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="is no lesson"):
        load_lesson(tmp_path / "000000.npz")
    with pytest.raises(DatasetError, match="is no scene"):
        load_scene(tmp_path / "000000.npz", 0, 4)


@pytest.mark.parametrize(("whole_share", "clicked"), [(1.0, True), (0.0, False)])
def test_parts_are_asked_for_by_boxes_where_clicks_mean_wholes(
    taught: Recipe, whole_share: float, clicked: bool
) -> None:
    lessons = replace(taught.lessons, whole_share=whole_share, click_parts=False)
    prompting = replace(taught.prompting, mask_share=0.2, click_share=0.8)
    recipe = replace(taught, lessons=lessons, prompting=prompting)
    rows = BatchMaker(recipe, squares)[0].to(CPU).unclicked
    assert rows is not None
    assert rows.tolist() == [not clicked] * len(rows)
    plan = draw_plan(len(rows), 1, prompting, torch.Generator().manual_seed(0))
    assert CLICK in plan.kinds
    assert (CLICK in plan.without_clicks(rows).kinds) == clicked
    assert torch.equal(plan.without_clicks(rows).kinds == MASK, plan.kinds == MASK)


def test_parts_are_clicked_on_by_default(taught: Recipe) -> None:
    assert BatchMaker(taught, squares)[0].unclicked is None
    plan = draw_plan(4, 1, taught.prompting, torch.Generator().manual_seed(0))
    assert plan.without_clicks(None) is plan


def test_batches_are_lessons_then_scenes(taught: Recipe) -> None:
    maker = BatchMaker(taught, squares)
    lesson, scene = maker[0], maker[1]
    assert lesson.taught is not None
    assert lesson.taught.shape == (2, 256, taught.stages[0].size // 16, taught.stages[0].size // 16)
    assert scene.taught is None
    assert scene.frames.shape[1] == taught.stages[1].frames


def test_the_trunk_learns_from_lessons_alone(taught: Recipe, tmp_path: Path) -> None:
    trainer = Trainer(taught, squares, tmp_path / "run", CPU, quiet=True)
    stream = iter([BatchMaker(taught, squares)[step] for step in range(2)])
    changed = []
    for _ in range(2):
        before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
        trainer._advance(stream)
        after = trainer.model.state_dict()
        changed.append([any(not torch.equal(before[n], after[n]) for n in after if n.startswith(p)) for p in PARTS])
    assert changed == [[True, False, True], [False, False, True]]
    assert trainer.state().moments is not None


def test_lessons_need_a_folder_and_single_frames() -> None:
    stage = {"name": "a", "steps": 1, "clips": 1, "frames": 1, "lessons": True}
    with pytest.raises(RecipeError, match="give \\[lessons\\] a folder"):
        parse_recipe({"stages": [stage]})
    with pytest.raises(RecipeError, match="one frame"):
        parse_recipe({"stages": [{**stage, "frames": 4}], "lessons": {"folder": "x"}})
