"""Everything that a person can get wrong: one sentence that names it, status 2, no traceback, no mattes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from compositing.footage.writer import MovieWriter
from sam2_roto.cli import main

WORDS = "rotoscope {footage} -o {out} --model {weights} --image-size 64 --device cpu"

CASES = {
    "missing file": ("{absent}.mp4", "--click a:0:3,4", "There is no file or folder {absent}.mp4"),
    "missing plates": ("{absent}.1001.exr", "--click a:0:3,4", "There is no file or folder {absent}.1001.exr"),
    "empty folder": ("{empty}", "--click a:0:3,4", "holds no pictures"),
    "not a movie": ("{text}", "--click a:0:3,4", "{text} cannot be opened as a movie"),
    "not a picture": ("{text_picture}", "--click a:0:3,4", "{text_picture} cannot be read as a picture"),
    "movie without its end": (
        "{headless}",
        "--click a:0:3,4",
        "headless.mp4 cannot be opened as a movie: it is cut off",
    ),
    "truncated movie": ("{cut}", "--click a:0:3,4", "cut.mp4"),
    "frame outside the clip": ("{shot}", "--click a:99:3,4", "marked on frame 99, but shot.mp4 has frames 0-19"),
    "range outside the clip": ("{shot}", "--click a:3:3,4 --range 0-99", "Frame 99 is outside shot.mp4"),
    "frame outside the range": ("{shot}", "--click a:3:3,4 --range 5-9", "marked on frame 3, outside the range 5-9"),
    "click outside the plate": (
        "{shot}",
        "--click a:0:300,4",
        "300,4 of 'a' on frame 0 lies outside the plate of 96×64",
    ),
    "click left of the plate": ("{shot}", "--click a:0:-1,4", "-1,4 of 'a' on frame 0 lies outside the plate"),
    "box outside the plate": ("{shot}", "--box a:0:100,4,120,9", "the box of 'a' on frame 0 lies outside the plate"),
    "mask of the wrong size": ("{shot}", "--mask a:0:{small}", "is 10×12 pixels, but the plate is 96×64"),
    "mask that is absent": ("{shot}", "--mask a:0:{absent}.png", "there is no such file"),
    "mask that is no picture": ("{shot}", "--mask a:0:{text}", "is not a picture that can be read"),
    "unknown model": ("{shot}", "--click a:0:3,4 --model nanno", "no model is called 'nanno'"),
    "weights that are absent": (
        "{shot}",
        "--click a:0:3,4 --model {absent}.pt",
        "there is no weights file {absent}.pt",
    ),
    "corrupt checkpoint": ("{shot}", "--click a:0:3,4 --model {corrupt}", "corrupt.safetensors is damaged"),
    "no checkpoint at all": ("{shot}", "--click a:0:3,4 --model {junk}", "junk.pt is damaged or no weights file"),
    "impossible size": ("{shot}", "--click a:0:3,4 --image-size 100", "100 is not a multiple of 32"),
    "unknown device": ("{shot}", "--click a:0:3,4 --device abacus", "the device 'abacus' cannot be used here"),
    "unknown colour space": ("{shot}", "--click a:0:3,4 --color-space purple", "no colour space 'purple'"),
    "missing frame": ("{gap}", "--click a:1001:3,4", "has no frame 1003 between 1001 and 1004"),
    "frame of another size": ("{mixed}", "--click a:1001:3,4", "is 40x30 but the footage is 96x64"),
    "recipe that is absent": (
        "{shot}",
        "--click a:0:3,4 --recipe {absent}.json",
        "the recipe {absent}.json cannot be read (No such file or directory); name another file",
    ),
    "splines in a file": (
        "{shot}",
        "--click a:0:3,4 --splines {small}/a.json",
        "--splines cannot be written to {small}",
    ),
    "clicks beside it alone": ("{shot}", "--click a:0:3,4-", "every click of 'a' lies beside it; give one on it"),
    "nothing marked": ("{shot}", "", "nothing is marked"),
}


@pytest.fixture(scope="module")
def places(
    tmp_path_factory: pytest.TempPathFactory, shot: Path, shot_views: NDArray[np.uint8], random_weights: Path
) -> dict[str, str]:
    """Everything that the cases name."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "empty").mkdir()
    (folder / "text.mp4").write_text("this is no movie")
    (folder / "text.0001.png").write_text("this is no picture")
    (folder / "headless.mp4").write_bytes(shot.read_bytes()[: shot.stat().st_size // 2])
    with MovieWriter(folder / "whole.mkv", 24) as movie:
        for view in shot_views:
            movie.write(view)
    whole = (folder / "whole.mkv").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "corrupt.safetensors").write_bytes(random_weights.read_bytes()[:-1000])
    (folder / "junk.pt").write_bytes(bytes(range(256)) * 20)
    Image.new("L", (10, 12), 255).save(folder / "small.png")
    write_plates(folder / "gap", (1001, 1002, 1004))
    write_plates(folder / "mixed", (1001, 1002, 1003))
    Image.new("RGB", (40, 30)).save(folder / "mixed" / "a.1002.png")
    named = {"text_picture": "text.0001.png", "text": "text.mp4", "cut": "cut.mp4", "headless": "headless.mp4"} | {
        "corrupt": "corrupt.safetensors",
        "junk": "junk.pt",
        "small": "small.png",
    }
    found = {name: str(folder / named.get(name, name)) for name in (*named, "absent", "empty", "gap", "mixed")}
    return found | {"shot": str(shot), "weights": str(random_weights)}


def write_plates(folder: Path, numbers: Iterable[int]) -> None:
    folder.mkdir()
    for number in numbers:
        Image.new("RGB", (96, 64), (90, 90, 90)).save(folder / f"a.{number}.png")


@pytest.mark.parametrize("case", CASES)
def test_rotoscope(case: str, places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    footage, options, says = CASES[case]
    out = tmp_path / "out"
    words = f"{WORDS} {options}".replace("{footage}", footage)
    status = main([word.format(**places, out=out) for word in words.split()])
    said = capsys.readouterr()
    assert status == 2, said.err
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert says.format(**places) in said.err
    assert not list(out.rglob("*.exr"))
    assert not list(out.rglob(".*"))


@pytest.mark.parametrize("tail", ["", "deeper/out"])
def test_unwritable_folder(
    tail: str, places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    out = os.path.join(tmp_path, "file", tail).rstrip(os.sep)
    words = f"{WORDS} --click a:0:3,4".replace("{footage}", "{shot}")
    assert main([word.format(**places, out=out) for word in words.split()]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f"The folder {out} cannot be made" in said


def test_a_store_that_cannot_be_made(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "masklets").write_text("a file where a folder should be")
    words = f"{WORDS} --click a:0:3,4".replace("{footage}", "{shot}")
    assert main([word.format(**places, out=tmp_path) for word in words.split()]) == 2
    assert "masklets cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("evaluate", "give --frames and --masks, or --dataset alone"),
        ("evaluate --frames {shot}", "give --frames and --masks, or --dataset alone"),
        ("evaluate --frames {shot} --dataset {empty}", "give --frames and --masks, or --dataset alone"),
        ("evaluate --frames {shot} --masks {absent}", "There is no file or folder {absent}"),
        ("evaluate --frames {absent} --masks {gap}", "There is no file or folder {absent}"),
        ("evaluate --frames {shot} --masks {empty}", "There are no masks at {empty}"),
        ("evaluate --dataset {empty}", "has no layout that is known"),
        ("evaluate --frames {shot} --masks {gap} --model {junk}", "junk.pt is damaged"),
        ("evaluate --frames {shot} --masks {gap} --rounds two", "'two' is not a number of rounds"),
        ("evaluate --frames {shot} --masks {gap} --json {empty}", "--json {empty} is a folder"),
        ("evaluate --frames {shot} --masks {gap} --strip {small}", "--strip cannot be written to {small}"),
        ("evaluate --frames {shot} --masks {gap} --image-size 9600", "9600 is not a multiple of 32 from 64 to 4096"),
        ("serve --device foo", "the device 'foo' is not known; give auto, cpu, cuda, cuda:1 or mps"),
        ("models list sam3", "'models list' lists all and takes no name; leave 'sam3' out"),
        ("export-annotations {absent} -o {absent}", "there is no folder {absent}"),
        ("export-annotations {empty} -o {absent}", "there are no masklets in {empty}"),
        ("demo -o {small}", "cannot be made"),
        ("demo -o {absent} --range 3-9", "marked on frame 0, outside the range 3-9"),
    ],
)
def test_other_commands(words: str, says: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    status = main([word.format(**places) for word in words.split()])
    said = capsys.readouterr().err
    assert status == 2, said
    assert len(said.splitlines()) == 1
    assert says.format(**places) in said
