"""Names of files on disk: which belong together, and which number each has."""

from __future__ import annotations

from pathlib import Path

import pytest

from compositing.errors import FootageError
from compositing.footage.numbering import find, stem


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("names", "asked", "pattern", "frames"),
    [
        (["a.0999.exr", "a.1000.exr"], "", "a.%04d.exr", [999, 1000]),
        (["a.0999.exr", "a.1000.exr", "b.1.exr"], "a.1000.exr", "a.%04d.exr", [999, 1000]),
        (["a.9.png", "a.10.png"], "", "a.%d.png", [9, 10]),
        (["00000.jpg", "00001.jpg"], "00001.jpg", "%05d.jpg", [0, 1]),
        (["a.-002.exr", "a.-001.exr", "a.0000.exr"], "", "a.%04d.exr", [-2, -1, 0]),
        (["shot-001.exr", "shot-002.exr"], "", "shot-%03d.exr", [1, 2]),
        (["sh010_v2.0001.exr", "sh010_v2.0003.exr"], "", "sh010_v2.%04d.exr", [1, 3]),
        (["a.0001.exr", "a.10000.exr"], "a.%04d.exr", "a.%04d.exr", [1, 10000]),
        (["a.0001.exr", "a.0002.exr"], "a.####.exr", "a.####.exr", [1, 2]),
        (["a.0001.exr", "a.02.exr"], "a.@@@@.exr", "a.@@@@.exr", [1]),
        (["a.1.exr", "a.22.exr"], "a.%d.exr", "a.%d.exr", [1, 22]),
        (["a.0001.EXR", "notes.txt", ".a.0002.EXR", "a.0001.mov"], "", "a.%04d.EXR", [1]),
        (["a.-001.exr", "a.0000.exr"], "a.%04d.exr", "a.%04d.exr", [-1, 0]),
        (["a.-012.exr", "a.-1.exr", "a.1234.exr"], "a.####.exr", "a.####.exr", [-12, 1234]),
        (["a.-1.exr", "a.3.exr"], "a.%d.exr", "a.%d.exr", [-1, 3]),
        (["a.0001.jp2", "a.0002.jp2"], "", "a.%04d.jp2", [1, 2]),
        (["a.0001.JP2", "a.0002.JP2"], "a.0002.JP2", "a.%04d.JP2", [1, 2]),
        (["plate.1001.png", "other1.png", "other01.png"], "plate.1001.png", "plate.%04d.png", [1001]),
        (["frame0007.png"], "frame0007.png", "frame%04d.png", [7]),
        (["plate.exr"], "plate.exr", "plate.exr", [0]),
        (["plate.exr"], "", "plate.exr", [0]),
        (["Rec709.exr"], "Rec709.exr", "Rec709.exr", [0]),
        (["comp_v001.exr", "comp_v002.exr"], "comp_v001.exr", "comp_v001.exr", [0]),
    ],
)
def test_files_that_belong_together(
    names: list[str], asked: str, pattern: str, frames: list[int], tmp_path: Path
) -> None:
    found = find(touch(tmp_path, *names) / asked)
    assert found.name == pattern
    assert list(found.files) == frames
    assert all(path.is_file() for path in found.files.values())


@pytest.mark.parametrize(
    ("names", "asked", "told"),
    [
        (["a.1.exr", "b.1.exr"], "", r"more than one sequence \(a\.%d\.exr, b\.%d\.exr\)"),
        (["x.exr", "y.exr"], "", "more than one sequence"),
        (["notes.txt"], "", "holds no pictures"),
        (["a.1.exr", "a.0001.exr"], "", "both frame 1"),
        (["a.0001.exr"], "b.%04d.exr", "No file matches"),
        (["a.0001.exr"], "a.%05d.exr", "No file matches"),
        (["a.0001.exr"], "a.0002.exr", "There is no file"),
        ([], "gone/a.%04d.exr", "There is no folder"),
    ],
)
def test_names_that_cannot_be_followed_are_told(names: list[str], asked: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(FootageError, match=told) as caught:
        find(touch(tmp_path, *names) / asked)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("plate.1001.exr", "plate"),
        ("plate.%04d.exr", "plate"),
        ("plate_####.exr", "plate"),
        ("sh010.plate.-012.exr", "sh010.plate"),
        ("1001.exr", "plate"),
        ("Rec709.exr", "Rec709"),
        ("comp_v002.exr", "comp_v002"),
        ("gone.0007.exr", "gone"),
        ("m6.mp4", "m6"),
        ("take#2.mov", "take#2"),
        ("sh010", "sh010"),
        ("sh.020", "sh.020"),
        ("", "footage1"),
    ],
)
def test_only_pictures_of_a_sequence_lose_their_number(name: str, wanted: str, tmp_path: Path) -> None:
    folder = tmp_path / "footage1"
    for inner in ("sh010", "sh.020"):
        (folder / inner).mkdir(parents=True)
    touch(folder, "plate.1001.exr", "1001.exr", "Rec709.exr", "comp_v002.exr", "m6.mp4", "take#2.mov")
    assert stem(folder / name) == wanted
