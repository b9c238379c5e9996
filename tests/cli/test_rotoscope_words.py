"""The words of ``rotoscope`` become a job, and its result becomes words."""

from __future__ import annotations

from pathlib import Path

import pytest

from compositing.errors import FrameRangeError
from compositing.footage.frames import FrameRange
from sam2_roto.cli.parser import Parser
from sam2_roto.cli.rotoscope import add_parser, describe, frame_list, job_of
from sam2_roto.deliverables import Deliverables
from sam2_roto.errors import ExportError, PromptError
from sam2_roto.job import Box, Click, MaskFile, RotoscopeJob, RotoscopeResult
from sam2_roto.report import PipelineReport, StageReport


def read(*words: str) -> RotoscopeJob:
    parser = Parser(prog="sam2-roto")
    add_parser(parser.add_subparsers())
    return job_of(parser.parse_args(["rotoscope", *words]))


def test_defaults() -> None:
    assert read("shot.mp4", "-o", "out", "--click", "dog:0:3,4") == RotoscopeJob(
        footage=Path("shot.mp4"), output=Path("out"), prompts=(Click("dog", 0, 3.0, 4.0),)
    )


def test_every_option(tmp_path: Path) -> None:
    mask = tmp_path / "cat.png"
    mask.write_bytes(b"")
    words = (
        "plates -o out --click dog:1001:3,4 --click dog:1001:9,9- --box car:1002:1,2,30,40 --range 1001-1010 --start 1"
        " --color-space ACEScg --model nano --image-size 512 --device cpu"
        " --crop auto --preset hair --recipe mine.json --feather 2.5 --choke -1 --format exr"
        " --layout parts --compression piz --no-crop --rgba --cryptomatte --alpha-movie ffv1 --trimap 12 --confidence"
        f" --splines out/dog.svg --no-preview --overwrite --mask cat:1003:{mask}"
    )
    assert read(*words.split()) == RotoscopeJob(
        footage=Path("plates"),
        output=Path("out"),
        prompts=(
            Click("dog", 1001, 3.0, 4.0),
            Click("dog", 1001, 9.0, 9.0, positive=False),
            Box("car", 1002, 1.0, 2.0, 30.0, 40.0),
            MaskFile("cat", 1003, mask),
        ),
        frames=FrameRange(1001, 1010),
        start=1,
        color_space="ACEScg",
        model="nano",
        image_size=512,
        device="cpu",
        crop="auto",
        preset="hair",
        recipe=Path("mine.json"),
        feather=2.5,
        choke=-1.0,
        deliver=Deliverables(
            layout="parts",
            compression="piz",
            crop=False,
            rgba=True,
            cryptomatte=True,
            movie="ffv1",
            trimap=12.0,
            confidence=True,
            splines=Path("out/dog.svg"),
            preview=False,
        ),
        overwrite=True,
    )


def test_nothing_marked() -> None:
    with pytest.raises(PromptError, match="at least one --click, --box or --mask"):
        read("shot.mp4", "-o", "out")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--compression htj2k", "compression 'htj2k' is not one of none"),
        ("--format png --layout parts", "is one of EXR files, not of png"),
        ("--compression zip:99", "level '99' of the compression zip is not possible; give 1 to 9"),
        ("--compression zip:", "level '' of the compression zip is not possible"),
        ("--compression dwaa:abc", "level 'abc' of the compression dwaa is not possible"),
        ("--compression piz:4", "the compression piz has no level"),
        ("--format png --compression piz", "is of EXR files, and none are asked for"),
        ("--trimap 0", "give a width above 0"),
        ("--splines dog.ma", "a name that ends in .json"),
    ],
)
def test_wrong_deliverables(words: str, says: str) -> None:
    with pytest.raises(ExportError, match=says):
        read("shot.mp4", "-o", "out", "--click", "dog:0:3,4", *words.split())


def test_compression_beside_other_mattes() -> None:
    words = "shot.mp4 -o out --click dog:0:3,4 --format png --rgba --compression dwaa:45"
    assert read(*words.split()).deliver.compression == "dwaa:45"
    assert read(*words.split()[:-2]).deliver.compression == "zip:4"


@pytest.mark.parametrize("words", ["--range=20-10", "--range=a-b"])
def test_wrong_range(words: str) -> None:
    with pytest.raises(FrameRangeError):
        read("shot.mp4", "-o", "out", "--click", "dog:0:3,4", words)


@pytest.mark.parametrize(("text", "frames"), [("-2-1", (-2, 1)), ("-5--3", (-5, -3)), ("-7", (-7, -7))])
def test_ranges_of_negative_numbers(text: str, frames: tuple[int, int]) -> None:
    job = read("plates", "-o", "out", "--click", f"dog:{frames[0]}:3,4", "--range", text)
    assert job.frames == FrameRange(*frames)


def test_options_after_a_range_are_still_options() -> None:
    job = read("plates", "-o", "out", "--range", "-2-1", "--choke", "-.5", "--click", "dog:0:3,4")
    assert (job.frames, job.choke) == (FrameRange(-2, 1), -0.5)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [([7], "frame 7"), ([3, 1, 2], "frames 1-3"), ([1, 2, 4, 9, 10, 11], "frames 1-2, 4, 9-11"), ([5, 5], "frame 5")],
)
def test_frame_list(frames: list[int], expected: str) -> None:
    assert frame_list(frames) == expected


def test_description_names_files_and_absence() -> None:
    result = RotoscopeResult(
        mattes=(Path("out/dog.0000.exr"), Path("out/dog.0001.exr")),
        absent={"dog": (1,), "cat": ()},
        model="nano",
        image_size=384,
        tracked=2,
        previews=(Path("out/overlay.mp4"),),
        notes=("the movie does not say its colour space; taken as Rec. 709",),
        files={"movies": (Path("out/dog.mov"),)},
        pace=PipelineReport((StageReport("track", 2, 1, 0.5), StageReport("write", 2, 2, 0.6)), 0.6),
    )
    assert describe(result).splitlines() == [
        "2 mattes with nano at 384",
        "out/dog.0000.exr to dog.0001.exr",
        "'dog' is not seen on frame 1",
        "out/dog.mov",
        "out/overlay.mp4",
        "the movie does not say its colour space; taken as Rec. 709",
        "0.6 s; 'track' was the slowest stage (ms a frame: track 250, write 150)",
    ]
