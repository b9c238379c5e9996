"""The examples run, on a small clip with a network of random weights."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from compositing import open_footage

FOLDER = Path(__file__).resolve().parent.parent / "examples"


def example(name: str) -> ModuleType:
    spec = spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def network(random_weights: Path) -> list[str]:
    return ["--model", str(random_weights), "--image-size", "64"]


def test_every_example_is_tested() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in FOLDER.glob("*.py")} <= tested


def test_rotoscope_a_clip(shot: Path, network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(shot), "--click", "24,32", "-o", str(tmp_path / "out"), "--range", "0-4", *network]
    example("rotoscope_a_clip").main(words)
    assert len(list((tmp_path / "out").glob("*.exr"))) == 5
    assert "5 mattes, from" in capsys.readouterr().out


def test_rotoscope_a_clip_that_begins_at_1001(
    shot_views: NDArray[np.uint8], network: list[str], tmp_path: Path
) -> None:
    (tmp_path / "plate").mkdir()
    for frame, view in enumerate(shot_views[:2], 1001):
        Image.fromarray(view).save(tmp_path / "plate" / f"shot.{frame}.png")
    words = [str(tmp_path / "plate"), "--click", "24,32", "-o", str(tmp_path / "out"), *network]
    example("rotoscope_a_clip").main(words)
    assert [path.suffixes[0] for path in sorted((tmp_path / "out").glob("*.exr"))] == [".1001", ".1002"]


def test_several_objects(shot: Path, network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clicks = ["--first", "24,32", "--second", "60,48", "--correct", "34,30"]
    sheet = tmp_path / "sheets" / "sheet.png"
    example("several_objects").main([str(shot), *clicks, "-o", str(sheet), "--frames", "8", *network])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" {")[0] for line in lines[:4]] == ["0 marked", "4 forward", "7 forward", "0 backward"]
    assert "second" not in lines[0]
    assert "second" in lines[3]
    assert lines[4:] == ["left: first", str(sheet)]
    with Image.open(sheet) as page:
        assert page.width > 900


def test_image_mode(shot: Path, network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "alpha.png"
    example("image_mode").main([str(shot), "--click", "24,32", "--beside", "80,8", "-o", str(picture), *network])
    assert capsys.readouterr().out.count("candidate") == 3
    with Image.open(picture) as alpha:
        assert np.asarray(alpha).shape == (64, 96)


def test_composite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    movie = tmp_path / "made" / "comp.mp4"
    example("composite").main(["-o", str(movie), "--range", "3-5"])
    assert f"3 frames: {movie}" in capsys.readouterr().out
    assert movie.with_suffix(".json").is_file()
    with open_footage(movie) as footage:
        assert len(footage) == 3
        assert footage.view(1)[270, 350, 0] > 120


def test_shot(shot: Path, network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("shot").main([str(shot), "--click", "24,32", "-o", str(tmp_path), "--range", "0-7", *network])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tracked: {'subject': 7}"
    assert lines[3] == "undone, tracked again: {}"
    assert lines[4].startswith("8 mattes, from ")


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.py"))])
def test_examples_default_to_the_sample_clip(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        example(name).main(["--help"])
    assert ended.value.code == 0
    assert "the sample clip" in capsys.readouterr().out
