"""The run: it learns, it resumes exactly, it stops and exports cleanly."""

from __future__ import annotations

import csv
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from sam2_roto.cli import main
from sam2_roto.errors import CheckpointError
from sam2_roto.model import build_model
from sam2_roto.training.checkpoint import load_state
from sam2_roto.training.cli import RECIPES, check_folder, check_run
from sam2_roto.training.clips import TextureLibrary
from sam2_roto.training.config import Recipe, RecipeError, load_recipe
from sam2_roto.training.data import BatchMaker
from sam2_roto.training.distil import Distillation
from sam2_roto.training.optimiser import make_optimiser, rate_at
from sam2_roto.training.preview import save_strips
from sam2_roto.training.step import train_step
from sam2_roto.training.trainer import CHECKPOINT, LOG, Trainer

from .conftest import CPU, squares


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe(RECIPES / "smoke.toml")


def finish(recipe: Recipe, folder: Path) -> Trainer:
    trainer = Trainer(recipe, squares, folder, CPU, quiet=True)
    assert trainer.run()
    return trainer


def test_a_resumed_run_equals_an_uninterrupted_one(recipe: Recipe, tmp_path: Path) -> None:
    whole = finish(recipe, tmp_path / "whole")
    broken = Trainer(recipe, squares, tmp_path / "broken", CPU, quiet=True)
    advance = broken._advance

    def stop_after_three(stream: object) -> str:
        if broken.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return advance(stream)  # type: ignore[arg-type]

    broken._advance = stop_after_three  # type: ignore[method-assign, assignment]
    assert not broken.run()
    assert load_state(tmp_path / "broken" / CHECKPOINT).step == 3
    resumed = finish(recipe, tmp_path / "broken")
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    for name, value in whole.average.weights.items():
        assert torch.equal(value, resumed.average.weights[name]), name
    with (tmp_path / "broken" / "log.csv").open() as file:
        assert [line["step"] for line in csv.DictReader(file)] == ["0", "1", "2", "3"]


def test_a_run_leaves_scores_pictures_and_weights(recipe: Recipe, tmp_path: Path) -> None:
    trainer = finish(recipe, tmp_path)
    scores = trainer.scores.rows()
    assert [line["step"] for line in scores] == ["4"]
    assert all(0.0 <= float(scores[0][kind]) <= 1.0 for kind in ("mask", "click", "box"))
    assert (tmp_path / "pictures" / "0000004.jpg").stat().st_size > 0
    trainer.export(tmp_path / "nano.safetensors")
    weights = load_file(tmp_path / "nano.safetensors")
    build_model("nano").load_state_dict(weights)
    assert all(value.dtype == torch.float16 for value in weights.values())
    assert not list(tmp_path.rglob("*.part"))


def test_one_clip_can_be_learnt_by_heart(recipe: Recipe) -> None:
    torch.manual_seed(0)
    optimisation = replace(recipe.optimisation, rate=2e-3, warmup=1, decay=1)
    long = replace(recipe, stages=(replace(recipe.stages[1], steps=100, size=64),), optimisation=optimisation)
    batch = BatchMaker(long, squares)[0]
    model = build_model("nano", 64)
    optimiser = make_optimiser(model, long.optimisation)
    losses = []
    for step in range(25):
        report = train_step(model, optimiser, batch, long, step, Distillation())
        losses.append(report.loss / report.decodes)
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])


def test_the_rate_rises_stays_and_falls(recipe: Recipe) -> None:
    settings = replace(recipe.optimisation, rate=1.0, warmup=10, decay=20)
    assert rate_at(0, 100, settings) == pytest.approx(0.1)
    assert rate_at(50, 100, settings) == 1.0
    assert rate_at(90, 100, settings) == pytest.approx(0.5)
    assert rate_at(100, 100, settings) == 0.0


def test_layer_decay_slows_the_trunk_alone(recipe: Recipe) -> None:
    optimiser = make_optimiser(build_model("nano", 64), replace(recipe.optimisation, layer_decay=0.5))
    factors = {group["factor"] for group in optimiser.param_groups}
    blocks = len(build_model("nano", 64).image_encoder.trunk.blocks)
    assert max(factors) == 1.0
    assert min(factors) == 0.5 ** (blocks + 1)
    assert {group["weight_decay"] for group in optimiser.param_groups} == {0.0, 0.1}


def test_folders_are_not_mixed_up(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="holds no checkpoint"):
        check_folder(tmp_path, resume=True)
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(RecipeError, match="add --resume"):
        check_folder(tmp_path, resume=False)
    with pytest.raises(CheckpointError, match="no checkpoint of a training run"):
        load_state(tmp_path / CHECKPOINT)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "--config nano",
            "the weights file start.safetensors, which is not here; it holds a trunk that knows ImageNet",
        ),
        ("--config nano_detail", "what 'sam2-roto train --config nano --export nano.safetensors' writes"),
        ("--config smoke --textures nowhere", "--textures nowhere is no folder with .mp4 movies in it"),
        ("--config smoke --textures .", "--textures . is no folder with .mp4 movies in it"),
        ("--config latin.toml", "latin.toml is not text in UTF-8; name a recipe file in TOML"),
        ("--config .", "cannot be read"),
        ("--config seed.toml", "seed.toml has the seed -1; give 0 or more"),
        ("--config smoke --threads -1", "--threads -1 is not possible; give 1 or more"),
        ("--config smoke --workers -1", "--workers -1 is not possible; give 0 or more"),
    ],
)
def test_wrong_words_are_told_at_once(
    words: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.toml").write_bytes("# Ü".encode("latin-1"))
    smoke = (RECIPES / "smoke.toml").read_text()
    (tmp_path / "seed.toml").write_text(smoke.replace("seed = 1", "seed = -1"))
    monkeypatch.setattr(TextureLibrary, "build", lambda *_: pytest.fail("clips are opened"))
    assert main(["train", "--out", "run", "--quiet", *words.split()]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_a_run_is_not_gone_on_with_as_another(tmp_path: Path) -> None:
    recipe = load_recipe(RECIPES / "smoke.toml")
    check_run(tmp_path, recipe)  # before the first line of the log
    (tmp_path / LOG).write_text("step,stage\n0,finetune\n")
    with pytest.raises(RecipeError, match="another run, begun with the stage 'finetune'"):
        check_run(tmp_path, recipe)
    (tmp_path / LOG).write_text(f"step,stage\n0,{recipe.stages[0].name}\n")
    check_run(tmp_path, recipe)


def test_pictures_of_validation_stay_small(tmp_path: Path) -> None:
    save_strips([torch.full((3, 256, 2048), 20 * index, dtype=torch.uint8) for index in range(12)], tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as picture:
        assert picture.format == "JPEG"
        assert max(picture.size) == 1400
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
