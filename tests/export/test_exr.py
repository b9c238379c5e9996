"""EXR mattes, read back by the OpenEXR package and by OpenImageIO."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from compositing.errors import OutputError
from compositing.footage import open_footage
from compositing.image import Window
from sam2_roto.errors import ExportError
from sam2_roto.export import PlateMetadata, write_matte

HEIGHT, WIDTH = 48, 80
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
PLATE = PlateMetadata(
    Window.sized(WIDTH, HEIGHT), Fraction(24000, 1001), "01:02:03:04", 2.0, REC709, {"sam2_roto:model": "nano"}
)


def matte(x0: int = 20, y0: int = 10, x1: int = 50, y1: int = 30) -> np.ndarray[Any, np.dtype[np.float32]]:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[y0:y1, x0:x1] = np.linspace(0.1, 1, x1 - x0, dtype=np.float32)
    return alpha


def header(path: Path) -> dict[str, Any]:
    with OpenEXR.File(str(path)) as file:
        return dict(file.header())


def planes(path: Path) -> dict[str, np.ndarray[Any, np.dtype[np.float16]]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: channel.pixels.copy() for name, channel in file.channels().items()}


def test_single_matte_is_channel_a_cropped_with_margin(tmp_path: Path) -> None:
    path = tmp_path / "dog.0001.exr"
    write_matte(path, {"dog": matte()}, metadata=PLATE)
    found = planes(path)
    assert list(found) == ["A"]
    assert found["A"].dtype == np.float16
    low, high = header(path)["dataWindow"]
    assert (low.tolist(), high.tolist()) == ([18, 8], [51, 31])
    np.testing.assert_array_equal(found["A"], matte()[8:32, 18:52].astype(np.float16))
    assert found["A"][0].max() == 0


def test_header_carries_the_plate(tmp_path: Path) -> None:
    path = tmp_path / "dog.exr"
    write_matte(path, {"dog": matte()}, metadata=PLATE)
    found = header(path)
    assert found["framesPerSecond"] == Fraction(24000, 1001)
    time = found["timeCode"]
    assert (time.hours, time.minutes, time.seconds, time.frame) == (1, 2, 3, 4)
    assert found["pixelAspectRatio"] == 2.0
    assert found["chromaticities"] == pytest.approx(REC709)
    assert found["compression"] == OpenEXR.ZIP_COMPRESSION
    assert [corner.tolist() for corner in found["displayWindow"]] == [[0, 0], [WIDTH - 1, HEIGHT - 1]]
    assert found["sam2_roto:model"] == "nano"


def test_openimageio_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "two.exr"
    write_matte(path, {"dog": matte(), "cat": matte(0, 0, 8, 8)}, metadata=PLATE, crop=False)
    picture = oiio.ImageBuf(str(path))
    spec = picture.spec()
    assert spec.channelnames == ("cat.A", "dog.A")
    pixels = picture.get_pixels(oiio.FLOAT)
    assert pixels is not None
    np.testing.assert_array_equal(pixels[..., 1], matte().astype(np.float16).astype(np.float32))
    assert spec.getattribute("smpte:TimeCode")[0] == 0x01020304


def test_absent_objects_keep_their_channel(tmp_path: Path) -> None:
    path = tmp_path / "none.exr"
    empty = np.zeros((HEIGHT, WIDTH), np.float32)
    write_matte(path, {"dog": empty, "cat": empty}, metadata=PLATE)
    found = planes(path)
    assert sorted(found) == ["cat.A", "dog.A"]
    assert found["dog.A"].shape == (1, 1)
    assert found["dog.A"].max() == 0


def test_display_window_away_from_the_origin(tmp_path: Path) -> None:
    path = tmp_path / "offset.exr"
    write_matte(path, {"dog": matte()}, metadata=PlateMetadata(Window.sized(WIDTH, HEIGHT, -16, 7)))
    found = header(path)
    assert [corner.tolist() for corner in found["displayWindow"]] == [[-16, 7], [WIDTH - 17, HEIGHT + 6]]
    assert found["dataWindow"][0].tolist() == [20 - 2 - 16, 10 - 2 + 7]


def test_values_outside_zero_to_one_are_clipped(tmp_path: Path) -> None:
    path = tmp_path / "clip.exr"
    write_matte(path, {"dog": matte() * 3 - 0.5}, metadata=PLATE, crop=False)
    assert planes(path)["A"].min() == 0
    assert planes(path)["A"].max() == 1


@pytest.mark.parametrize(
    ("rate", "text", "held"),
    [(Fraction(30), "10:11:12:29", 29), (Fraction(48), "10:11:12:47", 23), (Fraction(60000, 1001), "00:00:01;58", 29)],
)
def test_timecodes_at_any_rate_come_back(tmp_path: Path, rate: Fraction, text: str, held: int) -> None:
    path = tmp_path / "dog.0001.exr"
    write_matte(path, {"dog": matte()}, metadata=PlateMetadata(Window.sized(WIDTH, HEIGHT), rate, text))
    found = header(path)["timeCode"]
    assert (found.frame, found.dropFrame) == (held, ";" in text)
    assert found.fieldPhase == (rate > 30 and int(text[-2:]) % 2 == 1)
    with open_footage(path) as footage:
        assert footage.timecode(1) == text


@pytest.mark.parametrize(
    ("names", "word"), [(["café", "caf-"], "share the layer"), (["!"], "no letter"), ([], "no object")]
)
def test_names_that_cannot_be_layers(tmp_path: Path, names: list[str], word: str) -> None:
    with pytest.raises(ExportError, match=word):
        write_matte(tmp_path / "x.exr", {name: matte() for name in names}, metadata=PLATE)


def test_names_are_made_safe(tmp_path: Path) -> None:
    write_matte(tmp_path / "x.exr", {"big dog": matte(), "b.c/d": matte()}, metadata=PLATE)
    assert sorted(planes(tmp_path / "x.exr")) == ["b_c_d.A", "big_dog.A"]


def test_wrong_size_compression_and_values(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"40×48.*80×48"):
        write_matte(tmp_path / "x.exr", {"dog": matte()[:, :40]}, metadata=PLATE)
    with pytest.raises(ExportError, match="htj2k"):
        write_matte(tmp_path / "x.exr", {"dog": matte()}, metadata=PLATE, compression="htj2k")
    with pytest.raises(ValueError, match="not finite"):
        write_matte(tmp_path / "x.exr", {"dog": matte() + np.float32(np.nan)}, metadata=PLATE)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"absent.*x\.exr cannot be written"):
        write_matte(tmp_path / "absent" / "x.exr", {"dog": matte()}, metadata=PLATE)


FULL_DISK = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from compositing.errors import OutputError
from compositing.footage import open_footage
from compositing.image import Window
from sam2_roto.export import PlateMetadata, write_matte
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
noise = np.random.default_rng(0).random((300, 300), np.float32)
try:
    write_matte(Path(sys.argv[1]), {"dog": noise}, metadata=PlateMetadata(Window.sized(300, 300)))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX thing")
def test_full_disk_leaves_no_file(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "x.exr")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert "x.exr cannot be written" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []
