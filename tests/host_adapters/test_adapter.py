"""The way of a clip through any adapter, with a host and a service that only write down what they are told."""

from __future__ import annotations

import ast
import time
from pathlib import Path
from typing import Any

import pytest

from host_adapters.adapter import Clip, Delivery, HostAdapter, HostError, Rotoscoping
from host_adapters.client import Cancelled, Client, Refused

SOURCE = Path(__file__).resolve().parents[2] / "host_adapters" / "adapter.py"
DOG = {"object": "dog", "frame": 1003, "points": [(4, 5, True)]}


class Host(HostAdapter):
    """A host with one clip, which keeps what is placed in it."""

    name = "Notebook"

    def __init__(self, plate: Path) -> None:
        self.clip: Clip | None = Clip("sh 010/a", str(plate), 1001, 1008, "24000/1001", "ACEScg", 1001)
        self.placed: list[tuple[Clip, Delivery]] = []

    def current_clip(self) -> Clip:
        if self.clip is None:
            raise HostError("no clip is chosen; choose one")
        return self.clip

    def current_frame(self) -> int:
        return 1003

    def place_matte(self, clip: Clip, delivery: Delivery) -> None:
        self.placed.append((clip, delivery))


class Every(Host):
    """One that takes all kinds."""

    spline_ending = ".svg"
    composite_ending = ".mov"

    def place_splines(self, clip: Clip, delivery: Delivery) -> None:
        self.place_matte(clip, delivery)

    def place_composite(self, clip: Clip, delivery: Delivery) -> None:
        self.place_matte(clip, delivery)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    path = tmp_path / "plates" / "sh010.mov"
    path.parent.mkdir()
    path.touch()
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def client(fake: Any, plate: Path, output: Path) -> Client:
    """A client of a service that knows the shot 's' with a dog, and one job, which writes two files."""
    shot = {"id": "s", "footage": str(plate), "range": [1001, 1008], "objects": [{"name": "dog"}]}
    fake.routes["POST", "/v1/shots"] = lambda _: (200, shot)
    fake.routes["PATCH", "/v1/shots/s"] = lambda _: (200, shot)
    fake.routes["GET", "/v1/shots/s"] = lambda _: (200, shot)
    for kind in ("export", "composite"):
        fake.routes["POST", f"/v1/shots/s/{kind}"] = lambda _: (200, {"id": "j", "state": "queued"})
    files = [str(output / "m.1002.exr"), str(output / "m.1001.exr")]
    fake.states = [
        {"id": "j", "state": "running", "done": 1, "total": 2},
        {"id": "j", "state": "done", "result": {"files": files, "folder": str(output), "kinds": {"mattes": files}}},
    ]
    return Client(start=False, runtime=fake.runtime, timeout=10)


def finish(rotoscoping: Rotoscoping) -> Delivery:
    for _ in range(1000):
        if rotoscoping.poll():
            assert rotoscoping.delivery is not None
            return rotoscoping.delivery
        time.sleep(0.01)
    raise AssertionError("the clip was not done in ten seconds")


def test_a_clip_goes_from_prompts_to_a_placed_matte(client: Client, fake: Any, plate: Path, output: Path) -> None:
    host = Host(plate)
    delivery = finish(host.rotoscope(client, [DOG], str(output), settings={"model": "nano", "image_size": 256}))
    assert host.placed == [(host.clip, delivery)]
    assert delivery.files == [str(output / "m.1001.exr"), str(output / "m.1002.exr")]
    assert (delivery.kind, delivery.objects, delivery.folder) == ("matte", ["dog"], str(output))
    assert sorted(delivery.kinds["mattes"]) == delivery.files
    made = {
        "footage": str(plate),
        "folder": str(output / "sh_010_a.roto"),
        "range": [1001, 1008],
        "start": 1001,
        "color_space": "ACEScg",
        "model": "nano",
        "image_size": 256,
    }
    wanted = {"layout": "objects", "preview": False}
    assert fake.heard == [
        ("POST", "/v1/folders", {"path": str(plate.parent)}),
        ("POST", "/v1/folders", {"path": str(output)}),
        ("POST", "/v1/shots", made),
        ("POST", "/v1/shots/s/prompts", {"object": "dog", "frame": 1003, "points": [[4, 5, True]]}),
        ("GET", "/v1/shots/s", None),
        ("POST", "/v1/shots/s/export", {"output": str(output), "deliverables": wanted}),
        ("GET", "/v1/jobs/j/events", None),
        ("GET", "/v1/shots/s", None),
    ]


