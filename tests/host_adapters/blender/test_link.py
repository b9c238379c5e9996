"""What is asked of the service, against a stand-in for the client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from host_adapters.blender.extension.errors import SceneError
from host_adapters.blender.extension.link import Link, Settings, Work, object_files
from host_adapters.client import Refused
from sam2_roto.mattes import MatteRecipe


class StandIn:
    """Answers as the service does, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.shots: dict[str, dict[str, Any]] = {}
        self.labels: list[str] = []
        self.footage = ""

    def open_folder(self, path: Path) -> None:
        self.asked.append(("open_folder", Path(path)))

    def new_shot(self, footage: Path, **settings: Any) -> dict[str, Any]:
        name = f"shot{len(self.shots)}"
        self.asked.append(("new_shot", Path(footage)))
        self.shots[name] = {"id": name, "footage": str(footage), **settings}
        return self.shots[name]

    def open_shot(self, folder: Path) -> dict[str, Any]:
        self.asked.append(("open_shot", Path(folder)))
        unset = {"range": [1, 1], "recipe": {}, "model": None, "image_size": None}
        self.shots["opened"] = {"id": "opened", "footage": self.footage, **unset}
        return self.shots["opened"]

    def shot(self, name: str) -> dict[str, Any]:
        if name not in self.shots:
            raise Refused("no such shot", "shot", 404)
        return self.shots[name]

    def change_shot(self, name: str, **fields: Any) -> dict[str, Any]:
        self.asked.append(("change_shot", fields))
        self.shots[name].update(fields)
        return self.shots[name]

    def undo(self, _name: str) -> dict[str, Any]:
        return {"label": self.labels.pop() if self.labels else None}


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def link(stand_in: StandIn) -> Link:
    made = Link(Settings(feather=3.0, image_size=256))
    made.client = stand_in  # type: ignore[assignment]
    return made


@pytest.fixture
def work(tmp_path: Path) -> Work:
    (tmp_path / "plates").mkdir()
    return Work(tmp_path / "plates" / "sh010.%04d.exr", (1003, 1008), tmp_path / "roto")


def keep(work: Work) -> None:
    """The shot of the plate as it lies on disk, for those who look for it."""
    work.shot.mkdir(parents=True)
    (work.shot / "shot.json").write_text("{}", encoding="utf-8")


def asked_of(stand_in: StandIn) -> list[str]:
    return [name for name, _ in stand_in.asked]


@pytest.mark.parametrize("feather", [0.0, 3.0])
def test_the_recipe_is_that_of_the_command_line(feather: float) -> None:
    asked = MatteRecipe.from_json(Settings(feather=feather).recipe())
    assert asked == MatteRecipe.from_options(feather=feather)
    assert Settings(feather=feather).recipe() == asked.to_json()


def test_a_shot_is_made_once_with_all_that_is_wanted(link: Link, stand_in: StandIn, work: Work) -> None:
    first, second = link.shot(work), link.shot(work)
    assert first == second
    assert asked_of(stand_in) == ["open_folder", "open_folder", "new_shot"]
    assert (first["range"], first["model"], first["image_size"]) == ([1003, 1008], "nano", 256)
    assert first["folder"] == str(work.folder / "sh010.roto")


def test_only_what_has_changed_is_changed(link: Link, stand_in: StandIn, work: Work) -> None:
    link.shot(work)
    link.shot(Work(work.plate, (1004, 1008), work.folder))
    assert stand_in.asked[-1] == ("change_shot", {"range": [1004, 1008]})


def test_a_shot_that_was_closed_is_opened_again(link: Link, stand_in: StandIn, work: Work) -> None:
    link.shot(work)
    stand_in.shots.clear()
    stand_in.footage = str(work.plate)
    keep(work)
    assert link.found(work)["id"] == "opened"


def test_a_plate_of_the_same_name_has_no_part_in_the_shot(
    link: Link, stand_in: StandIn, work: Work, tmp_path: Path
) -> None:
    assert link.found(work)["id"] == "shot0"
    stand_in.footage = str(work.plate)
    keep(work)
    other = Work(tmp_path / "sh020" / work.plate.name, work.frames, work.folder)
    for _ in range(2):
        with pytest.raises(SceneError, match=r"sh010\.roto is of .*plates.*, not of .*sh020.*; choose another Folder"):
            link.shot(other)
    assert link.found(work)["id"] == "shot0"
    assert "change_shot" not in asked_of(stand_in)


@pytest.mark.parametrize("told", ["sh010.%d.exr", "sh010.####.exr", "."])
def test_a_shot_that_was_made_elsewhere_of_the_same_plate_goes_on(
    link: Link, stand_in: StandIn, work: Work, told: str
) -> None:
    stand_in.footage = str(work.plate.parent / told)
    keep(work)
    assert link.found(work)["id"] == "opened"


def test_undo_goes_on_past_what_no_artist_did(link: Link, stand_in: StandIn, work: Work) -> None:
    stand_in.labels = ["click dog 1", "click dog 2", "range 1-8", "recipe"]
    assert link.undo(work)
    assert stand_in.labels == ["click dog 1"]
    assert link.undo(work)
    assert not link.undo(work)


@pytest.mark.parametrize(
    ("plate", "name"), [("sh010.%04d.exr", "sh010"), ("a b.mov", "a b"), ("%05d.dpx", "plate"), ("x_%03d.png", "x")]
)
def test_folders_are_named_by_the_plate(tmp_path: Path, plate: str, name: str) -> None:
    assert Work(tmp_path / plate, (1, 2), tmp_path).shot.name == f"{name}.roto"


def test_files_are_those_of_the_object() -> None:
    files = [Path(f"sh_matte_{name}.{number}.exr") for name in ("dog", "big_dog", "matte_dog") for number in (2, 1)]
    files.append(Path("sh.json"))
    found = object_files(files, "dog", ".exr")
    assert [path.name for path in found] == ["sh_matte_dog.1.exr", "sh_matte_dog.2.exr"]


def test_a_plate_may_have_dots_in_its_name() -> None:
    files = [Path(f"sh010.plate_matte_{name}.{number}.exr") for name in ("dog", "cat") for number in (1002, 1001)]
    assert object_files(files, "dog", ".exr") == files[1::-1]
    assert object_files(files[:2], "cow", ".exr") == files[1::-1]  # one object's alone
    assert object_files(files, "cow", ".exr") == []


def test_an_object_that_nothing_was_written_of_has_no_files() -> None:
    assert object_files([Path("sh_matte_cat.1.exr"), Path("sh_matte_cow.1.exr")], "dog", ".exr") == []


def test_a_single_object_has_all_files() -> None:
    files = [Path("sh_matte.2.exr"), Path("sh_matte.1.exr")]
    assert object_files(files, "dög", ".exr") == files[::-1]
