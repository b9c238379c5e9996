"""``sam2-roto composite`` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from compositing import FrameRange, open_footage
from compositing.footage.writer import write_movie
from compositing.image import Window
from sam2_roto.cli import main
from sam2_roto.cli.composite import _PRESETS, job_of
from sam2_roto.export import PlateMetadata, write_matte


@pytest.fixture
def work(tmp_path: Path, shot: Path, shot_views: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shot, mattes of its red disc on six frames, and a background of three frames."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shot.mp4").symlink_to(shot)
    (tmp_path / "mattes").mkdir()
    for frame in range(6):
        red = (shot_views[frame, ..., 0] > 200).astype(np.float32)
        write_matte(
            tmp_path / "mattes" / f"m.{frame:04}.exr", {"disc": red}, metadata=PlateMetadata(Window.sized(96, 64))
        )
    write_movie(tmp_path / "sky.mp4", [np.full((64, 96, 3), 60 * number, np.uint8) for number in range(1, 4)], 24)
    return tmp_path


def composite(*words: str) -> int:
    return main(["composite", "shot.mp4", "--matte", "mattes", "--range", "0-5", "--quiet", *words])


def test_over_a_movie_that_loops(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert composite("--background", "sky.mp4", "--background-time", "loop", "-o", "out.mp4", "--wrap", "0.4") == 0
    assert "6 frames rendered: out.mp4" in capsys.readouterr().out
    with open_footage(work / "out.mp4") as footage:
        assert len(footage) == 6
        corners = [float(footage.view(frame)[:6, :6].mean()) for frame in range(6)]
        assert corners == pytest.approx([60, 120, 180] * 2, abs=3)
        middle = footage.view(2)[32, 28].astype(int)
        assert middle[0] > middle[1] + 100


def test_json_and_a_second_run(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--background", "white", "-o", "out", "--json")
    assert composite(*words) == 0
    capsys.readouterr()
    assert composite(*words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rendered"], told["found"], len(told["files"])) == (0, 6, 6)
    assert (work / "out" / "shot_comp.0005.exr").is_file()


@pytest.mark.parametrize("preset", _PRESETS)
def test_presets(preset: str, work: Path) -> None:
    assert composite("--preset", preset, "-o", f"{preset}.####.png", "--size", "36x64") == 0
    with open_footage(work / f"{preset}.####.png") as footage:
        assert (footage.width, footage.height) == (36, 64)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-o", "out"), "no background is given; name one with --background, or choose a --preset"),
        (("--background", "purplish", "-o", "out"), "'purplish' is no background"),
        (
            ("--background", "sky.mp4", "-o", "out"),
            "lasts for the plate's frames 0 to 2, and 0 to 5 are wanted",
        ),
        (
            ("--background", "sky.mp4", "--background-offset", "9", "-o", "out"),
            "lasts for the plate's frames -9 to -7, and 0 to 5 are wanted",
        ),
        (("--background", "none.png", "-o", "out"), "There is no file or folder none.png"),
        (("--background", "white", "-o", "out", "--range", "0-9"), "The mattes mattes are there for frames 0-5"),
        (("--background", "white", "-o", "out", "--color-space", "Foo"), "There is no colour space 'Foo'"),
        (("--background", "white", "-o", "shot.mp4"), "shot.mp4 is read for this composite and would be overwritten"),
        (("--background", "white", "-o", "out.mp4", "--match", "7"), "The match of 7 is not possible"),
        (("--background", "white", "-o", "out", "--size", "big"), "'big' is no size; write it as 1080x1920"),
        (("--background", "white", "-o", "out", "--size", "99999x16"), "99999x16 is not possible; give 16 to 16384"),
        (("--background", "white", "-o", "out", "--device", "cuda:99"), "The device 'cuda:99' cannot be used here"),
        (("--background", "white", "-o", "out.avi"), "out.avi is no picture file and no movie; give a name"),
        (("--background", "white", "-o", "out.mp4", "--sound", "none.wav"), "sound (No such file or directory); name"),
        (("--background", "transparent", "-o", "out.mp4"), "cannot hold a transparent background"),
        (("--background", "transparent", "-o", "out.jpg"), "cannot hold a transparent background"),
    ],
)
def test_bad_words_end_with_2_and_one_sentence(
    words: tuple[str, ...], told: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(work.rglob("*"))
    assert composite(*words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert [path for path in sorted(work.rglob("*")) if path not in before and path.is_file()] == []


def test_a_full_disk_ends_with_2_and_leaves_nothing(work: Path) -> None:
    words = ["composite", "shot.mp4", "--matte", "mattes", "--range", "0-5", "--background", "plate", "-q"]
    for output in ("full.####.png", "full.mp4", "full.####.exr"):
        script = (
            "import resource, sys; from sam2_roto.cli import main; "
            "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)); "
            f"sys.exit(main({[*words, '-o', output]!r}))"
        )
        before = sorted(work.iterdir())
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=work, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert "space left" in done.stderr
        assert sorted(work.iterdir()) == before


def test_mattes_of_a_shot(work: Path, random_weights: Path) -> None:
    from sam2_roto.shot import Shot, TrackingSettings

    settings = TrackingSettings(str(random_weights), 64)
    with Shot.new(work / "disc.roto", work / "shot.mp4", frames=FrameRange(0, 2), settings=settings) as shot:
        shot.add_click("disc", 0, 24, 32)
        shot.track()
    words = ["composite", "shot.mp4", "--matte", "disc.roto", "--background", "white", "-o", "out/a.####.exr"]
    assert main([*words, "--range", "0-2", "-q"]) == 0
    assert len(list((work / "out" / "disc_mattes").glob("*.exr"))) == 3
    assert len(list((work / "out").glob("a.*.exr"))) == 3
    assert main([*words[:3], "none.roto", *words[4:], "-q"]) == 2


def test_a_shot_of_another_plate_is_refused_before_its_mattes_are_written(
    work: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sam2_roto.shot import Shot, TrackingSettings

    settings = TrackingSettings(str(random_weights), 64)
    with Shot.new(work / "disc.roto", work / "shot.mp4", frames=FrameRange(0, 2), settings=settings) as shot:
        shot.add_mask("disc", 0, np.ones((64, 96), np.bool_))
    write_movie(work / "small.mp4", [np.zeros((32, 48, 3), np.uint8)] * 3, 24)
    for plate, told in (
        ("small.mp4", "the plate small.mp4 is 48×32 pixels and disc.roto was made of 96×64"),
        ("shot.mp4", "the frames 0-19 of shot.mp4 are wanted, and disc.roto has 0-2; give --range 0-2"),
    ):
        assert main(["composite", plate, "--matte", "disc.roto", "--background", "white", "-o", "out/a.mp4", "-q"]) == 2
        assert told in capsys.readouterr().err
        assert not (work / "out").exists()


def test_options_reach_the_job(work: Path) -> None:
    from sam2_roto.cli.parser import Parser

    parser = Parser(prog="sam2-roto")
    import sam2_roto.cli.composite as command

    command.add_parser(parser.add_subparsers())
    words = "composite shot.mp4 --matte mattes -o a.mov --preset cutout --shadow 0 --despill green --no-foreground"
    job = job_of(parser.parse_args([*words.split(), "--object", "a", "--object", "b", "--choke", "1.5"]))
    assert (job.shadow, job.screen, job.estimate, job.objects, job.choke) == (0.0, "green", False, ("a", "b"), 1.5)
    assert job.background.color == (1.0, 1.0, 1.0)
    assert work.is_dir()
