"""``sam2-roto export-annotations``: masklets become data sets that ``evaluate`` reads again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from compositing.footage import open_footage
from sam2_roto.cli import main
from sam2_roto.evaluation.datasets import open_clips, open_dataset
from sam2_roto.evaluation.davis import Mask
from sam2_roto.masklets import MaskletStore
from sam2_roto.mattes import mask_from_logits

NAMES = ("ball", "box")


@pytest.fixture(scope="module")
def rotoscoped(shot: Path, random_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on frames 2 to 15."""
    out = tmp_path_factory.mktemp("rotoscoped")
    words = f"rotoscope {shot} -o {out} --model {random_weights} --image-size 64 --device cpu --range 2-15 --no-preview"
    assert main([*words.split(), "--click", "ball:2:28,32", "--box", "box:9:46,40,66,58"]) == 0
    return out


def expected(folder: Path, frame: int) -> dict[str, Mask]:
    """Masks straight from the store."""
    with MaskletStore.load(folder / "masklets") as store:
        found = {name: store.read(name, frame) for name in NAMES}
    masks = {name: mask_from_logits(result.logits, (64, 96)).numpy() for name, result in found.items() if result}
    return {name: mask for name, mask in masks.items() if mask.any()}


def test_coco_keeps_everything(rotoscoped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export-annotations", str(rotoscoped), "-o", str(tmp_path), "--format", "coco", "--pictures"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "shot.json"), str(tmp_path / "shot")]
    (clip,) = open_clips(tmp_path, tmp_path)
    assert list(clip.masks.frames) == list(range(2, 16))
    assert list(clip.masks.objects) == list(NAMES)
    for frame in clip.masks.frames:
        found, true = clip.masks.read(frame), expected(rotoscoped, frame)
        assert found.keys() == true.keys()
        assert all(np.array_equal(found[name], true[name]) for name in true)
    first = json.loads((tmp_path / "shot.json").read_text())["images"][0]
    assert (tmp_path / first["file_name"]).is_file()


def test_davis_gives_each_pixel_to_one_object(rotoscoped: Path, tmp_path: Path, shot: Path) -> None:
    words = ["export-annotations", str(rotoscoped), "-o", str(tmp_path), "--pictures", "--name", "two"]
    assert main(words) == 0
    (clip,) = open_dataset(tmp_path)
    assert clip.name == "two"
    assert list(clip.masks.frames) == list(range(2, 16))
    for frame in clip.masks.frames:
        found, true = clip.masks.read(frame), expected(rotoscoped, frame)
        union = np.logical_or.reduce(list(true.values()))
        assert np.array_equal(np.logical_or.reduce(list(found.values())), union)
        for number, mask in found.items():
            assert not (mask & ~true[NAMES[int(number) - 1]]).any()
    with clip.open() as pictures, open_footage(shot) as plate:
        assert list(pictures.frames) == list(range(2, 16))
        difference = pictures.view(9).astype(int) - plate.view(9)
        assert abs(difference).mean() < 4


def test_sav_brings_its_movie(rotoscoped: Path, tmp_path: Path, shot: Path) -> None:
    words = ["export-annotations", str(rotoscoped), "-o", str(tmp_path), "--format", "sav", "--pictures"]
    assert main(words) == 0
    (clip,) = open_dataset(tmp_path)
    assert list(clip.masks.frames) == [0, 4, 8, 12]
    for frame in clip.masks.frames:
        found, true = clip.masks.read(frame), expected(rotoscoped, frame + 2)
        assert {NAMES[int(number)] for number in found} == true.keys()
        assert all(np.array_equal(mask, true[NAMES[int(number)]]) for number, mask in found.items())
    told = json.loads((tmp_path / "shot_auto.json").read_text())
    assert told["video_frame_count"] == 14
    assert told["object_names"] == list(NAMES)
    with clip.open() as movie, open_footage(shot) as plate:
        assert len(movie) == 14
        assert abs(movie.view(5).astype(int) - plate.view(7)).mean() < 4


def test_sav_of_a_part_needs_pictures(rotoscoped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export-annotations", str(rotoscoped), "-o", str(tmp_path), "--format", "sav"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "the frames 2-15 of 0-19 alone; give --pictures" in said


def test_json_names_what_was_written(rotoscoped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export-annotations", str(rotoscoped), "-o", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "shot",
        "written": [str(tmp_path / "Annotations" / "shot")],
    }


def test_what_is_not_finished_is_not_exported(
    rotoscoped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy" / "masklets"
    copy.mkdir(parents=True)
    for path in (rotoscoped / "masklets").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    box = copy / "box.masklet"
    os.truncate(box, box.stat().st_size // 14 * 12)
    assert main(["export-annotations", str(copy.parent), "-o", str(tmp_path / "out")]) == 2
    assert "'box' is not tracked yet on frame 14-15" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../out", "a/b", "..", ".", "/tmp/x", "a\\b", ""])
def test_a_name_stays_in_the_data_set(
    name: str, rotoscoped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export-annotations", str(rotoscoped), "-o", str(tmp_path / "set"), "--name", name]) == 2
    assert f"'{name}' cannot name a clip; give a --name without slashes" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_braces_may_name_a_clip(rotoscoped: Path, tmp_path: Path) -> None:
    words = ["export-annotations", str(rotoscoped), "-o", str(tmp_path), "--format", "coco", "--name", "a{b}"]
    assert main(words) == 0
    assert json.loads((tmp_path / "a{b}.json").read_text())["images"][0]["file_name"] == "a{b}/00002.jpg"


@pytest.mark.parametrize("layout", ["davis", "sav", "coco"])
def test_a_clip_of_another_job_is_not_mixed_with(
    layout: str, rotoscoped: Path, shot: Path, tmp_path: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, other = tmp_path / "set", tmp_path / "other"
    line = f"rotoscope {shot} -o {other} --model {random_weights} --image-size 64 --device cpu --range 2-4 --no-preview"
    assert main([*line.split(), "--click", "ball:2:28,32"]) == 0
    export = ["-o", str(place), "--format", layout, "--pictures"]
    assert main(["export-annotations", str(rotoscoped), *export]) == 0
    assert main(["export-annotations", str(rotoscoped), *export]) == 0
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    capsys.readouterr()
    assert main(["export-annotations", str(other), *export]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "was written by another job; choose another --name, or remove it first" in said
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before
    assert main(["export-annotations", str(other), *export, "--name", "second"]) == 0