def test_the_next_run_goes_on_with_the_shot(client: Client, fake: Any, plate: Path, output: Path) -> None:
    (output / "sh_010_a.roto").mkdir(parents=True)
    finish(Host(plate).rotoscope(client, [], str(output)))
    bodies = [body for method, path, body in fake.heard if path.startswith("/v1/shots") and method != "GET"]
    assert bodies[0] == {"folder": str(output / "sh_010_a.roto")}
    assert [method for method, *_ in fake.heard].count("PATCH") == 0


def test_a_shot_of_another_plate_is_refused(client: Client, fake: Any, plate: Path, output: Path) -> None:
    (output / "sh_010_a.roto").mkdir(parents=True)
    host, other = Host(plate), plate.with_name("sh020.mov")
    other.touch()
    host.clip = host.current_clip()._replace(plate=str(other))
    with pytest.raises(HostError, match=r"sh_010_a\.roto is of .*sh010\.mov, not of .*sh020\.mov; choose another"):
        finish(host.rotoscope(client, [DOG], str(output)))
    assert host.placed == []
    assert not [path for _, path, _ in fake.heard if path.startswith("/v1/shots/")]


def test_a_plate_that_is_reached_by_a_link_is_the_same(client: Client, fake: Any, plate: Path, output: Path) -> None:
    (output / "sh_010_a.roto").mkdir(parents=True)
    (output / "linked").symlink_to(plate.parent)
    finish(Host(output / "linked" / plate.name).rotoscope(client, [], str(output)))
    assert ("POST", "/v1/shots", {"folder": str(output / "sh_010_a.roto")}) in fake.heard


def test_a_prompt_without_a_frame_is_said_on_the_current_one(
    client: Client, fake: Any, plate: Path, output: Path
) -> None:
    prompts = [{"object": "dog", "points": [(4, 5, True)]}, {**DOG, "frame": 1006}]
    finish(Host(plate).rotoscope(client, prompts, str(output)))
    assert [body["frame"] for _, path, body in fake.heard if path.endswith("/prompts")] == [1003, 1006]
    assert "frame" not in prompts[0]


def test_a_clip_that_was_trimmed_since_is_tracked_on_its_frames(
    client: Client, fake: Any, plate: Path, output: Path
) -> None:
    (output / "sh_010_a.roto").mkdir(parents=True)
    host = Host(plate)
    host.clip = host.current_clip()._replace(first=1003)
    finish(host.rotoscope(client, [], str(output), settings={"image_size": 512}))
    assert ("PATCH", "/v1/shots/s", {"image_size": 512, "range": [1003, 1008]}) in fake.heard


def test_splines_are_written_in_the_form_of_the_host(client: Client, fake: Any, plate: Path, output: Path) -> None:
    host = Every(plate)
    assert finish(host.rotoscope(client, [DOG], str(output), kind="splines")).kind == "splines"
    body = next(body for _, path, body in fake.heard if path.endswith("/export"))
    assert body["deliverables"]["splines"] == str(output / "sh_010_a.svg")


def test_a_composite_is_made_before_its_background(client: Client, fake: Any, plate: Path, output: Path) -> None:
    background = output.parent / "backgrounds" / "sea.exr"
    background.parent.mkdir()
    host = Every(plate)
    assert finish(host.rotoscope(client, [], str(output), kind="composite", background=str(background)))
    assert ("POST", "/v1/folders", {"path": str(background.parent)}) in fake.heard
    body = {"output": str(output / "sh_010_a_composite.mov"), "background": str(background), "objects": ["dog"]}
    assert ("POST", "/v1/shots/s/composite", body) in fake.heard


@pytest.mark.parametrize("kind", ["matte", "composite"])
def test_objects_that_are_hidden_are_left_out(kind: str, client: Client, fake: Any, plate: Path, output: Path) -> None:
    objects = [{"name": "cat", "visible": False}, {"name": "dog", "visible": True}]
    shot = {"id": "s", "footage": str(plate), "range": [1001, 1008], "objects": objects}
    fake.routes["GET", "/v1/shots/s"] = lambda _: (200, shot)
    delivery = finish(Every(plate).rotoscope(client, [], str(output), kind=kind, background="#ffcc00"))
    assert delivery.objects == ["dog"]
    assert delivery.of("dog") == delivery.files
    asked = [body["objects"] for _, path, body in fake.heard if path.endswith("/composite")]
    assert asked == ([["dog"]] if kind == "composite" else [])


