"""Multi-part and premultiplied EXRs, read back by the OpenEXR package and by OpenImageIO."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
import torch
from numpy.typing import NDArray

from compositing.image import Image, Window
from sam2_roto.errors import ExportError
from sam2_roto.export import PlateMetadata
from sam2_roto.export.exr import compression_note
from sam2_roto.export.multipart import write_parts
from sam2_roto.export.rgba import premultiplied, write_rgba

HEIGHT, WIDTH = 48, 80
PLATE = PlateMetadata(Window.sized(WIDTH, HEIGHT), Fraction(25), "01:02:03:04", notes={"sam2_roto/model": "nano"})


def matte(x0: int, y0: int, x1: int, y1: int) -> NDArray[np.float32]:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[y0:y1, x0:x1] = np.linspace(0.1, 1, x1 - x0, dtype=np.float32)
    return alpha


def plate() -> Image:
    pixels = np.random.default_rng(4).random((HEIGHT, WIDTH, 3), np.float32) * 4 - 0.5
    return Image.from_array(pixels, color_space="ACEScg")


MATTES = {"dog": matte(20, 10, 50, 30), "big cat": matte(0, 0, 8, 8), "cow": np.zeros((HEIGHT, WIDTH), np.float32)}


def test_parts_have_windows_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "parts.0001.exr"
    write_parts(path, MATTES, metadata=PLATE)
    with OpenEXR.File(str(path), separate_channels=True) as file:
        assert [part.header["name"] for part in file.parts] == ["dog", "big_cat", "cow"]
        assert [list(part.channels) for part in file.parts] == [["dog.A"], ["big_cat.A"], ["cow.A"]]
        low, high = file.parts[0].header["dataWindow"]
        assert (low.tolist(), high.tolist()) == ([18, 8], [51, 31])
        assert file.parts[2].channels["cow.A"].pixels.tolist() == [[0]]
        for part in file.parts:
            assert part.header["framesPerSecond"] == 25
            assert part.header["timeCode"].seconds == 3
            assert part.header["sam2_roto/model"] == "nano"
        inside = file.parts[0].channels["dog.A"].pixels
        np.testing.assert_array_equal(inside, MATTES["dog"][8:32, 18:52].astype(np.float16))


def test_openimageio_reads_the_parts_as_written(tmp_path: Path) -> None:
    path = tmp_path / "parts.exr"
    write_parts(path, MATTES, metadata=PLATE, crop=False)
    for index, alpha in enumerate(MATTES.values()):
        pixels = oiio.ImageBuf(str(path), index, 0).get_pixels(oiio.FLOAT)
        assert pixels is not None
        np.testing.assert_array_equal(pixels[..., 0], alpha.astype(np.float16))


def test_cut_out_is_premultiplied_and_cropped(tmp_path: Path) -> None:
    path = tmp_path / "cut.exr"
    write_rgba(path, plate(), MATTES["dog"], metadata=PLATE)
    expected = np.concatenate([plate().to_array() * MATTES["dog"][..., None], MATTES["dog"][..., None]], axis=-1)
    with OpenEXR.File(str(path), separate_channels=True) as file:
        low, high = file.header()["dataWindow"]
        assert (low.tolist(), high.tolist()) == ([18, 8], [51, 31])
        assert file.header()["sam2_roto/color_space"] == "ACEScg"
        for index, name in enumerate("RGBA"):
            inside = file.channels()[name].pixels
            np.testing.assert_array_equal(inside, expected[8:32, 18:52, index].astype(np.float16))
    pixels = oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
    assert pixels is not None
    np.testing.assert_array_equal(pixels, expected[8:32, 18:52].astype(np.float16))


def test_values_beyond_half_stay_finite(tmp_path: Path) -> None:
    hot = plate()
    hot.pixels[0, 15, 45], hot.pixels[1, 15, 45] = 1e9, float("inf")
    write_rgba(tmp_path / "hot.exr", hot, np.ones((HEIGHT, WIDTH), np.float32), metadata=PLATE)
    with OpenEXR.File(str(tmp_path / "hot.exr"), separate_channels=True) as file:
        assert file.channels()["R"].pixels.max() == file.channels()["G"].pixels.max() == 65504


def test_alpha_of_the_plate_is_kept() -> None:
    pixels = torch.full((4, 2, 2), 0.5)
    straight = Image(pixels, ("R", "G", "B", "A"), Window.sized(2, 2), Window.sized(2, 2), premultiplied=False)
    half = np.full((2, 2), 0.5, np.float32)
    assert premultiplied(straight, half)[0, 0].tolist() == [0.125, 0.125, 0.125, 0.25]
    window = Window.sized(2, 2)
    assert premultiplied(Image(pixels, ("R", "G", "B", "A"), window, window), half)[0, 0].tolist() == [0.25] * 4


def test_lossy_compression_is_told() -> None:
    assert compression_note("zip:4", "RGBA") is None
    assert compression_note("dwaa", ["dog.A", "A"]) is None
    note = compression_note("dwab:45", ["R", "G", "B", "A"])
    assert note is not None
    assert "lossy on R, G, B" in note


def test_notes_on_compression_are_true(tmp_path: Path) -> None:
    alpha = np.random.default_rng(1).random((HEIGHT, WIDTH), np.float32)
    write_parts(tmp_path / "a.exr", {"dog": alpha}, metadata=PLATE, compression="dwaa")
    with OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True) as file:
        np.testing.assert_array_equal(file.channels()["dog.A"].pixels, alpha.astype(np.float16))
    ones = np.ones((HEIGHT, WIDTH), np.float32)
    write_rgba(tmp_path / "c.exr", plate(), ones, metadata=PLATE, compression="dwaa")
    with OpenEXR.File(str(tmp_path / "c.exr"), separate_channels=True) as file:
        error = abs(file.channels()["R"].pixels.astype(np.float32) - plate().to_array()[..., 0]).max()
    assert error > 0.005


def test_wrong_words(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="htj2k"):
        write_parts(tmp_path / "x.exr", MATTES, metadata=PLATE, compression="htj2k")
    with pytest.raises(ExportError, match="make them equal"):
        write_rgba(tmp_path / "x.exr", plate(), MATTES["dog"][:9], metadata=PLATE)
    assert list(tmp_path.iterdir()) == []
