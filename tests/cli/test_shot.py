"""The command line of shots, as a person would use it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from compositing.errors import CompositingError
from sam2_roto.cli import main
from sam2_roto.cli.shot_words import (
    parse_accepted,
    parse_corners,
    parse_frame,
    parse_line,
    parse_point,
    parse_stroke,
    parse_take,
)

Say = Callable[..., str]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run ``sam2-roto shot`` with words, which must go well; gives what it prints."""

    def run(*words: str | Path) -> str:
        status = main(["shot", *map(str, words)])
        told = capsys.readouterr()
        assert status == 0, told.err
        return told.out

    return run


@pytest.fixture
def folder(say: Say, shot: Path, random_weights: Path, tmp_path: Path) -> Path:
    place = tmp_path / "a.roto"
    say("new", place, shot, "--model", random_weights, "--image-size", "64", "--range", "0-5")
    return place


def test_a_conversation(say: Say, folder: Path, tmp_path: Path) -> None:
    assert say("add-click", folder, "disc:0:24,32", "disc:0:90,4-") == "disc: keyframes 0\n"
    assert "1 keyframes to answer" in say("info", folder)
    assert say("track", folder, "--quiet").startswith("disc: 5 frames tracked with nano at 64")
    assert say("track", folder, "--quiet") == "every frame was tracked already\n"
    shown = tmp_path / "frame3.png"
    say("add-box", folder, "disc:3:20,20,44,44", "--preview", shown)
    with Image.open(shown) as picture:
        assert picture.size == (96, 64)
    assert json.loads(say("track", folder, "--json", "--quiet"))["tracked"] == {"disc": 5}
    assert "one more click helps most on frame" in say("review", folder, "--fix", "--timeline", tmp_path / "t.png")
    assert (tmp_path / "t.png").exists()
    done = json.loads(say("export", folder, "-o", tmp_path / "out", "--format", "png", "--json", "--quiet"))
    assert len(done["files"]["mattes"]) == 6
    assert say("undo", folder) == "undone: box disc 3\n"
    assert "redo     box disc 3" in say("info", folder)
    assert say("redo", folder) == "redone: box disc 3\n"
    assert say("redo", folder) == "there is nothing to redo\n"
    assert "takes: 0-5" in say("cuts", folder)
    say("add-click", folder, "late:4:66,48")
    assert "nothing of 'late' is tracked yet; give 'sam2-roto shot track' first\ndisc " in say("review", folder, "-q")
    assert json.loads(say("review", folder, "--json", "-q"))["untracked"] == ["late"]
    say("undo", folder)
    say("set", folder, "--range", "0-0")
    assert "every frame that is tracked is a keyframe" in say("review", folder, "-q")
    assert "nothing to look at" in say("review", folder, "-q", "--fix")


def test_edits_of_all_kinds(say: Say, folder: Path, tmp_path: Path) -> None:
    picture = Image.new("L", (96, 64))
    picture.paste(255, (10, 10, 30, 30))
    picture.save(tmp_path / "mask.png")
    say("add-mask", folder, f"block:1:{tmp_path / 'mask.png'}")
    say("add-stroke", folder, "block:2:4:10,10;20,12", "block:2:2:15,11-")
    say("set", folder, "block", "--rename", "box", "--colour", "#102030", "--no-visible")
    say("set", folder, "--range", "1-4", "--feather", "2")
    told = json.loads(say("info", folder, "--json"))
    entry = told["objects"][told["order"][0]]
    assert (entry["name"], entry["colour"], entry["visible"]) == ("box", "#102030", False)
    assert [stroke["positive"] for stroke in entry["keyframes"]["2"]["strokes"]] == [True, False]
    assert told["frames"] == [1, 4]
    assert "feather" in [step["step"] for step in told["recipe"]["steps"]]
    say("lock", folder, "box")
    assert main(["shot", "clear", str(folder), "box:1"]) == 2
    say("unlock", folder, "box")
    assert say("clear", folder, "box:1") == "box: keyframes 2\n"
    say("remove", folder, "box")
    assert json.loads(say("info", folder, "--json"))["order"] == []