def test_a_colour_as_background_opens_no_folder(client: Client, fake: Any, plate: Path, output: Path) -> None:
    finish(Every(plate).rotoscope(client, [], str(output), kind="composite", background="#ffcc00"))
    opened = [body["path"] for _, path, body in fake.heard if path == "/v1/folders"]
    assert opened == [str(plate.parent), str(output)]


@pytest.mark.parametrize("kind", ["splines", "composite"])
def test_a_host_that_takes_no_such_thing_says_so(client: Client, plate: Path, output: Path, kind: str) -> None:
    with pytest.raises(HostError, match=f"Notebook takes no {kind[:9]}"):
        finish(Host(plate).rotoscope(client, [], str(output), kind=kind, background="white"))


def test_what_cannot_be_is_said_before_anything_is_asked(client: Client, fake: Any, plate: Path, output: Path) -> None:
    host = Host(plate)
    with pytest.raises(HostError, match="'mask' cannot be placed"):
        host.rotoscope(client, [], str(output), kind="mask")
    with pytest.raises(HostError, match="needs a background"):
        host.rotoscope(client, [], str(output), kind="composite")
    host.clip = host.current_clip()._replace(last=1000)
    with pytest.raises(HostError, match="shows no frame"):
        host.rotoscope(client, [], str(output))
    host.clip = None
    with pytest.raises(HostError, match="no clip is chosen"):
        host.rotoscope(client, [], str(output))
    assert fake.heard == []


def test_a_refusal_comes_to_the_one_who_polls(client: Client, fake: Any, plate: Path, output: Path) -> None:
    error = {"error": {"kind": "prompt", "message": "frame 1009 lies outside 1001-1008; choose one inside"}}
    fake.routes["POST", "/v1/shots/s/prompts"] = lambda _: (400, error)
    host = Host(plate)
    rotoscoping = host.rotoscope(client, [{**DOG, "frame": 1009}], str(output))
    with pytest.raises(Refused, match="frame 1009 lies outside"):
        finish(rotoscoping)
    assert host.placed == []


def test_cancelling_places_nothing(client: Client, fake: Any, plate: Path, output: Path) -> None:
    running, cancelled = ({"id": "j", "kind": "export", "state": state} for state in ("running", "cancelled"))
    fake.states = [running]

    def cancel(_: Any) -> tuple[int, Any]:
        fake.states.append(cancelled)
        return 200, cancelled

    fake.routes["DELETE", "/v1/jobs/j"] = cancel
    host = Host(plate)
    rotoscoping = host.rotoscope(client, [DOG], str(output))
    rotoscoping.cancel()
    with pytest.raises(Cancelled):
        finish(rotoscoping)
    assert host.placed == []


def test_the_files_of_an_object() -> None:
    files = ["/o/a_matte_cat.1001.exr", "/o/a_matte_dog.1001.exr", "/o/a_matte_dog.1002.exr", "/o/a_dog.json"]
    delivery = Delivery("matte", {}, ["cat", "dog"], "/o", files, {})
    assert delivery.of("dog") == files[1:3]
    assert delivery.of("dog", ".json") == files[3:]
    several = delivery._replace(objects=["cat", "big cat"], files=["/o/a_matte_big_cat.1.exr", "/o/a_matte_cat.1.exr"])
    assert several.of("cat") == ["/o/a_matte_cat.1.exr"]
    assert several.of("big cat") == ["/o/a_matte_big_cat.1.exr"]
    assert delivery._replace(objects=["dog"], files=["/o/a_matte.1001.exr"]).of("dog") == ["/o/a_matte.1001.exr"]


def test_the_files_of_an_object_whose_plate_has_dots_in_its_name() -> None:
    files = [f"/o/sh010.plate_matte_{name}.{number}.exr" for name in ("cat", "dog") for number in ("-001", "1001")]
    assert Delivery("matte", {}, ["cat", "dog"], "/o", files, {}).of("dog") == files[2:]


def test_it_is_written_for_old_pythons_inside_hosts() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 9))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert modules <= {"__future__", "abc", "typing", "collections.abc"}
