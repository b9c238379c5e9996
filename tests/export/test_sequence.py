"""Sequences of mattes: names, completeness, back-pressure, errors, cancellation."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest

from compositing.errors import OutputError
from compositing.image import Window
from sam2_roto.errors import Cancelled, ExportError
from sam2_roto.export import PlateMetadata, SequenceWriter, frames, write_gray

HEIGHT, WIDTH = 36, 64
PLATE = PlateMetadata(Window.sized(WIDTH, HEIGHT))


def metadata(frame: int) -> PlateMetadata:
    assert isinstance(frame, int)
    return PLATE


def matte(value: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[8:20, 10:30] = value
    return alpha


def picture(path: Path) -> np.ndarray[Any, np.dtype[Any]]:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_frame_has_every_channel_under_the_plates_numbers(tmp_path: Path) -> None:
    with SequenceWriter(tmp_path, "shot", ["dog", "cat"], metadata=metadata) as writer:
        writer.write(-3, {"dog": matte(1), "cat": matte(0.5)})
        writer.write(1001, {"dog": matte(1)})
        writer.write(123456, {})
    assert names(tmp_path) == ["shot.-003.exr", "shot.1001.exr", "shot.123456.exr"]
    for path in tmp_path.iterdir():
        with OpenEXR.File(str(path), separate_channels=True) as file:
            assert sorted(file.channels()) == ["cat.A", "dog.A"]


def test_a_sequence_for_each_object(tmp_path: Path) -> None:
    with SequenceWriter(tmp_path, "shot", ["dog", "cat"], metadata=metadata, layout="objects") as writer:
        writer.write(7, {"cat": matte(0.5)})
        assert [path.name for path in writer.paths(7).values()] == ["shot_dog.0007.exr", "shot_cat.0007.exr"]
    for name, top in (("dog", 0), ("cat", 0.5)):
        with OpenEXR.File(str(tmp_path / f"shot_{name}.0007.exr"), separate_channels=True) as file:
            assert list(file.channels()) == ["A"]
            assert file.channels()["A"].pixels.max() == top


def test_a_part_for_each_object(tmp_path: Path) -> None:
    with SequenceWriter(tmp_path, "shot", ["dog", "cat"], metadata=metadata, layout="parts") as writer:
        writer.write(7, {"cat": matte(0.5)})
    assert names(tmp_path) == ["shot.0007.exr"]
    with OpenEXR.File(str(tmp_path / "shot.0007.exr"), separate_channels=True) as file:
        assert [list(part.channels) for part in file.parts] == [["dog.A"], ["cat.A"]]


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (16, 65535)])
def test_png_is_grey_and_rounded(tmp_path: Path, bits: int, top: int) -> None:
    with SequenceWriter(tmp_path, "shot", ["dog"], metadata=metadata, format="png", bits=bits) as writer:
        writer.write(7, {"dog": matte(0.4)})
    found = picture(tmp_path / "shot.0007.png")
    assert found.shape == (HEIGHT, WIDTH)
    assert found.max() == round(0.4 * top)


def test_grey_files_of_several_objects(tmp_path: Path) -> None:
    with SequenceWriter(tmp_path, "shot", ["dog", "big cat"], metadata=metadata, format="tiff") as writer:
        writer.write(7, {"big cat": matte(1)})
        assert set(writer.paths(7)) == {"dog", "big cat"}
    assert names(tmp_path) == ["shot_big_cat.0007.tiff", "shot_dog.0007.tiff"]
    assert picture(tmp_path / "shot_dog.0007.tiff").max() == 0
    assert picture(tmp_path / "shot_big_cat.0007.tiff").max() == 65535


def test_has_tells_what_is_there(tmp_path: Path) -> None:
    with SequenceWriter(tmp_path, "shot", ["dog", "cat"], metadata=metadata, format="png") as writer:
        writer.write(1, {})
    assert writer.has(1)
    (tmp_path / "shot_cat.0001.png").unlink()
    assert not writer.has(1)


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".shot.0003.exr.99-1.part").write_bytes(b"half")
    (tmp_path / ".other.part").write_bytes(b"not ours")
    SequenceWriter(tmp_path, "shot", ["dog"], metadata=metadata).close()
    assert names(tmp_path) == [".other.part"]


def test_writing_blocks_while_too_many_frames_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, handed = threading.Event(), []

    def slow(*arguments: Any, **options: Any) -> None:
        assert gate.wait(20), (arguments, options)

    def feed() -> None:
        with SequenceWriter(tmp_path, "shot", ["dog"], metadata=metadata, workers=1, waiting=2) as writer:
            for frame in range(6):
                writer.write(frame, {})
                handed.append(frame)

    monkeypatch.setattr(frames, "write_matte", slow)
    feeder = threading.Thread(target=feed)
    feeder.start()
    while len(handed) < 3:  # however long the threads take to begin
        feeder.join(0.05)
    feeder.join(0.3)
    blocked = list(handed)
    gate.set()
    feeder.join(20)
    assert blocked == [0, 1, 2]
    assert handed == list(range(6))


def test_error_of_a_thread_comes_out_at_the_next_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def fail(path: Path, *arguments: Any, **options: Any) -> None:
        failed.set()
        raise OutputError(f"{path.name} {len(arguments)} {len(options)}")

    monkeypatch.setattr(frames, "write_matte", fail)
    writer = SequenceWriter(tmp_path, "shot", ["dog"], metadata=metadata, workers=1, waiting=0)
    writer.write(1, {})
    assert failed.wait(20)
    with pytest.raises(OutputError, match=r"shot\.0001\.exr"):
        writer.write(2, {})
    with pytest.raises(OutputError, match=r"shot\.0001\.exr"):
        writer.close()


def test_error_of_the_last_frame_comes_out_at_the_end(tmp_path: Path) -> None:
    writer = SequenceWriter(tmp_path / "gone", "shot", ["dog"], metadata=metadata)
    (tmp_path / "gone").rmdir()
    writer.write(1, {"dog": matte(1)})
    with pytest.raises(OutputError, match=r"shot\.0001\.exr cannot be written"):
        writer.close()


def test_cancelling_leaves_only_whole_files(tmp_path: Path) -> None:
    def cancelled_run() -> None:
        with SequenceWriter(tmp_path, "shot", ["dog"], metadata=metadata, workers=1, waiting=30) as writer:
            for frame in range(30):
                writer.write(frame, {"dog": matte(1)})
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        cancelled_run()
    assert all(name.endswith(".exr") and not name.startswith(".") for name in names(tmp_path))
    for path in tmp_path.iterdir():
        with OpenEXR.File(str(path)) as file:
            assert file.channels()["A"].pixels.max() == 1


def test_wrong_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="jpg"):
        SequenceWriter(tmp_path, "shot", ["dog"], metadata=metadata, format="jpg")
    with pytest.raises(ExportError, match="layout 'deep'"):
        SequenceWriter(tmp_path, "shot", ["dog"], metadata=metadata, layout="deep")
    with pytest.raises(ExportError, match="slashes"):
        SequenceWriter(tmp_path, "a/b", ["dog"], metadata=metadata)
    with (
        SequenceWriter(tmp_path, "shot", ["dog"], metadata=metadata) as writer,
        pytest.raises(ExportError, match="no object 'cow'"),
    ):
        writer.write(1, {"cow": matte(1)})
    with pytest.raises(ExportError, match="12 bits"):
        write_gray(tmp_path / "x.png", matte(1), metadata=PLATE, bits=12)
    with pytest.raises(ExportError, match="plate's size"):
        write_gray(tmp_path / "x.png", matte(1)[:9], metadata=PLATE)


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match=r"taken.* cannot be made"):
        SequenceWriter(tmp_path / "taken", "shot", ["dog"], metadata=metadata)
