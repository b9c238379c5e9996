"""Rendering: files, resume, cancel, errors of the disk, and movies that decode to what was written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from compositing import open_footage
from compositing.color import CAMERA, LINEAR, SRGB
from compositing.errors import GraphError, OutputError
from compositing.graph import Evaluator, Identity, Keys, MovieOutput, Node, PictureOutput, digest, render, source
from compositing.image import Image

REPOSITORY = Path(__file__).resolve().parents[2]


def moving(width: int = 48, height: int = 32) -> Node:
    """A ramp in linear light that grows brighter, twice as bright on frame 4."""
    ramp = source("ramp", width=width, height=height, first=(0.05, 0.1, 0.2), last=(0.4, 0.3, 0.1), angle=20.0)
    return ramp.then("exposure", stops=Keys({0: 0.0, 4: 1.0}))


def pictures(folder: Path, node: Node, ending: str = "exr", **how: object) -> PictureOutput:
    space = LINEAR if ending == "exr" else SRGB
    return PictureOutput(folder / f"a.%04d.{ending}", space, graph=digest(node), **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(("ending", "depth", "near"), [("exr", 16, 3e-4), ("exr", 32, 1e-7), ("png", 16, 1e-5)])
def test_files_hold_the_pictures(ending: str, depth: int, near: float, tmp_path: Path) -> None:
    node = moving()
    done = render(node, pictures(tmp_path, node, ending, depth=depth), range(3))
    assert [path.name for path in done.files] == [f"a.000{frame}.{ending}" for frame in range(3)]
    assert (done.rendered, done.found) == (3, 0)
    with open_footage(tmp_path) as footage, Evaluator() as evaluator:
        assert footage.color.space == (LINEAR if ending == "exr" else SRGB)
        for frame in range(3):
            held = footage.read(frame)
            expected = evaluator.image(node.then("to_space", target=footage.color.space), frame)
            torch.testing.assert_close(held.pixels, expected.pixels, atol=near, rtol=1e-3)


def test_headers_carry_the_plate(tmp_path: Path) -> None:
    node = moving()
    identity = Identity(Fraction(24000, 1001), 2.0, lambda frame: f"01:00:00:{frame:02}")
    render(node, pictures(tmp_path, node, identity=identity), range(5, 7))
    with open_footage(tmp_path) as footage:
        assert (footage.rate, footage.pixel_aspect, footage.timecode(6)) == (Fraction(24000, 1001), 2.0, "01:00:00:06")
        assert footage.color.guessed is False


def test_resume_renders_what_is_missing(tmp_path: Path) -> None:
    node = moving()
    render(node, pictures(tmp_path, node), range(4))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "a.0002.exr").unlink()
    done = render(node, pictures(tmp_path, node), range(4))
    assert (done.rendered, done.found, len(done.files)) == (1, 3, 4)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("ending", ["exr", "png", "tif", "jpg"])
def test_another_graph_renders_everything(ending: str, tmp_path: Path) -> None:
    node, other = moving(), moving().then("saturation", amount=0.5)
    render(node, pictures(tmp_path, node, ending), range(3))
    assert render(node, pictures(tmp_path, node, ending), range(3)).rendered == 0
    assert render(other, pictures(tmp_path, other, ending), range(3)).rendered == 3


def test_newer_sources_render_everything(tmp_path: Path) -> None:
    node = moving()
    render(node, pictures(tmp_path, node), range(2))
    newest = (tmp_path / "a.0001.exr").stat().st_mtime + 1
    assert render(node, pictures(tmp_path, node, newest=newest), range(2)).rendered == 2


class Stop(Exception):
    """Raised from progress."""


def test_cancel_leaves_whole_files_and_goes_on(tmp_path: Path) -> None:
    node = moving()

    def stop(stage: str, done: int, total: int) -> None:
        assert (stage, total) == ("render", 5)
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        render(node, pictures(tmp_path, node), range(5), progress=stop)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert all(name in ("a.0000.exr", "a.0001.exr", "a.0002.exr") for name in left)
    steps: list[int] = []
    done = render(node, pictures(tmp_path, node), range(5), progress=lambda _stage, done, _total: steps.append(done))
    assert done.rendered == 5 - len(left)
    assert steps[-1] == 5


def test_a_cancelled_movie_leaves_nothing(tmp_path: Path) -> None:
    def stop(_stage: str, done: int, _total: int) -> None:
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        render(moving(), MovieOutput(tmp_path / "a.mp4", CAMERA), range(5), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_a_writing_thread_is_raised(tmp_path: Path) -> None:
    node = moving()
    output = pictures(tmp_path, node)
    (tmp_path / "a.0001.exr").mkdir()
    with pytest.raises(OutputError, match=r"a\.0001\.exr cannot be written"):
        render(node, output, range(8))
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("ending", ["exr", "png", "tif", "jpg", "mp4", "mov", "mkv"])
def test_a_full_disk_is_told_of_and_leaves_nothing(ending: str, tmp_path: Path) -> None:
    """The size of files is limited for a process of its own, so that writing fails as on a full disk."""
    script = f"""
