"""``sam2-roto evaluate`` on clips with masks, with a small network of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sam2_roto.cli import main
from sam2_roto.cli import progress as bars
from sam2_roto.export.annotations import Annotations
from sam2_roto.export.indexed import write_indexed
from sam2_roto.export.sav import write_sav


@pytest.fixture(scope="module")
def truth(shot_views: NDArray[np.uint8]) -> Annotations:
    """The disc as object 1 on the first eight frames, the box as object 2 from frame 2 on."""
    found = Annotations(96, 64)
    for frame, view in enumerate(shot_views[:8]):
        masks = {"1": view[..., 0] == 230, "2": view[..., 2] == 230}
        found.add(frame, masks if frame > 1 else {"1": masks["1"]})
    return found


@pytest.fixture
def data(tmp_path: Path, truth: Annotations, shot_views: NDArray[np.uint8]) -> Path:
    """A data set in the layout of DAVIS, of two clips."""
    for clip in ("bear", "cow"):
        write_indexed(tmp_path / "Annotations" / clip, truth)
        (tmp_path / "JPEGImages" / clip).mkdir(parents=True)
        for frame, view in enumerate(shot_views[:8]):
            Image.fromarray(view).save(tmp_path / "JPEGImages" / clip / f"{frame:05d}.jpg")
    return tmp_path


@pytest.fixture
def network(random_weights: Path) -> list[str]:
    return ["--model", str(random_weights), "--image-size", "64", "--device", "cpu"]


@pytest.mark.parametrize("prompt", ["mask", "click", "box"])
def test_one_clip_as_a_table(data: Path, network: list[str], prompt: str, capsys: pytest.CaptureFixture[str]) -> None:
    places = ["--frames", str(data / "JPEGImages" / "bear"), "--masks", str(data / "Annotations" / "bear")]
    assert main(["evaluate", *places, "--prompt", prompt, *network]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0] == f"nano at 64, mattes by the preset 'default', prompt: {prompt}"
    assert [line.split()[:3] for line in lines[3:5]] == [["bear", "1", "6"], ["bear", "2", "4"]]
    assert lines[-1].startswith("mean over 2 object(s)")


def test_a_data_set_with_rounds_json_and_pictures(
    data: Path, network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--dataset", str(data), "--prompt", "click", "--rounds", "1"]
    files = ["--json", str(tmp_path / "report.json"), "--strip", str(tmp_path / "strips" / "here")]
    assert main(["evaluate", *words, *files, *network]) == 0
    table = capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["model"], report["image_size"], report["prompt"]) == ("nano", 64, "click")
    assert len(report["rounds"]) == 2
    objects = report["rounds"][1]["objects"]
    assert [(entry["clip"], entry["object"]) for entry in objects] == [
        ("bear", "1"), ("bear", "2"), ("cow", "1"), ("cow", "2"),
    ]  # fmt: skip
    assert objects[0]["J"] == objects[2]["J"]
    assert report["J&F"] == pytest.approx(np.mean([entry["J&F"] for entry in objects]))
    assert f"J&F {report['J&F']:.4f}" in table
    for clip in ("bear", "cow"):
        with Image.open(tmp_path / "strips" / "here" / f"{clip}.png") as strip:
            assert strip.width > 400


def test_a_movie_with_sa_vs_annotations(
    shot: Path, truth: Annotations, network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sparse = Annotations(96, 64)
    for frame in (0, 4, 8, 12, 16):
        sparse.add(frame, truth.read(min(frame, 7)))
    write_sav(tmp_path / "shot_manual.json", sparse, video="shot", rate=24, frame_count=20)
    assert main(["evaluate", "--frames", str(shot), "--masks", str(tmp_path / "shot_manual.json"), *network]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split()[:3] == ["shot", "0", "3"]


def test_each_clip_has_its_bar(
    data: Path, network: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bars, "SHOW_AFTER", 0.0)
    assert main(["evaluate", "--dataset", str(data), *network]) == 0
    said = capsys.readouterr().err
    assert "bear: 100%" in said
    assert "cow: 100%" in said
    assert main(["evaluate", "--dataset", str(data), "--quiet", *network]) == 0
    assert capsys.readouterr().err == ""
