"""``sam2-roto mlt``: a clip of a project, from the words to the rendered picture, and what can be wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mlt_helpers.editors import LENGTH, kdenlive
from mlt_helpers.melt import over, render, worst
from mlt_helpers.scenes import BACK, RATE, SIZE, picture, plate
from numpy.typing import NDArray

from sam2_roto.cli import main

LIMIT = 4.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    plate(tmp_path / "plate.mkv", SIZE, RATE, LENGTH)
    path = tmp_path / "edit.kdenlive"
    path.write_text(kdenlive(tmp_path, second_speed=0.5), encoding="utf-8")
    return path


def words(project: Path, weights: Path, *more: str) -> list[str]:
    network = ["--model", str(weights), "--image-size", "64", "--device", "cpu", "--quiet"]
    return ["mlt", str(project), *network, *more]


def mattes(folder: Path, frames: list[int]) -> list[NDArray[np.float64]]:
    """What the run wrote for these frames."""
    files = [next(folder.glob(f"*_matte.{frame:04d}.png")) for frame in frames]
    return [np.asarray(cv2.imread(str(file), cv2.IMREAD_UNCHANGED), np.float64) / 65535 for file in files]


def test_the_list_tells_frames_of_the_footage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mlt", str(project), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["clip", "name", "track", "at", "shows", "frames", "speed"]
    assert [line.split() for line in lines[1:]] == [
        ["V2:1", "plate.mkv", "V2", "3", "5-14", "1.0"],
        ["V2:2", "plate.mkv", "V2", "15", "10-16", "0.5"],
    ]


def test_the_list_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mlt", str(project), "--list", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["in"], first["out"], first["frames"]) == (5, 14, "5-14")
    assert second["speed"] == 0.5
    assert second["file"] == str(project.parent / "plate.mkv")


def test_a_clip_at_half_speed_becomes_its_matte(
    project: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project.read_bytes()
    assert main(words(project, random_weights, "--clip", "V2:2", "--click", "disc:12:150,90", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == "10-16"
    assert project.read_bytes() == before
    shown = render(Path(told["project"]), 27)
    frames = [int(position / 50 * 25 + 0.5) for position in range(20, 32)]
    written = mattes(Path(told["matte"]).parent, frames)
    assert 0.0 < float(np.mean(written)) < 1.0
    errors = [
        worst(shown[15 + index], over(picture(frame, SIZE), alpha, BACK))
        for index, (frame, alpha) in enumerate(zip(frames, written, strict=True))
    ]
    assert max(errors) <= LIMIT


def test_an_effect_and_splines(project: Path, random_weights: Path) -> None:
    click = ("--clip", "V2:1", "--click", "disc:5:110,90")
    assert main(words(project, random_weights, *click, "--as", "effect:invert+sepia,u=75")) == 0
    first = project.with_stem("edit_roto").read_text(encoding="utf-8")
    services = ["mask_start", "invert", "sepia", "mask_apply"]
    places = [first.index(f'<property name="mlt_service">{service}</property>') for service in services]
    assert places == sorted(places)
    again = project.with_stem("edit_roto")
    assert main(words(again, random_weights, *click, "--as", "splines", "--feather", "4")) == 0
    second = project.with_stem("edit_roto_roto").read_text(encoding="utf-8")
    assert '<property name="kdenlive_id">rotoscoping</property>' in second
    assert '<property name="feather">2</property>' in second
    assert all(f'<property name="mlt_service">{service}</property>' in second for service in services)


CASES = {
    "no project": ("{folder}/absent.kdenlive --list", "absent.kdenlive cannot be read"),
    "not XML": ("{folder}/text.mlt --list", "text.mlt is not an MLT project in UTF-8"),
    "other XML": ("{folder}/other.mlt --list", "is XML, but of <svg>"),
    "no profile": ("{folder}/bare.mlt --list", "bare.mlt has no <profile>"),
    "no clip named": ("{project} --click a:5:3,4", "no clip is named; choose one with --clip"),
    "unknown clip": ("{project} --clip V9:1 --click a:5:3,4", "has no clip 'V9:1'; its clips are V2:1, V2:2"),
    "nothing marked": ("{project} --clip V2:1", "nothing is marked"),
    "frame outside": ("{project} --clip V2:1 --click a:99:3,4", "99"),
    "click outside": ("{project} --clip V2:1 --click a:6:900,4", "lies outside the plate of 320×180"),
    "unknown form": ("{project} --clip V2:1 --click a:6:3,4 --as mask", "'mask' is not alpha, splines or effect"),
    "no effect": ("{project} --clip V2:1 --click a:6:3,4 --as effect:", "'effect:' is not alpha, splines or effect"),
    "bad effect": ("{project} --clip V2:1 --click a:6:3,4 --as effect:blur,9", "the effect 'blur,9' is not FILTER"),
    "itself": ("{project} --clip V2:1 --click a:6:3,4 -o {project}", "is the project itself, which is kept"),
    "taken name": ("{project} --clip V2:1 --click a:6:3,4 -o {folder}/text.mlt", "there is a file"),
    "no project's name": ("{project} --clip V2:1 --click a:6:3,4 -o {folder}/a.mkv --overwrite", "ends in .mlt or"),
    "footage": (
        "{folder}/nested.mlt --clip V1:1 --click a:6:3,4 -o {folder}/inner.mlt --overwrite",
        "inner.mlt is used in nested.mlt and would be replaced; choose another name",
    ),
    "footage as a matte": (
        "{project} --clip V2:1 --click plate:6:3,4 --mattes {folder} --overwrite",
        "plate.mkv is used in edit.kdenlive and would be replaced; choose another name",
    ),
    "taken matte": (
        "{project} --clip V2:1 --click text:6:3,4 --mattes {folder}",
        "text.mlt is there already, and sam2",
    ),
    "lost footage": ("{folder}/lost.mlt --clip V1:1 --click a:6:3,4", "There is no file or folder"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said(case: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project.parent
    (folder / "text.mlt").write_text("no project")
    (folder / "other.mlt").write_text("<svg/>")
    (folder / "bare.mlt").write_text("<mlt/>")
    lost = '<property name="resource">gone.mkv</property><property name="mlt_service">avformat</property>'
    size = 'width="64" height="36" frame_rate_num="25" frame_rate_den="1" sample_aspect_num="1" sample_aspect_den="1"'
    (folder / "lost.mlt").write_text(
        f'<mlt><profile {size}/><producer id="p" in="0" out="9">{lost}</producer>'
        '<playlist id="l"><entry producer="p" in="0" out="9"/></playlist></mlt>'
    )
    plays = '<property name="resource">inner.mlt</property><property name="mlt_service">xml</property>'
    (folder / "nested.mlt").write_text(
        (folder / "lost.mlt")
        .read_text()
        .replace("<playlist", f'<producer id="n" in="0" out="9">{plays}</producer><playlist')
    )
    (folder / "inner.mlt").write_text("<mlt/>")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    line, wanted = (text.format(folder=folder, project=project) for text in CASES[case])
    assert main(["mlt", *line.split()]) == 2
    said = capsys.readouterr().err
    assert wanted in said
    assert "Traceback" not in said
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_project_elsewhere_must_find_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plate(tmp_path / "plate.mkv", SIZE, RATE, LENGTH)
    path = tmp_path / "edit.kdenlive"
    path.write_text(kdenlive(tmp_path).replace(f' root="{tmp_path}"', ""), encoding="utf-8")
    (tmp_path / "other").mkdir()
    line = ["mlt", str(path), "--clip", "V2:1", "--click", "a:6:30,40", "-o", str(tmp_path / "other" / "x.kdenlive")]
    assert main(line) == 2
    assert "must lie beside edit.kdenlive" in capsys.readouterr().err
