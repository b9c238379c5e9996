"""``sam2-roto benchmark`` on a small network and few frames: what is reported, not how fast it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from sam2_roto.benchmarking.measure import Stage
from sam2_roto.benchmarking.plot import plot
from sam2_roto.cli import main

STAGES = ("encode a picture", "track 1 object", "first click", "decode", "matte", "write", "composite")


def test_every_stage_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["benchmark", "--random", "nano", "--image-size", "64", "--device", "cpu", "--precision", "float32"]
    words += ["--objects", "1", "--frames", "1", "--rounds", "1", "--quiet"]
    words += ["--json", str(tmp_path / "found.json"), "--plot", str(tmp_path / "found.png")]
    assert main(words) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert {"model": "nano", "image_size": 64, "precision": "float32"}.items() <= found.items()
    by_name = {row["stage"]: row for row in found["stages"]}
    assert set(STAGES) <= set(by_name)
    assert all(0 < row["least_ms"] <= row["ms"] <= row["most_ms"] for row in by_name.values())
    assert found["peak"]["host_mb"] > 0
    table = capsys.readouterr().out
    assert all(name in table for name in STAGES)
    with Image.open(tmp_path / "found.png") as picture:
        assert picture.size == (760, 420)


def test_an_unknown_model_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--random", "huge", "--quiet"]) == 2
    assert "no model is called 'huge'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--frames 0", "--frames 0 leaves nothing to time; give 1 or more"),
        ("--rounds 0", "--rounds 0 leaves nothing to time"),
        ("--objects 1 0", "--objects 0 leaves nothing to time"),
        ("--image-size 4128", "the image size 4128 is not a multiple of 32 from 64 to 4096"),
        ("--json .", "--json . is a folder; give the name of a file"),
        ("--json /proc/x/found.json", "--json cannot be written to /proc/x"),
        ("--plot /proc/found.png", "--plot cannot be written to /proc"),
        ("--plot found.txt", "found.txt is to be a picture in PNG"),
    ],
)
def test_wrong_words_are_told_before_the_run(words: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--random", "nano", "--quiet", *words.split()]) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_stage_tells_median_and_spread_for_a_unit() -> None:
    stage = Stage("decode", lambda: None, units=2, seconds=[0.2, 0.4, 1.0])
    assert stage.to_json() == {"stage": "decode", "ms": 200.0, "least_ms": 100.0, "most_ms": 500.0}


def test_a_plot_shows_its_line(tmp_path: Path) -> None:
    plot(tmp_path / "line.png", "title", "x", "y", {"level": [(0.0, 1.0), (9.0, 1.0)]})
    with Image.open(tmp_path / "line.png") as picture:
        colors = {color for _, color in picture.convert("RGB").getcolors(1 << 16) or []}
    assert (0x1F, 0x77, 0xB4) in colors
