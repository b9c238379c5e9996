"""Paths stay within the opened folders, however they are spelt."""

from __future__ import annotations

from pathlib import Path

import pytest

from sam2_roto.service.faults import Refused
from sam2_roto.service.paths import Folders, openable


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    (tmp_path / "open" / "deep").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.0001.png").write_bytes(b"x")
    return (tmp_path / "open").resolve()


def test_what_is_inside_is_found_by_its_real_path(inside: Path) -> None:
    (inside / "link").symlink_to(inside / "deep")
    folders = Folders([inside])
    assert folders.inside(inside / "link" / "new" / "file.exr") == inside / "deep" / "new" / "file.exr"
    assert folders.inside(str(inside)) == inside
    assert folders.inside(f"{inside}/deep/../deep/./x") == inside / "deep" / "x"


@pytest.mark.parametrize(
    "path", ["{open}/../secret", "{open}/deep/../../secret/a", "/etc/passwd", "{open}er", "{open}/up/a", "{open}/far/a"]
)
def test_what_leads_out_is_refused(inside: Path, path: str) -> None:
    (inside / "up").symlink_to("../secret")
    (inside / "far").symlink_to(inside / "up")
    (inside.parent / "opener").mkdir()
    with pytest.raises(Refused, match="not within an opened folder") as caught:
        Folders([inside]).inside(path.format(open=inside))
    assert (caught.value.status, caught.value.kind) == (403, "path")


@pytest.mark.parametrize(
    "path", ["", "relative", "~/x", "./x", "/nul\0byte", "/" + "a" * 5000, "/" + "b" * 300, "/\udcff\ud800"]
)
def test_what_is_no_path_is_refused(inside: Path, path: str) -> None:
    with pytest.raises(Refused) as caught:
        Folders([inside]).inside(path)
    assert caught.value.kind == "path"


def test_a_loop_of_links_is_refused(inside: Path) -> None:
    (inside / "one").symlink_to(inside / "two")
    (inside / "two").symlink_to(inside / "one")
    with pytest.raises(Refused):
        Folders([inside]).inside(inside / "one" / "x")


def test_every_frame_of_a_sequence_is_inside(inside: Path) -> None:
    for name in ("b.0001.png", "b.0002.png"):
        (inside / name).write_bytes(b"x")
    folders = Folders([inside])
    assert folders.footage(inside / "b.%04d.png") == inside / "b.%04d.png"
    (inside / "b.0003.png").symlink_to(inside.parent / "secret" / "a.0001.png")
    for spelt in ("b.%04d.png", "b.####.png", "b.0001.png"):
        with pytest.raises(Refused, match="the frame"):
            folders.footage(inside / spelt)


@pytest.mark.parametrize(
    "text", [b"#EXTM3U\n/etc/a.mp4", b"\xef\xbb\xbf\n<?xml version='1.0'?><MPD/>", b"ffconcat version 1.0\nfile a"]
)
@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4"])
def test_a_list_that_names_other_files_is_refused(inside: Path, text: bytes, name: str) -> None:
    (inside / name).write_bytes(text)
    with pytest.raises(Refused, match="names other files"):
        Folders([inside]).footage(inside / name)


def test_nothing_in_a_shot_leads_out(inside: Path) -> None:
    (inside / "a.roto").mkdir()
    folders = Folders([inside])
    assert folders.shot(inside / "a.roto") == inside / "a.roto"
    (inside / "a.roto" / "answers").symlink_to(inside.parent / "secret")
    with pytest.raises(Refused):
        folders.shot(inside / "a.roto")


def test_the_services_own_folders_are_inside(inside: Path) -> None:
    assert Folders((), [inside]).inside(inside / "x") == inside / "x"


def test_a_folder_is_opened_by_its_real_path(inside: Path) -> None:
    (inside.parent / "link").symlink_to(inside)
    assert openable(str(inside.parent / "link")) == inside


@pytest.mark.parametrize("path", ["/", "/../..", "/nowhere/at/all", "relative", "/nul\0", __file__])
def test_what_cannot_be_opened_is_refused(path: str) -> None:
    with pytest.raises(Refused) as caught:
        openable(path)
    assert caught.value.kind == "path"
