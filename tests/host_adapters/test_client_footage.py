"""Whether a shot is of a plate, however footage is spelled, linked and moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_adapters.client.footage import same_footage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shots with plates of the same names, and what leads to the first by links."""
    for shot in ("sh010", "sh020"):
        (tmp_path / shot).mkdir()
        for name in ("plate.0999.exr", "plate.1000.exr", "plate-0007.png", "clean.0999.exr", "plate.mov", "take2.mov"):
            (tmp_path / shot / name).touch()
    (tmp_path / "linked").symlink_to(tmp_path / "sh010")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "plate.mov").symlink_to(tmp_path / "sh010" / "plate.mov")
    return tmp_path


@pytest.mark.parametrize(
    ("told", "plate"),
    [
        ("sh010/plate.%04d.exr", "sh010/plate.%04d.exr"),
        ("sh010/plate.####.exr", "sh010/plate.%04d.exr"),
        ("sh010/plate.%02d.exr", "sh010/plate.%d.exr"),
        ("sh010/plate.0999.exr", "sh010/plate.%04d.exr"),
        ("sh010/plate-0007.png", "sh010/plate-%04d.png"),
        ("sh010/plate.%04d.exr", "sh010/plate.1000.exr"),
        ("sh010", "sh010/plate.%04d.exr"),
        ("sh010/plate.%04d.exr", "sh010"),
        ("sh010/plate.%04d.exr", "linked/plate.%04d.exr"),
        ("sh010/plate.%04d.exr", "sh020/../linked/plate.%04d.exr"),
        ("sh010/plate.0999.exr", "linked/plate.####.exr"),
        ("sh010/plate.mov", "sh010/plate.mov"),
        ("sh010/plate.mov", "links/plate.mov"),
    ],
)
def test_one_footage(folder: Path, told: str, plate: str) -> None:
    assert same_footage(folder / told, folder / plate)
    assert same_footage(str(folder / told), str(folder / plate))


@pytest.mark.parametrize(
    ("told", "plate"),
    [
        ("sh010/plate.%04d.exr", "sh020/plate.%04d.exr"),
        ("sh010/plate.%04d.exr", "sh010/clean.%04d.exr"),
        ("sh010/plate.%04d.exr", "sh020/plate.####.exr"),
        ("sh010/plate.0999.exr", "sh020/plate.%04d.exr"),
        ("sh010/plate.0999.exr", "sh010/clean.%04d.exr"),
        ("sh010", "sh020/plate.%04d.exr"),
        ("sh010/plate.mov", "sh020/plate.mov"),
        ("sh010/plate.mov", "sh010/take2.mov"),
        ("sh010/plate.mov", "sh010/plate.%04d.exr"),
        ("sh010/plate.%04d.exr", "sh010/plate.mov"),
    ],
)
def test_two_footages(folder: Path, told: str, plate: str) -> None:
    assert not same_footage(folder / told, folder / plate)


def test_a_file_that_is_a_link_leads_to_what_was_told(folder: Path) -> None:
    (folder / "links" / "plate.0999.exr").symlink_to(folder / "sh010" / "plate.0999.exr")
    assert same_footage(folder / "sh010" / "plate.0999.exr", folder / "links" / "plate.%04d.exr")


@pytest.mark.parametrize("told", ["gone/plate.%04d.exr", "sh010/gone.mov", "gone"])
def test_of_footage_that_is_gone_the_service_speaks(folder: Path, told: str) -> None:
    assert same_footage(folder / told, folder / "sh010" / "plate.%04d.exr")
