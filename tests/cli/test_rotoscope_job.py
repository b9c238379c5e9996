"""``sam2-roto rotoscope`` from its words to its files, with a small network of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import OpenEXR
import pytest

from sam2_roto.cli import main
from sam2_roto.cli import progress as bars


@pytest.fixture
def words(shot: Path, tmp_path: Path, random_weights: Path) -> list[str]:
    """The command up to what is marked."""
    line = f"rotoscope {shot} -o {tmp_path}/out --model {random_weights} --image-size 64 --device cpu"
    return [*line.split(), "--range", "0-7"]


def test_words_become_mattes(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marks = "--click ball:0:24,32 --click ball:0:80,10- --box box:5:55,40,75,58 --feather 2 --choke -1"
    assert main([*words, *marks.split()]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[:2] == ["8 mattes with nano at 64", f"{tmp_path}/out/shot_matte.0000.exr to shot_matte.0007.exr"]
    assert f"{tmp_path}/out/overlay.mp4" in lines
    for frame in range(8):
        with OpenEXR.File(f"{tmp_path}/out/shot_matte.{frame:04d}.exr", separate_channels=True) as file:
            assert list(file.channels()) == ["ball.A", "box.A"]


def test_the_same_command_goes_on_and_another_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--click", "ball:0:24,32", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tracked"] == 8
    assert main([*words, "--click", "ball:0:24,32", "--json", "--feather", "4"]) == 0
    assert json.loads(capsys.readouterr().out)["tracked"] == 0
    assert main([*words, "--click", "ball:0:25,32"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "another job (other prompts)" in said
    assert main([*words, "--click", "ball:0:25,32", "--overwrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tracked"] == 8


def test_json_names_every_file(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--click", "ball:3:30,32", "--format", "png", "--no-preview", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [Path(path).name for path in told["mattes"]] == [f"shot_matte.{frame:04d}.png" for frame in range(8)]
    assert all(Path(path).is_file() for path in told["mattes"])
    assert told["absent"] == {"ball": []}
    assert told["previews"] == []
    assert (told["model"], told["image_size"]) == ("nano", 64)


@pytest.mark.parametrize("quiet", [True, False])
def test_progress_is_told_unless_quiet(
    words: list[str], quiet: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bars, "SHOW_AFTER", 0.0)
    marks = ["--click", "ball:0:24,32", "--click", "ball:4:30,30-"]
    assert main([*words, *marks, *(["--quiet"] if quiet else [])]) == 0
    said = capsys.readouterr().err
    for stage in ("correct: 100%", "track: 100%", "write: 100%"):
        assert (stage in said) is not quiet


def test_an_object_that_is_not_seen_is_told(
    words: list[str], tmp_path: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(random_weights)
    state["sam_mask_decoder.pred_obj_score_head.layers.2.bias"] -= 50
    save_file(state, tmp_path / "blind.safetensors")
    assert main([*words, "--click", "ball:0:24,32", "--model", str(tmp_path / "blind.safetensors")]) == 0
    assert "'ball' is not seen on frames 0-7" in capsys.readouterr().out.splitlines()
    with OpenEXR.File(f"{tmp_path}/out/shot_matte.0004.exr", separate_channels=True) as file:
        assert list(file.channels()) == ["A"]
        assert not file.channels()["A"].pixels.any()
