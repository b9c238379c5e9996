"""The whole job: what is asked for is written, and what cannot be is told in one sentence that names the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from compositing import FrameRange, open_footage
from compositing.background import replace_background
from compositing.background_job import PRESETS, Background, CompositeJob
from compositing.background_run import composite
from compositing.errors import ColorError, CompositingError
from compositing.footage.writer import write_movie
from compositing.graph import Identity, MovieOutput, load, render, source
from compositing.image import Image
from compositing.operations.colorspace import to_space

WIDTH, HEIGHT = 64, 48
Write = Callable[..., Path]


@pytest.fixture
def shot(tmp_path: Path, write: Write) -> Path:
    """A folder with plates (1001-1006, linear EXR), mattes of a moving square, a background movie and a picture."""
    for name in ("plate", "matte", "two"):
        (tmp_path / name).mkdir()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for frame in range(1001, 1007):
        alpha = ((abs(columns - 20 - 4 * (frame - 1001)) < 8) & (abs(rows - 24) < 10)).astype(np.float32)[..., None]
        plate = alpha * np.float32([0.8, 0.2, 0.1]) + (1 - alpha) * np.float32([0.1, 0.5, 0.2])
        write(
            tmp_path / "plate" / f"shot.{frame}.exr",
            plate,
            attributes={"framesPerSecond": ("rational", [24, 1])},
        )
        write(tmp_path / "matte" / f"shot_matte.{frame}.exr", alpha, channels=("A",))
        write(tmp_path / "two" / f"m.{frame}.exr", np.concatenate([alpha, 1 - alpha], 2), channels=("dog.A", "cat.A"))
    views = [np.full((HEIGHT, WIDTH, 3), 40 * number, np.uint8) for number in range(4)]
    write_movie(tmp_path / "four.mp4", views, 24)
    write_movie(tmp_path / "fast.mp4", views * 3, 48)
    write(tmp_path / "sky.png", np.full((30, 80, 3), 0.5, np.float32))
    return tmp_path


def job(shot: Path, background: str, output: str = "out", **how: object) -> CompositeJob:
    wanted = Background.parse(str(shot / background) if (shot / background).exists() else background)
    settings = {"plate": shot / "plate", "matte": shot / "matte", **how}
    return CompositeJob(background=wanted, output=shot / output, **settings)  # type: ignore[arg-type]


def linear(path: Path, frame: int) -> Image:
    with open_footage(path) as footage:
        return to_space(footage.read(frame), "Linear Rec.709 (sRGB)")


def test_a_folder_gets_exr_with_the_plates_numbers(shot: Path) -> None:
    result = composite(job(shot, "white"))
    assert [path.name for path in result.files] == [f"plate_comp.{frame}.exr" for frame in range(1001, 1007)]
    made = linear(shot / "out", 1003)
    plate, matte = linear(shot / "plate", 1003), linear(shot / "plate", 1003)
    with open_footage(shot / "matte") as mattes:
        matte = mattes.read(1003)
    white = replace(plate, pixels=torch.ones_like(plate.pixels))
    assert torch.allclose(made.rgb(), replace_background(plate, matte, white).rgb(), atol=2e-3)
    with open_footage(shot / "out") as footage:
        assert footage.rate == Fraction(24)


def test_transparent_is_premultiplied_in_exr_and_straight_in_png(shot: Path) -> None:
    composite(job(shot, "transparent", "cut/a.####.exr"))
    composite(job(shot, "transparent", "cut/b.####.png", depth=16))
    exr, png = linear(shot / "cut" / "a.####.exr", 1002), linear(shot / "cut" / "b.####.png", 1002)
    assert (exr.premultiplied, png.premultiplied) == (True, False)
    whole = exr.on_display()
    assert torch.allclose(whole.channel("A"), png.channel("A"), atol=1e-4)
    assert torch.allclose(whole.rgb(), png.rgb() * png.channel("A"), atol=2e-3)


def test_loop_hold_and_still(shot: Path) -> None:
    """The movie's pictures have the levels 0, 40, 80, 120; the corner shows which one is behind."""
    levels = {}
    for timing in ("loop", "hold", "still"):
        composite(job(shot, "four.mp4", f"{timing}.####.png", timing=timing, offset=1))
        levels[timing] = [round(float(_corner(shot / f"{timing}.####.png", frame)) / 40) for frame in range(1001, 1007)]
    assert levels == {"loop": [1, 2, 3, 0, 1, 2], "hold": [1, 2, 3, 3, 3, 3], "still": [1] * 6}


