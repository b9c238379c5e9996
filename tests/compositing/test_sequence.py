"""Image sequences: numbers, gaps, windows, layers, alpha and what headers carry."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from compositing import FootageError, FrameRangeError, MissingFrameError, Window, open_footage

Number = Callable[[NDArray[np.generic]], int]
Write = Callable[..., Path]
Sequence = Callable[..., Path]

RANDOM = np.random.default_rng(3)


def noise(height: int, width: int, channels: int) -> NDArray[np.float32]:
    """Values that half floats hold exactly, some above one and some below zero."""
    return (RANDOM.integers(-8, 40, (height, width, channels)) / 16.0).astype(np.float32)


@pytest.mark.parametrize("suffix", ["exr", "png", "jpg", "tif", "dpx", "tga", "bmp", "jp2"])
@pytest.mark.parametrize("asked", ["", "plate.%04d.{}", "plate.####.{}", "plate.1003.{}"])
def test_a_sequence_opens_by_any_of_its_names(
    suffix: str, asked: str, coded_sequence: Sequence, number: Number
) -> None:
    folder = coded_sequence(f"plate.%04d.{suffix}", range(1001, 1005))
    with open_footage(folder / asked.format(suffix)) as footage:
        assert (footage.first, footage.last, len(footage)) == (1001, 1004, 4)
        assert (footage.width, footage.height) == (80, 48)
        assert footage.missing == []
        assert [(frame, number(view)) for frame, view in footage.views(footage.frames)] == [
            (frame, frame % 1024) for frame in range(1001, 1005)
        ]
        assert number(footage.read(1002).rgb().numpy().transpose(1, 2, 0)) == 1002 % 1024


def test_gaps_are_reported_and_never_filled(coded_sequence: Sequence, number: Number) -> None:
    folder = coded_sequence("a.%04d.png", [*range(1001, 1004), *range(1006, 1009), 1010])
    with open_footage(folder) as footage:
        assert footage.missing == [1004, 1005, 1009]
        assert any("1004-1005, 1009 missing" in note for note in footage.notes)
        assert number(footage.view(1006)) == 1006 % 1024
        with pytest.raises(MissingFrameError, match=r"Frame 1005 of .* is missing \(frames 1001-1010"):
            footage.view(1005)
        with pytest.raises(FrameRangeError, match=r"Frame 1011 is outside .* 1001-1010"):
            footage.read(1011)
        with pytest.raises(MissingFrameError):
            list(footage.views(range(1001, 1011)))


def test_a_sequence_with_huge_gaps_opens_as_fast_as_any(coded_sequence: Sequence) -> None:
    with open_footage(coded_sequence("a.%d.png", [5, 1_700_000_000_000])) as footage:
        assert footage.last == 1_700_000_000_000
        assert any("6-1699999999999 missing" in note for note in footage.notes)


def test_negative_numbers(coded_sequence: Sequence, number: Number) -> None:
    with open_footage(coded_sequence("a.%04d.png", range(-2, 2))) as footage:
        assert list(footage.frames) == [-2, -1, 0, 1]
        assert number(footage.view(-2)) == 2


def test_a_sequence_can_be_renumbered(coded_sequence: Sequence, number: Number) -> None:
    with open_footage(coded_sequence("a.%04d.png", [10, 11, 13]), start=1001) as footage:
        assert list(footage.frames) == [1001, 1002, 1004]
        assert footage.missing == [1003]
        assert number(footage.view(1004)) == 13


def test_numbers_beside_other_pictures_do_not_make_a_sequence(write: Write, tmp_path: Path) -> None:
    for index, size in enumerate((8, 12, 16), start=1):
        write(tmp_path / f"t{index:02}.exr", noise(size, size, 3))
    with open_footage(tmp_path / "t02.exr") as footage:
        assert (footage.width, list(footage.frames)) == (12, [2])
        assert any("opened as a still" in note for note in footage.notes)


def test_a_frame_of_another_size_is_refused_by_name(write: Write, tmp_path: Path) -> None:
    for frame, size in enumerate((8, 12, 8), start=1):
        write(tmp_path / f"a.{frame}.exr", noise(size, size, 3))
    with open_footage(tmp_path) as footage, pytest.raises(FootageError, match=r"a\.2\.exr is 12x12 .* 8x8"):
        footage.view(2)


@pytest.mark.parametrize(
    "data",
    [(0, 0, 40, 30), (-5, -7, 60, 50), (10, 8, 12, 9), (-10, 20, 20, 30), (50, 0, 8, 8), (-20, -20, 8, 8)],
    ids=["same", "overscan", "inside", "across", "right of it", "above it"],
)
@pytest.mark.parametrize("corner", [(0, 0), (3, -4)])
def test_windows(data: tuple[int, int, int, int], corner: tuple[int, int], write: Write, tmp_path: Path) -> None:
    pixels = noise(data[3], data[2], 3)
    path = write(tmp_path / "a.exr", pixels, data=data[:2], display=(*corner, 40, 30))
    with open_footage(path) as footage:
        assert (footage.width, footage.height) == (40, 30)
        plate = footage.read(0)
        assert plate.data == Window.sized(data[2], data[3], *data[:2])
        assert plate.display == Window.sized(40, 30, *corner)
        np.testing.assert_array_equal(plate.pixels.numpy().transpose(1, 2, 0), pixels)
        shown, view = plate.on_display().pixels.numpy(), footage.view(0)
        assert view.shape == (30, 40, 3)
        for y in range(30):
            for x in range(40):
                column, row = x + corner[0] - data[0], y + corner[1] - data[1]
                inside = 0 <= column < data[2] and 0 <= row < data[3]
                expected = pixels[row, column] if inside else np.zeros(3)
                np.testing.assert_array_equal(shown[:, y, x], expected)
                if not inside:
                    assert view[y, x].max() == 0


def test_the_data_window_may_move_from_frame_to_frame(write: Write, tmp_path: Path) -> None:
    for frame in range(3):
        write(tmp_path / f"a.{frame}.exr", noise(4, 5, 4) + 2, data=(frame * 10, 2), display=(0, 0, 40, 30))
    with open_footage(tmp_path) as footage:
        for frame, view in footage.views(footage.frames):
            columns = np.flatnonzero(view.max(axis=(0, 2)))
            assert (columns[0], columns[-1]) == (frame * 10, frame * 10 + 4)


@pytest.mark.parametrize("tile", [0, 16])
def test_half_floats_are_kept_as_they_are(tile: int, write: Write, tmp_path: Path) -> None:
    pixels = noise(48, 32, 4)
    with open_footage(write(tmp_path / "a.exr", pixels, tile=tile)) as footage:
        plate = footage.read(0)
        assert plate.channels == ("R", "G", "B", "A")
        assert plate.premultiplied
        np.testing.assert_array_equal(plate.pixels.numpy().transpose(1, 2, 0), pixels)


LAYERED = ("R", "G", "B", "A", "left.R", "left.G", "left.B", "depth.Z", "dog.A", "crypto00.red", "crypto00.green")


@pytest.mark.parametrize(
    ("layer", "names", "places"),
    [
        (None, ("R", "G", "B", "A"), (0, 1, 2, 3)),
        ("left", ("R", "G", "B"), (4, 5, 6)),
        ("depth", ("Z",), (7,)),
        ("dog", ("A",), (8,)),
        ("depth.Z", ("Z",), (7,)),
        ("G", ("G",), (1,)),
    ],
)
def test_layers(
    layer: str | None, names: tuple[str, ...], places: tuple[int, ...], write: Write, tmp_path: Path
) -> None:
    pixels = noise(6, 7, len(LAYERED))
    with open_footage(write(tmp_path / "a.exr", pixels, channels=LAYERED), layer=layer) as footage:
        plate = footage.read(0)
        assert plate.channels == names
        np.testing.assert_array_equal(plate.pixels.numpy().transpose(1, 2, 0), pixels[..., list(places)])
        assert footage.view(0).shape == (6, 7, 3)


def test_a_layer_that_is_not_there_is_told_with_those_that_are(write: Write, tmp_path: Path) -> None:
    path = write(tmp_path / "a.exr", noise(4, 4, len(LAYERED)), channels=LAYERED)
    with pytest.raises(FootageError, match=r"no layer 'right'; it has R,G,B,A, crypto00, depth, dog, left"):
        open_footage(path, layer="right")


def test_without_colour_of_its_own_the_only_layer_with_colour_is_taken(write: Write, tmp_path: Path) -> None:
    channels = ("beauty.R", "beauty.G", "beauty.B", "N.x", "N.y", "N.z")
    with open_footage(write(tmp_path / "a.exr", noise(4, 4, 6), channels=channels)) as footage:
        assert footage.read(0).channels == ("R", "G", "B")
        assert any("layer beauty was taken" in note for note in footage.notes)


def test_cryptomatte_is_no_colour(write: Write, tmp_path: Path) -> None:
    channels = ("crypto_asset.R", "crypto_asset.G", "crypto_asset.B", "crypto_asset00.R", "crypto_asset00.G")
    attributes = {"cryptomatte/28322e9/name": "crypto_asset"}
    path = write(tmp_path / "a.exr", noise(4, 4, 5), channels=channels, attributes=attributes)
    with pytest.raises(FootageError, match="choose one of its layers"):
        open_footage(path)


def test_a_matte_alone_is_grey(write: Write, tmp_path: Path) -> None:
    pixels = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4, 1)
    with open_footage(write(tmp_path / "a.exr", pixels, channels=("A",))) as footage:
        assert footage.view(0)[0, 0].tolist() == [0, 0, 0]
        assert footage.view(0)[2, 3].tolist() == [255, 255, 255]


def test_parts_are_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    specs = []
    for name, width in (("rgba_left", 8), ("rgba_right", 6)):
        spec = oiio.ImageSpec(width, 4, 3, "half")
        spec.full_width, spec.full_height = 8, 4
        spec.attribute("oiio:subimagename", name)
        specs.append(spec)
    output = oiio.ImageOutput.create(str(path))
    output.open(str(path), specs)
    output.write_image(np.full((4, 8, 3), 0.25, dtype=np.float32))
    output.open(str(path), specs[1], "AppendSubimage")
    output.write_image(np.full((4, 6, 3), 0.75, dtype=np.float32))
    output.close()
    with open_footage(path) as left, open_footage(path, layer="rgba_right") as right:
        assert left.read(0).pixels.mean() == 0.25
        assert any("Part rgba_left was taken; others are rgba_right" in note for note in left.notes)
        assert right.read(0).pixels.mean() == 0.75
        assert right.read(0).data.width == 6
        assert right.width == 8


def test_a_deep_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.exr"
    spec = oiio.ImageSpec(4, 3, 4, "half")
    spec.deep = True
    output = oiio.ImageOutput.create(str(path))
    output.open(str(path), spec)
    pixels = oiio.DeepData()
    pixels.init(12, 4, (oiio.TypeDesc("half"),) * 4, ("R", "G", "B", "A"))
    output.write_deep_image(pixels)
    output.close()
    with pytest.raises(FootageError, match="deep image"):
        open_footage(path)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_straight_alpha_stays_straight_and_is_shown_over_black(suffix: str, write: Write, tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), dtype=np.float32)
    pixels[..., 0] = 200 / 255
    pixels[..., 3] = 51 / 255
    attributes = {"oiio:UnassociatedAlpha": 1}
    with open_footage(write(tmp_path / f"a.{suffix}", pixels, attributes=attributes)) as footage:
        plate = footage.read(0)
        assert not plate.premultiplied
        assert plate.channel("R")[0, 0] == pytest.approx(200 / 255, abs=1e-6)
        assert footage.view(0)[0, 0].tolist() == [40, 0, 0]


def test_headers_are_carried(write: Write, tmp_path: Path) -> None:
    for frame in (1001, 1002):
        attributes: dict[str, Any] = {
            "smpte:TimeCode": ("timecode", (0x10203000 | (frame - 1001), 0)),
            "framesPerSecond": ("rational", (24000, 1001)),
            "PixelAspectRatio": 2.0,
        }
        write(tmp_path / f"a.{frame}.exr", noise(4, 4, 3), attributes=attributes)
    with open_footage(tmp_path) as footage:
        assert footage.rate == Fraction(24000, 1001)
        assert [footage.timecode(frame) for frame in footage.frames] == ["10:20:30:00", "10:20:30:01"]
        assert footage.pixel_aspect == 2.0
        assert any("not square" in note for note in footage.notes)
    with open_footage(tmp_path, rate=25) as footage:
        assert footage.rate == 25


def test_a_plain_sequence_has_neither_rate_nor_timecode(write: Write, tmp_path: Path) -> None:
    with open_footage(write(tmp_path / "a.png", noise(4, 4, 3))) as footage:
        assert footage.rate is None
        assert footage.timecode(0) is None
        assert footage.chromaticities is None


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (6, -1), (3, 2), (8, 1)])
def test_photographs_stand_upright(orientation: int, turns: int, write: Write, tmp_path: Path) -> None:
    pixels = np.zeros((8, 12, 3), dtype=np.float32)
    pixels[:2, :3] = 1.0
    path = write(tmp_path / "a.tif", pixels, attributes={"Orientation": orientation})
    expected = np.rot90(pixels, turns)
    with open_footage(path) as footage:
        assert (footage.height, footage.width) == expected.shape[:2]
        np.testing.assert_array_equal(footage.view(0), expected * 255)
        np.testing.assert_array_equal(footage.read(0).pixels.numpy().transpose(1, 2, 0), expected)


@pytest.mark.parametrize("suffix", ["exr", "png", "jpg", "tif", "dpx", "bmp"])
def test_a_damaged_file_is_named(suffix: str, write: Write, tmp_path: Path) -> None:
    for frame in (1, 2, 3):
        write(tmp_path / f"a.{frame}.{suffix}", np.abs(noise(64, 64, 3)))
    damaged = tmp_path / f"a.2.{suffix}"
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    with open_footage(tmp_path) as footage:
        assert footage.view(3).shape == (64, 64, 3)
        for look in (footage.view, footage.read):
            with pytest.raises(FootageError, match=rf"a\.2\.{suffix}") as caught:
                look(2)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"words", bytes(400)])
@pytest.mark.parametrize("suffix", ["exr", "png", "dpx", "tif"])
def test_what_is_no_picture_is_refused(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(FootageError, match=rf"a\.{suffix} cannot be read as a picture"):
        open_footage(path)


def test_a_file_that_goes_away_is_told(write: Write, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"a.{frame}.png", noise(4, 4, 3)) for frame in (1, 2)]
    with open_footage(tmp_path) as footage:
        paths[1].unlink()
        with pytest.raises(FootageError, match=r"a\.2\.png"):
            footage.view(2)


def test_looking_ahead_is_bounded(coded_sequence: Sequence, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_footage(coded_sequence("a.%d.png", range(40))) as footage:
        seen: list[int] = []
        view = footage.view

        def count(frame: int) -> NDArray[np.uint8]:
            seen.append(frame)
            return view(frame)

        monkeypatch.setattr(footage, "view", count)
        views = footage.views(footage.frames, look_ahead=3)
        for _ in range(5):
            next(views)
        assert max(seen) <= 4 + 3
        views.close()  # type: ignore[attr-defined]
        assert max(seen) <= 4 + 3
