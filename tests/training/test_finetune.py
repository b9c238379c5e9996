"""Fine-tuning on a user's own masks: it learns, leaves frozen parts alone, and says what is wrong."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from compositing.footage.frames import FrameRange
from sam2_roto.checkpoints.load import load_weights
from sam2_roto.cli import main
from sam2_roto.errors import CheckpointError, DatasetError, ModelError
from sam2_roto.model import CONFIGS, SAM2, build_model
from sam2_roto.training.config import RecipeError
from sam2_roto.training.data import ClipOrder, choose_objects, tensors_of
from sam2_roto.training.finetune import Finetuning, finetuning_recipe
from sam2_roto.training.parts import PARTS, freeze, part_of
from sam2_roto.training.trainer import CHECKPOINT, Trainer
from sam2_roto.training.user_clips import UserClips, open_user_data, random_walk

CPU = torch.device("cpu")
FRAMES = 12


@pytest.fixture(scope="session")
def shot_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shot of a bright disc that goes right, 96 x 64, with its masks: ``frames`` and ``masks``."""
    root = tmp_path_factory.mktemp("shot")
    rows, columns = np.mgrid[:64, :96]
    rng = np.random.default_rng(3)
    for folder in ("frames", "masks"):
        (root / folder).mkdir()
    for frame in range(FRAMES):
        disc = (columns - 24 - 3 * frame) ** 2 + (rows - 32) ** 2 < 14**2
        picture = rng.integers(40, 90, (64, 96, 3), dtype=np.uint8)
        picture[disc] = (40, 60, 230)
        cv2.imwrite(str(root / "frames" / f"{frame:03d}.png"), picture)
        cv2.imwrite(str(root / "masks" / f"{frame:03d}.png"), disc.astype(np.uint8) * 255)
    return root


def words(model: Path, data: Path, out: Path, *more: str) -> list[str]:
    given = ["train", "--finetune", str(model), "--data", str(data), "--out", str(out), "--image-size", "64"]
    return [*given, "--quiet", "--device", "cpu", "--clips-frames", "3", *more]


def test_it_learns_and_leaves_frozen_parts_alone(random_weights: Path, shot_folder: Path, tmp_path: Path) -> None:
    more = ("--steps", "40", "--rate", "2e-3", "--freeze", "trunk", "--freeze", "neck", "--frames-range", "0-9")
    assert main(words(random_weights, shot_folder, tmp_path / "run", *more)) == 0
    with (tmp_path / "run" / "log.csv").open() as file:
        losses = [float(line["loss"]) / float(line["decodes"]) for line in csv.DictReader(file)]
    assert np.median(losses[-3:]) < 0.7 * np.mean(losses[:2])  # one clip in a step: a hard one is no failure
    before, after = load_file(random_weights), load_file(tmp_path / "run" / "finetuned.safetensors")
    assert before.keys() == after.keys()
    changed = {part_of(name) for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"memory", "decoder"}
    assert all(value.dtype == before[name].dtype for name, value in after.items())
    load_weights(build_model("nano", 64), tmp_path / "run" / "finetuned.safetensors")


def test_a_run_of_another_model_is_not_resumed(random_weights: Path, shot_folder: Path, tmp_path: Path) -> None:
    assert main(words(random_weights, shot_folder, tmp_path, "--steps", "1")) == 0
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    state["model"]["no_mem_embed"] = torch.zeros(1, 1, 7)
    torch.save(state, tmp_path / CHECKPOINT)
    recipe = finetuning_recipe(Finetuning(str(random_weights), image_size=64))
    with pytest.raises(CheckpointError, match=r"another model .no_mem_embed differs"):
        Trainer(recipe, UserClips(open_user_data(shot_folder)), tmp_path, CPU, quiet=True)


def test_a_run_that_froze_other_parts_is_not_resumed(
    random_weights: Path, shot_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(random_weights, shot_folder, tmp_path, "--steps", "1", "--freeze", "none")) == 0
    recipe = finetuning_recipe(Finetuning(str(random_weights), image_size=64))
    with pytest.raises(CheckpointError, match="froze other parts"):
        Trainer(recipe, UserClips(open_user_data(shot_folder)), tmp_path, CPU, quiet=True)
    assert main(["train", "--config", "smoke", "--out", str(tmp_path), "--resume", "--quiet"]) == 2
    assert f"{tmp_path} holds another run, begun with the stage 'finetune'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nano", "sam2.1_hiera_tiny", "sam2_hiera_large"])