def _corner(path: Path, frame: int) -> float:
    with open_footage(path) as footage:
        return float(footage.view(frame)[2:8, 2:8].mean())


def test_another_rate_is_told_of_or_retimed(shot: Path) -> None:
    with pytest.raises(CompositingError, match=r"fast\.mp4 runs at 48 frames per second and the plate at 24; give"):
        composite(job(shot, "fast.mp4"))
    composite(job(shot, "fast.mp4", "a.####.png", retime=True))
    assert [round(_corner(shot / "a.####.png", frame) / 40) for frame in range(1001, 1007)] == [0, 2, 0, 2, 0, 2]


def test_codes_of_a_picture_made_for_a_monitor_are_kept(shot: Path, write: Write) -> None:
    views = [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * 2
    write_movie(shot / "plate.mp4", views, 24)
    (shot / "m").mkdir()
    for frame in (0, 1):
        write(shot / "m" / f"m.{frame:04}.exr", np.zeros((HEIGHT, WIDTH, 1), np.float32), channels=("A",))
    result = composite(job(shot, "sky.png", "a.####.png", plate=shot / "plate.mp4", matte=shot / "m"))
    assert any("keeps their codes" in note for note in result.notes)
    with open_footage(shot / "a.####.png") as footage:
        assert np.abs(footage.view(1).astype(int) - 128).max() <= 1
    composite(job(shot, "#123456", "b.mp4", plate=shot / "plate.mp4", matte=shot / "m"))
    with open_footage(shot / "b.mp4") as footage:
        assert np.abs(footage.view(1).astype(int) - [0x12, 0x34, 0x56]).max() <= 2


@pytest.mark.parametrize(("fit", "inside"), [("fill", 6), ("stretch", 6), ("fit", 0)])
def test_fits(fit: str, inside: int, shot: Path) -> None:
    """The picture is 80x30: fitted into 64x48 it leaves bars of 12 pixels above and below."""
    composite(job(shot, "sky.png", "a.####.png", fit=fit, frames=FrameRange(1001, 1001)))
    with open_footage(shot / "a.####.png") as footage:
        view = footage.view(1001)
    assert (view[3, 60].mean() > 100) == bool(inside)
    assert view[24, 60].mean() == pytest.approx(128, abs=1)


def test_objects_are_chosen_by_name(shot: Path) -> None:
    with pytest.raises(CompositingError, match="hold cat, dog; choose with --object"):
        composite(job(shot, "white", matte=shot / "two"))
    with pytest.raises(CompositingError, match="hold no object 'cow'; they hold cat, dog"):
        composite(job(shot, "white", matte=shot / "two", objects=("cow",)))
    one = FrameRange(1001, 1001)
    composite(job(shot, "black", "dog.####.exr", matte=shot / "two", objects=("dog",), frames=one))
    composite(job(shot, "black", "both.####.exr", matte=shot / "two", objects=("dog", "cat"), frames=one))
    assert float(linear(shot / "dog.####.exr", 1001).rgb()[:, 2, 60].sum()) == 0
    assert linear(shot / "both.####.exr", 1001).rgb()[:, 2, 60].tolist() == pytest.approx([0.1, 0.5, 0.2], abs=1e-2)


def test_a_hazy_matte_is_clipped(shot: Path, write: Write) -> None:
    (shot / "hazy").mkdir()
    haze = np.full((HEIGHT, WIDTH, 1), 0.2, np.float32)
    haze[:, :32] = 0.9
    write(shot / "hazy" / "m.1001.exr", haze, channels=("A",))
    wanted = job(shot, "transparent", matte=shot / "hazy", frames=FrameRange(1001, 1001), clip=(0.3, 0.8))
    alpha = linear(composite(wanted).files[0], 1001).on_display().channel("A")
    assert torch.equal(alpha, (torch.arange(WIDTH) < 32).float().expand(HEIGHT, -1))


def test_a_frame_of_another_shape_follows(shot: Path) -> None:
    settings = {**PRESETS["vertical"], "size": (54, 96), "smooth": 0.0}
    result = composite(CompositeJob(shot / "plate", shot / "matte", output=shot / "v.####.png", **settings))  # type: ignore[arg-type]
    for path in result.files:
        with open_footage(path) as footage:
            view = footage.view(int(path.suffixes[0][1:])).astype(int)
        assert view.shape == (96, 54, 3)
        red = np.flatnonzero(view[48, :, 0] > view[48, :, 1] + 30)
        assert red.mean() == pytest.approx(26.5, abs=1.5)


def test_a_run_goes_on_where_it_was(shot: Path) -> None:
    assert composite(job(shot, "white")).rendered == 6
    (shot / "out" / "plate_comp.1004.exr").unlink()
    again = composite(job(shot, "white"))
    assert (again.rendered, again.found) == (1, 5)
    assert composite(job(shot, "black")).rendered == 6


def test_the_graph_is_kept(shot: Path) -> None:
    composite(job(shot, "blur:3", graph=shot / "comp.json", frames=FrameRange(1001, 1001)))
    assert load(shot / "comp.json")["result"].kind == "replace_background"
    assert json.loads((shot / "comp.json").read_text())["format"] == 1


def test_a_still_keeps_its_name(shot: Path, write: Write) -> None:
    write(shot / "shoe.png", np.full((20, 30, 3), 0.4, np.float32))
    write(shot / "shoe_matte.png", np.ones((20, 30, 1), np.float32))
    result = composite(job(shot, "white", "white.jpg", plate=shot / "shoe.png", matte=shot / "shoe_matte.png"))
    assert result.files == (shot / "white.jpg",)


def test_every_preset_is_a_job(shot: Path) -> None:
    for name, settings in PRESETS.items():
        made = CompositeJob(shot / "plate", shot / "matte", output=shot / name, **settings)  # type: ignore[arg-type]
        assert made.background.kind in ("color", "blur", "plate")


@pytest.mark.parametrize(
    ("background", "how", "told"),
    [
        ("four.mp4", {}, r"four\.mp4 lasts for the plate's frames 1001 to 1004, and 1001 to 1006 are wanted; give"),
        ("white", {"frames": FrameRange(1001, 1009)}, "Frame 1009 is outside plate"),
        ("white", {"matte": "none"}, "There is no file or folder"),
        ("white", {"matte": "sky.png"}, "are 80x30 and the plate plate is 64x48"),
        ("white", {"output_space": "Rec709x"}, "no colour space 'Rec709x'"),
        ("white", {"working_space": "ACEScgg"}, "no colour space 'ACEScgg'"),
        ("sky.png", {"background_space": "nothing"}, "no colour space 'nothing'"),
        ("white", {"output": "plate/shot.####.exr"}, "is read for this composite and would be overwritten"),
        ("white", {"output": "plate"}, r"plate holds the pictures that are read for this composite \(shot\.1001"),
        ("white", {"output": "plate/new.####.png"}, "choose another folder for the output"),
        ("white", {"output": "matte"}, r"matte holds the pictures that are read for this composite \(shot_matte"),
        ("plate", {"output": "matte/shot_matte.####.exr"}, "is read for this composite and would be overwritten"),
        ("white", {"output": "out.gif"}, "is no picture file"),
        ("white", {"output": "sky.png/out.exr"}, "cannot be made"),
        ("white", {"output": "out.mp4", "depth": 16}, "leave --depth out"),
        ("white", {"output": "out.exr", "codec": "h264"}, "leave --codec out"),
        ("transparent", {"output": "out.mp4"}, "cannot hold a transparent background"),
        ("white", {"follow": True}, "needs a size"),
    ],
)
def test_what_cannot_be_is_told(background: str, how: dict[str, object], told: str, shot: Path) -> None:
    output = str(how.pop("output", "out"))
    if "matte" in how:
        how["matte"] = shot / str(how["matte"])
    before = sorted(shot.rglob("*"))
    with pytest.raises(CompositingError, match=told):
        composite(job(shot, background, output, **how))
    assert [path for path in sorted(shot.rglob("*")) if path not in before and path.is_file()] == []


def test_missing_mattes_are_told(shot: Path) -> None:
    (shot / "matte" / "shot_matte.1003.exr").unlink()
    with pytest.raises(CompositingError, match="there for frames 1001-1002, 1004-1006, and the plate plate needs 1003"):
        composite(job(shot, "white"))
    composite(job(shot, "white", frames=FrameRange(1004, 1005)))


def test_missing_plates_are_told(shot: Path) -> None:
    (shot / "plate" / "shot.1003.exr").unlink()
    with pytest.raises(CompositingError, match="plate has no frame 1003 between 1001 and 1006"):
        composite(job(shot, "white"))


def test_mattes_numbered_otherwise(shot: Path) -> None:
    write_movie(shot / "six.mp4", [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 6, 24)
    with pytest.raises(CompositingError, match="give --start 1001"):
        composite(job(shot, "white", plate=shot / "six.mp4"))
    assert composite(job(shot, "white", plate=shot / "six.mp4", start=1001)).rendered == 6


def test_a_damaged_frame_stops_with_its_name(shot: Path) -> None:
    (shot / "plate" / "shot.1004.exr").write_bytes(b"nothing")
    with pytest.raises(CompositingError, match=r"shot\.1004\.exr"):
        composite(job(shot, "white"))
    assert not list((shot / "out").glob(".*"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("blur:wide", "is no blur"),
        ("blur:-2", "is no blur"),
        ("purplish", "is no background: there is no such file"),
        ("#12", "is no background"),
    ],
)
def test_backgrounds_that_are_none(text: str, told: str) -> None:
    with pytest.raises(CompositingError, match=told):
        Background.parse(text)


def test_backgrounds() -> None:
    assert Background.parse("#ff8000").color == pytest.approx((1.0, 128 / 255, 0.0))
    assert Background.parse("blur:12.5") == Background("blur", radius=12.5)
    assert Background.parse("missing.png").path == Path("missing.png")


@pytest.mark.parametrize(
    "how",
    [
        {"match": 2.0},
        {"wrap": -1.0},
        {"shadow": 1.5},
        {"choke": float("nan")},
        {"choke": 501.0},
        {"choke": -501.0},
        {"clip": (0.5, 0.5)},
        {"clip": (0.0, 1.5)},
        {"wrap_size": 0.0},
        {"size": (4, 4)},
        {"fit": "cover"},
        {"timing": "pingpong"},
        {"smooth": float("nan")},
    ],
)
def test_values_that_are_not_possible(how: dict[str, object]) -> None:
    with pytest.raises(CompositingError, match=r"not possible|too small|not known"):
        CompositeJob(Path("a"), Path("b"), Background("plate"), Path("c"), **how)  # type: ignore[arg-type]


def test_mixed_up_spaces_are_told(shot: Path) -> None:
    with pytest.raises(ColorError, match="cannot be tagged as ACEScg"):
        composite(job(shot, "white", "a.mp4", output_space="ACEScg"))


@pytest.mark.parametrize("space", ["Gamma 2.2 Encoded Rec.709", "Gamma 2.4 Encoded Rec.709", "sRGB - Display"])
def test_a_plate_whose_curve_no_movie_is_tagged_with(space: str, shot: Path, write: Write) -> None:
    write(shot / "grey.png", np.full((HEIGHT, WIDTH, 3), 0.5, np.float32))
    settings = {"plate": shot / "grey.png", "color_space": space, "matte": shot / "sky.png"}
    write(shot / "sky.png", np.zeros((HEIGHT, WIDTH, 1), np.float32))
    composite(replace(job(shot, "white", "a.mp4", **settings), background=Background("plate")))
    with open_footage(shot / "a.mp4") as made, open_footage(shot / "grey.png", color_space=space) as plate:
        assert made.color.space == "Camera Rec.709"
        light, wanted = (to_space(each.read(0), "Linear Rec.709 (sRGB)").rgb().mean((1, 2)) for each in (made, plate))
    assert light.tolist() == pytest.approx(wanted.tolist(), abs=0.01)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("output", ["out.png", "out.mp4", "out.exr"])
def test_grey_plates_and_backgrounds(alpha: bool, output: str, shot: Path, write: Write) -> None:
    grey = np.full((HEIGHT, WIDTH, 1 + alpha), 0.75, np.float32)
    grey[..., 1:] = 1.0
    half = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    half[:, :32] = 1.0
    write(shot / "grey.png", grey)
    write(shot / "half.png", half)
    write(shot / "blue.png", np.full((HEIGHT, WIDTH, 3), [0.0, 0.0, 0.5], np.float32))
    for plate, background, left, right in (
        ("grey.png", "blue.png", [191, 191, 191], [0, 0, 128]),
        ("blue.png", "grey.png", [0, 0, 128], [191, 191, 191]),
    ):
        settings = {"plate": shot / plate, "matte": shot / "half.png", "estimate": False}
        composite(job(shot, background, f"{plate}.{output}", **settings))
        with open_footage(shot / f"{plate}.{output}") as footage:
            view = footage.view(0).astype(int)
        assert np.abs(view[24, 10] - left).max() <= 3
        assert np.abs(view[24, 54] - right).max() <= 3


def test_a_plate_of_high_range_stays_one(shot: Path) -> None:
    space = "Rec.2100-PQ - Display"
    made = source("constant", width=WIDTH, height=HEIGHT, color=(0.6, 0.5, 0.4), color_space=space)
    render(made, MovieOutput(shot / "pq.mp4", space, identity=Identity(Fraction(24))), range(1001, 1003))
    settings = {"plate": shot / "pq.mp4", "start": 1001, "frames": FrameRange(1001, 1002)}
    composite(replace(job(shot, "white", "out.mp4", **settings), background=Background("plate")))
    with open_footage(shot / "out.mp4") as footage:
        assert footage.color.space == space
        assert footage.read(1).rgb().mean((1, 2)).tolist() == pytest.approx([0.6, 0.5, 0.4], abs=4 / 876)


def test_the_graph_replaces_nothing_that_is_read_or_written(shot: Path) -> None:
    sky = (shot / "sky.png").read_bytes()
    for name in ("sky.png", "out.mp4"):
        with pytest.raises(CompositingError, match=rf"The graph .*{name} would be no JSON file; give a name"):
            job(shot, "sky.png", "out.mp4", graph=shot / name)
    (shot / "link.json").symlink_to(shot / "sky.png")
    with pytest.raises(CompositingError, match="is read for this composite and would be overwritten"):
        composite(job(shot, "sky.png", "out.mp4", graph=shot / "link.json"))
    assert (shot / "sky.png").read_bytes() == sky
    assert not (shot / "out.mp4").exists()


def test_mattes_are_found_among_other_deliverables(shot: Path) -> None:
    for path in sorted((shot / "matte").iterdir()):
        (shot / "matte" / path.name.replace("_matte", "_rgba")).write_bytes(
            (shot / "plate" / "shot.1001.exr").read_bytes()
        )
    (shot / "matte" / "contact_sheet.png").write_bytes((shot / "sky.png").read_bytes())
    assert composite(job(shot, "white", frames=FrameRange(1001, 1002))).rendered == 2
    (shot / "matte" / "cat_matte.1001.exr").write_bytes((shot / "matte" / "shot_matte.1001.exr").read_bytes())
    with pytest.raises(CompositingError, match="holds more than one sequence"):
        composite(job(shot, "white", "again"))