import resource, sys
from test_graph_render import *
noise = source("checker", width=320, height=240, first=(0.9, 0.1, 0.2), second=(0.1, 0.4, 0.8), size=1)
noise = noise.then("transform", rotate=Keys({{0: 7.0, 9: 80.0}}), scale=1.7, centre=(160.0, 120.0))
folder = Path({str(tmp_path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
movie = "{ending}" in ("mp4", "mov", "mkv")
output = MovieOutput(folder / "a.{ending}", CAMERA) if movie else pictures(folder, noise, "{ending}")
try:
    render(noise, output, range(6))
except OutputError as error:
    print(error)
"""
    env = {**os.environ, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{Path(__file__).parent}"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, check=False)
    assert "cannot" in done.stdout, done.stderr
    assert f".{ending}" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("codec", "name"),
    [("h264", "a.mp4"), ("h265", "a.mov"), ("prores", "a.mov"), ("prores4444", "a.mov"), ("ffv1", "a.mkv")],
)
def test_movies_decode_to_what_was_written(codec: str, name: str, tmp_path: Path) -> None:
    grey = source("constant", width=64, height=48, color=(0.1, 0.3, 0.05))
    node = grey.then("exposure", stops=Keys({0: 0.0, 4: 1.0}))
    identity = Identity(Fraction(30000, 1001))
    render(node, MovieOutput(tmp_path / name, CAMERA, codec=codec, identity=identity), range(4))
    with open_footage(tmp_path / name) as footage, Evaluator() as evaluator:
        assert (len(footage), footage.rate, footage.notes) == (4, Fraction(30000, 1001), [])
        assert footage.color.guessed is False
        for frame in range(4):
            expected = evaluator.image(node.then("to_space", target=CAMERA), frame).pixels
            error = (footage.read(frame).rgb() - expected).abs() * 255
            assert error.max() < (0.01 if codec == "ffv1" else 2.0)


def test_alpha_of_movies_is_straight(tmp_path: Path) -> None:
    disc = source(
        "shape", width=64, height=48, box=(10.0, 8.0, 50.0, 40.0), color=(0.2, 0.5, 0.8), kind="ellipse", feather=6.0
    )
    for name in ("a.mov", "a.mkv"):
        render(disc, MovieOutput(tmp_path / name, CAMERA, alpha=True, identity=Identity(Fraction(24))), range(2))
        with open_footage(tmp_path / name) as footage, Evaluator() as evaluator:
            held, made = footage.read(1), evaluator.image(disc, 1)
            assert not held.premultiplied
            assert (held.channel("A") - made.channel("A")).abs().max() < 3 / 1023
            inside = made.channel("A") > 0.9
            coded = evaluator.image(disc.then("unpremultiply").then("to_space", target=CAMERA), 1)
            assert (held.rgb() - coded.rgb())[:, inside].abs().max() < 4 / 255


def test_odd_sizes_are_made_even(tmp_path: Path) -> None:
    render(moving(49, 33), MovieOutput(tmp_path / "a.mp4", CAMERA), range(2))
    with open_footage(tmp_path / "a.mp4") as footage:
        assert (footage.width, footage.height) == (50, 34)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: MovieOutput(folder / "a.mp4", "ACEScg"), "cannot be tagged as ACEScg"),
        (lambda folder: MovieOutput(folder / "a.mp4", CAMERA, codec="prores"), r"ends in \.mov"),
        (lambda folder: MovieOutput(folder / "a.mp4", CAMERA, codec="vhs"), "not known; use one of h264"),
        (lambda folder: MovieOutput(folder / "a.mp4", CAMERA, alpha=True), "cannot hold a transparent background"),
        (lambda folder: MovieOutput(folder / "a.mov", CAMERA, codec="h264", alpha=True), "h264 keeps no alpha"),
        (lambda folder: PictureOutput(folder / "a.gif", SRGB), "is no picture file"),
        (lambda folder: PictureOutput(folder / "a.jpg", SRGB, depth=16), "cannot have 16 bits; give 8"),
    ],
)
def test_outputs_that_cannot_be(make: Callable[[Path], object], told: str, tmp_path: Path) -> None:
    with pytest.raises((OutputError, Exception), match=told):
        make(tmp_path)


def test_an_endless_graph_needs_frames(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="say which of them"):
        render(moving(), pictures(tmp_path, moving()))


def test_frames_of_two_sizes_are_refused(tmp_path: Path) -> None:
    output = MovieOutput(tmp_path / "a.mp4", CAMERA)
    output.write(0, Image.from_array(np.zeros((32, 48, 3), np.float32)))
    with pytest.raises(OutputError, match=r"Frame 1 for a\.mp4 is 64x32, the first was 48x32"):
        output.write(1, Image.from_array(np.zeros((32, 64, 3), np.float32)))
    output.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("space", ["Rec.2100-PQ - Display", "Rec.2100-HLG - Display", "Rec.1886 Rec.2020 - Display"])
def test_wide_gamut_and_high_range_are_tagged_and_come_back(space: str, tmp_path: Path) -> None:
    made = source("constant", width=64, height=48, color=(0.4, 0.5, 0.3), color_space=space)
    render(made, MovieOutput(tmp_path / "a.mp4", space, identity=Identity(Fraction(25))), range(2))
    with open_footage(tmp_path / "a.mp4") as footage:
        assert (footage.color.space, footage.color.guessed, footage.notes) == (space, False, [])
        held = footage.read(1).rgb().mean((1, 2))
        assert held.tolist() == pytest.approx([0.4, 0.5, 0.3], abs=3 / 876)