def test_every_parameter_is_of_one_part(name: str) -> None:
    with torch.device("meta"):
        model = SAM2(CONFIGS[name])
    assert {part_of(parameter) for parameter, _ in model.named_parameters()} == set(PARTS)
    freeze(model, ["trunk", "memory"])
    free = {part_of(parameter) for parameter, value in model.named_parameters() if value.requires_grad}
    assert free == {"neck", "decoder"}


def test_pieces_show_the_object_where_its_label_is(shot_folder: Path) -> None:
    source = UserClips(open_user_data(shot_folder), FrameRange(2, 6))
    for seed in range(8):
        frames, labels = tensors_of(source(ClipOrder(seed, 64, 4)))
        assert frames.shape == (4, 3, 64, 64)
        assert choose_objects(labels, 1, torch.Generator()) == [1]
        red = (frames[:, 0] > 160) & (frames[:, 1] < 100)
        assert (red == (labels == 1)).float().mean() > 0.95
    again = source(ClipOrder(7, 64, 4))
    assert np.array_equal(again.labels, labels.numpy())


def test_only_frames_of_the_range_are_read(shot_folder: Path, tmp_path: Path) -> None:
    for folder in ("frames", "masks"):
        (tmp_path / folder).mkdir()
        for path in sorted((shot_folder / folder).iterdir())[:5]:
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
        (tmp_path / folder / "009.png").write_bytes(b"damaged")
    source = UserClips(open_user_data(tmp_path), FrameRange(0, 4))
    assert all(len(source(ClipOrder(seed, 64, 8)).frames) == 8 for seed in range(4))


def test_a_walk_stays_inside_and_turns_back() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 40):
        for _ in range(20):
            walk = random_walk(rng, count, 8)
            assert len(walk) == 8
            assert all(0 <= index < count for index in walk)
            assert count < 5 or len(set(walk)) > 2


def test_objects_that_overlap_are_not_painted_over_each_other(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    cv2.imwrite(str(tmp_path / "frames" / "0.png"), np.zeros((64, 64, 3), np.uint8))
    for name, left in (("a", 0), ("b", 16), ("c", 48)):
        mask = np.zeros((64, 64), np.uint8)
        mask[:, left : left + 32] = 255
        (tmp_path / "masks" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "masks" / name / "0.png"), mask)
    source = UserClips(open_user_data(tmp_path))
    found = {int(source(ClipOrder(seed, 64, 2)).labels.max()) for seed in range(10)}
    assert found <= {1, 2}
    assert 2 in found


def test_wrong_words_are_told(
    random_weights: Path, shot_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DatasetError, match="no frame of 50-60"):
        UserClips(open_user_data(shot_folder), FrameRange(50, 60))
    with pytest.raises(RecipeError, match="nothing is left to train"):
        finetuning_recipe(Finetuning(str(random_weights), frozen=tuple(PARTS)))
    with pytest.raises(RecipeError, match="Fine-tuning has the seed -1; give 0 or more"):
        finetuning_recipe(Finetuning(str(random_weights), seed=-1))
    with pytest.raises(ModelError, match="the image size 4128 is not a multiple of 32 from 64 to 4096"):
        finetuning_recipe(Finetuning(str(random_weights), image_size=4128))
    with pytest.raises(DatasetError, match=r"--frames-range 0-50 goes beyond .*, which has the frames 0-11"):
        UserClips(open_user_data(shot_folder), FrameRange(0, 50))
    assert main(["train", "--steps", "5", "--out", str(tmp_path / "a")]) == 2
    assert "--steps belongs to fine-tuning" in capsys.readouterr().err
    assert main(["train", "--finetune", str(random_weights), "--out", str(tmp_path / "b")]) == 2
    assert "give --data" in capsys.readouterr().err