def test_looks_say_nothing_until_a_suggestion_is_accepted(say: Say, folder: Path, tmp_path: Path) -> None:
    told = json.loads(say("hover", folder, "disc:0:24,32", "--json", "-o", tmp_path / "hover.png"))
    assert told["name"] == "disc"
    assert (tmp_path / "hover.png").exists()
    look = ("suggest", folder, "2", "--points", "2", "--iou", "0", "--stability", "0", "-q")
    found = json.loads(say(*look, "--json", "-o", tmp_path / "suggest.png"))
    assert (tmp_path / "suggest.png").exists()
    assert found["accepted"] == {}
    assert json.loads(say("info", folder, "--json"))["order"] == []
    assert found["suggestions"]
    assert "keyframe 2, as a box" in say(*look, "--accept", "disc=1")
    assert json.loads(say("info", folder, "--json"))["order"]
    assert main(["shot", *map(str, look), "--accept", "disc=999"]) == 2
    say("undo", folder)
    box = found["suggestions"][0]["box"]
    told = json.loads(say("suggest", folder, "2", "--accept", "thing=1", "--json", "-q"))  # of the list shown last
    assert told["suggestions"] == found["suggestions"]
    entries = json.loads(say("info", folder, "--json"))["objects"].values()
    assert [entry["keyframes"]["2"]["box"] for entry in entries] == [box]
    assert main(["shot", "hover", str(folder), "disc:0:24,32", "disc:1:24,32"]) == 2


def test_lines_are_clicks_or_an_outline(say: Say, folder: Path) -> None:
    assert say("add-scribble", folder, "disc:0:20,32;28,32", "disc:0:4,4;90,4-") == "disc: keyframes 0\n"
    assert say("add-lasso", folder, "block:1:10,10;30,10;20,40") == "block: keyframes 1\n"
    told = json.loads(say("info", folder, "--json"))["objects"].values()
    kinds = {entry["name"]: sorted(next(iter(entry["keyframes"].values()))) for entry in told}
    assert kinds == {"disc": ["points"], "block": ["mask"]}
    say("set", folder, "--precision", "bfloat16")
    assert json.loads(say("info", folder, "--json"))["settings"]["precision"] == "bfloat16"
    assert main(["shot", "set", str(folder), "--precision", "auto"]) == 2


