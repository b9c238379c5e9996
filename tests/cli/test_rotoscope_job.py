"""``sam2-roto rotoscope`` from its words to its files, with a small network of random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray
from PIL import Image

from compositing import Window
from sam2_roto.cli import main
from sam2_roto.cli import progress as bars
from sam2_roto.export import PlateMetadata, write_matte
from sam2_roto.mattes import MatteRecipe


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


@pytest.fixture
def plates(tmp_path: Path, shot_views: NDArray[np.uint8]) -> Path:
    """Eight plates whose names are those of mattes, in a folder of their own."""
    folder = tmp_path / "x"
    folder.mkdir()
    for frame, view in enumerate(shot_views[:8]):
        Image.fromarray(view).save(folder / f"x_matte.{frame:04d}.png")
    return folder


def left(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{x}/x_matte.0000.png -o {x} --format png", "holds the pictures that are read"),
        ("{x} -o {x}", "{x} holds the pictures that are read for this job (x_matte.0000.png …), which no other"),
        ("{m}/overlay.mp4 -o {m}", "{m}/overlay.mp4 is read for this job and would be overwritten; choose another"),
        (
            "{m}/overlay.mp4 -o {m} --no-preview --mask ball:1:{m}/overlay_matte.0000.exr",
            "overlay_matte.0000.exr is read",
        ),
        ("{x} -o {m} --no-preview --recipe {m}/r.json --splines {m}/r.json", "r.json is read for this job"),
    ],
)
def test_what_is_read_is_not_written_over(
    line: str, told: str, plates: Path, shot: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    movies = plates.with_name("m")
    movies.mkdir()
    shutil.copy(shot, movies / "overlay.mp4")
    (movies / "r.json").write_text(json.dumps(MatteRecipe().to_json()))
    alpha = np.zeros((64, 96), np.float32)
    alpha[20:40, 20:40] = 1
    write_matte(movies / "overlay_matte.0000.exr", {"ball": alpha}, metadata=PlateMetadata(Window.sized(96, 64)))
    before = left(plates.parent)
    asked = [*line.format(x=plates, m=movies).split(), "--model", str(random_weights), "--image-size", "64"]
    assert main(["rotoscope", *asked, "--device", "cpu", "--click", "box:0:24,32"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert told.format(x=plates, m=movies) in said
    assert left(plates.parent) == before


def test_overwrite_takes_the_old_jobs_files_away(words: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "notes.txt").write_text("mine")
    (out / "shot_matte_notes.txt").write_text("mine")
    marks = ["--click", "ball:0:24,32", "--click", "box:0:70,48", "--layout", "objects", "--trimap", "6"]
    assert main([*words, *marks, "--splines", str(tmp_path / "shape.json")]) == 0
    assert main([*words, *marks]) == 0
    shapes = left(tmp_path)["shape_ball.json"]
    assert main([*words, "--click", "ball:0:25,32", "--no-preview", "--overwrite"]) == 0
    mattes = {f"shot_matte.{frame:04d}.exr" for frame in range(8)}
    kept = {"deep", "masklets", "shot_matte_notes.txt", "sam2_roto.json"}
    assert {path.name for path in out.iterdir()} == mattes | kept
    assert left(tmp_path)["shape_ball.json"] == shapes


def test_overwrite_spares_what_the_new_job_reads(words: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main([*words, "--click", "ball:0:24,32", "--format", "png"]) == 0
    mask, gone = out / "shot_matte.0003.png", out / "shot_matte.0004.png"
    before = mask.read_bytes()
    assert main([*words, "--mask", f"ball:3:{mask}", "--overwrite"]) == 0
    assert mask.read_bytes() == before
    assert not gone.exists()


@pytest.mark.parametrize("name", ["shot_matte.0003.exr", "overlay.mp4", "shape.json"])
def test_files_of_others_are_replaced_with_overwrite_alone(
    name: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "out" / name
    foreign.parent.mkdir()
    foreign.write_text("of someone else")
    asked = [*words, "--click", "ball:0:24,32", "--splines", str(tmp_path / "out" / "shape.json")]
    for _ in range(2):
        assert main(asked) == 2
        said = capsys.readouterr().err
        assert (
            f"{foreign} is there already, and sam2-roto did not write it; choose another output, or give --over" in said
        )
        assert foreign.read_text() == "of someone else"
    assert main([*asked, "--overwrite"]) == 0
    assert foreign.read_bytes() != b"of someone else"
    assert main(asked) == 0