def test_lock_cuts_merge_and_relink(
    say: Say, folder: Path, shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say("add-click", folder, "disc:0:24,32")
    say("track", folder, "-q")
    say("lock", folder, "disc:2")
    assert main(["shot", "add-click", str(folder), "disc:2:24,32"]) == 2
    say("unlock", folder, "disc:2")
    assert say("cuts", folder, "--find", "-q") == "takes: 0-5\n"
    assert main(["shot", "cuts", str(folder), "--open", "3"]) == 2
    for word in ("--open", "--close"):
        capsys.readouterr()
        assert main(["shot", "cuts", str(folder), word, "0"]) == 2
        assert "no cut" in capsys.readouterr().err
    shutil.copytree(folder, tmp_path / "b.roto")
    say("add-click", tmp_path / "b.roto", "block:4:66,48")
    assert say("merge", folder, tmp_path / "b.roto") == "added: block\n"
    assert say("merge", folder, tmp_path / "b.roto", "--take", "disc=ours") == "there was nothing to bring in\n"
    shutil.copy(shot, tmp_path / "moved.mp4")
    assert say("relink", folder, tmp_path / "moved.mp4").endswith("../moved.mp4\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["track", "nothing.roto"], "there is no shot nothing.roto; make one with 'sam2-roto shot new'"),
        (["new", "a", "nothing.mp4"], "There is no file or folder nothing.mp4"),
        (["clear", "{}", "dog"], "say which frame of 'dog'"),
        (["add-click", "{}", "dog:0:999,1"], "lies outside the plate of 96×64 pixels"),
        (["set", "{}", "--rename", "cat"], "need the NAME of an object"),
        (["set", "{}", "--policy", "hope"], "no memory policy 'hope'"),
        (["set", "{}", "--crop", "hope"], "the crop 'hope' is not one of none, auto"),
        (["set", "{}", "--image-size", "33"], "the image size 33 is not a multiple of 32 from 64 to 4096"),
        (["set", "{}", "--model", "nosuch"], "no model is called 'nosuch'"),
        (["new", "new.roto", "nothing.mp4", "--model", "nosuch"], "no model is called 'nosuch'"),
        (["set", "{}", "--feather", "-1"], "the feather -1 is negative"),
        (["suggest", "{}", "0", "--points", "100000"], "--points 100000 makes no grid; give 1 to 128"),
        (["suggest", "{}", "0", "--iou", "1.5"], "--iou 1.5 is not possible; give 0 to 1"),
        (["suggest", "{}", "0", "--most", "0"], "--most 0 lists nothing"),
        (["suggest", "{}", "0", "--at", "96,3"], "--at 96,3 lies outside the plate of 96×64"),
        (["suggest", "{}", "0", "--at", "-3,4"], "--at -3,4 lies outside the plate of 96×64"),
        (["review", "{}", "--most", "0"], "--most 0 lists nothing"),
        (["review", "{}", "--tried", "99"], "--tried 99 is no frame of the shot, which has 0-5"),
        (["review", "{}", "--timeline", "review.txt"], "review.txt is to be a picture in PNG"),
        (["add-click", "{}", "dog:0:9,9", "--preview", "frame"], "frame is to be a picture in PNG"),
        (["track", "{}"], "every click of 'beside' lies beside it"),
        (["export", "{}", "-o", "out", "--splines", "tests.json/a.json/x"], "a name that ends in .json"),
        (["review", "{}"], "nothing of the shot is tracked yet"),
        (["export", "{}", "-o", "out"], "the shot has no visible object"),
    ],
)
def test_wrong_words_end_in_one_sentence(
    folder: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if words[0] == "track":
        main(["shot", "add-click", str(folder), "beside:0:9,9-"])
    capsys.readouterr()
    assert main(["shot", *(word.format(folder) for word in words)]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_words() -> None:
    assert parse_frame("dog:-4") == ("dog", -4)
    assert parse_frame("dog") == ("dog", None)
    stroke = parse_stroke("dog:7:2.5:1,2;3,4-").stroke
    assert (stroke.points, stroke.radius, stroke.positive) == (((1, 2), (3, 4)), 2.5, False)
    assert parse_take("dog=ours") == ("dog", "ours")
    assert parse_line("dog:7:1,2;3,4.5-") == ("dog", 7, ((1, 2), (3, 4.5)), False)
    assert parse_accepted("dog=3") == ("dog", 3)
    box = parse_corners("dog:7:50,20,10,40.5")
    assert (box.name, box.frame, box.x0, box.y0, box.x1, box.y1) == ("dog", 7, 10, 20, 50, 40.5)
    assert parse_point("4,5.5") == (4, 5.5)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_frame, "dog:x"),
        (parse_frame, "a dog"),
        (parse_stroke, "dog:7:2"),
        (parse_take, "dog=mine"),
        (parse_line, "dog:7"),
        (parse_line, "dog:x:1,2"),
        (parse_accepted, "dog=first"),
        (parse_point, "4"),
        (parse_corners, "dog:7:1,2,3"),
        (parse_corners, "dog:7:1,2,1,9"),
    ],
)
def test_wrong_words(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(CompositingError):
        parse(text)


def test_an_export_replaces_nothing_but_exports(
    say: Say, random_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plates, folder, out = tmp_path / "sh010", tmp_path / "b.roto", tmp_path / "out"
    plates.mkdir()
    for frame in range(3):
        Image.new("RGB", (96, 64), (9 * frame, 40, 60)).save(plates / f"a.{frame:04d}.png")
    say("new", folder, plates, "--model", random_weights, "--image-size", "64")
    say("add-click", folder, "disc:0:24,32")
    say("track", folder, "--quiet")
    before = {path.name: path.read_bytes() for path in plates.iterdir()}
    assert main(["shot", "export", str(folder), "-o", str(plates)]) == 2
    assert f"{plates} holds the pictures that are read for this job" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in plates.iterdir()} == before
    out.mkdir()
    (out / "sh010_matte.0001.exr").write_text("of someone else")
    assert main(["shot", "export", str(folder), "-o", str(out)]) == 2
    assert "sam2-roto did not write it; move it away, or choose another output" in capsys.readouterr().err
    (out / "sh010_matte.0001.exr").unlink()
    for _ in range(2):
        assert f"{out}/sh010_matte.0000.exr to sh010_matte.0002.exr" in say("export", folder, "-o", out, "--quiet")


def test_an_export_keeps_the_movie_that_it_reads(
    say: Say, shot: Path, random_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    movie, folder = tmp_path / "overlay.mp4", tmp_path / "c.roto"
    shutil.copy(shot, movie)
    say("new", folder, movie, "--model", random_weights, "--image-size", "64", "--range", "0-1")
    say("add-click", folder, "disc:0:24,32")
    say("track", folder, "--quiet")
    assert main(["shot", "export", str(folder), "-o", str(tmp_path)]) == 2
    assert "overlay.mp4 is read for this job and would be overwritten" in capsys.readouterr().err
    assert movie.read_bytes() == shot.read_bytes()
