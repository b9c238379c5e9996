"""Shots through the service: made, prompted, edited, looked at; and what is refused."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from sam2_roto.shot import Shot

CLICK = {"object": "disc", "frame": 3, "points": [[30, 32, True]]}


def picture(data: bytes | str) -> NDArray[np.uint8]:
    raw = base64.b64decode(data) if isinstance(data, str) else data
    return np.asarray(Image.open(io.BytesIO(raw)))


def fault(response: Any) -> tuple[int, str]:
    """Status and kind; the message is one sentence."""
    told = response.json()["error"]
    assert set(told) == {"kind", "message"}
    assert len(told["message"]) > 5
    assert "Traceback" not in told["message"]
    return response.status_code, told["kind"]


def test_a_shot_tells_itself(client: TestClient, work: str, words: dict[str, Any]) -> None:
    found = client.get(work).json()
    assert (found["width"], found["height"], found["first"], found["last"]) == (96, 64, 0, 19)
    assert found["rate"] == "24"
    assert found["range"] == [0, 19]
    assert Path(found["footage"]) == Path(words["footage"]).resolve()
    assert (found["objects"], found["tracked"], found["trouble"]) == ([], {}, None)
    listed = {name: value for name, value in found.items() if name not in ("tracked", "trouble")}
    assert client.get("/v1/shots").json() == {"shots": [listed]}
    assert client.get("/v1/status").json()["shots"] == 1


def test_a_preview_changes_nothing_and_a_prompt_is_one_edit(client: TestClient, work: str) -> None:
    before = client.get(work).json()
    shown = client.post(f"{work}/preview", json=CLICK).json()
    assert client.get(work).json() == before
    said = client.post(f"{work}/prompts", json=CLICK).json()
    assert said == shown
    assert picture(said["mask"]).shape == (64, 96)
    assert said["present"]
    after = client.get(work).json()
    assert after["objects"][0]["keyframes"] == [3]
    assert after["tracked"] == {"disc": 19}
    assert after["revision"] != before["revision"]
    undone = client.post(f"{work}/undo").json()
    assert undone["label"] == "prompt disc 3"
    assert undone["shot"]["objects"] == []
    assert undone["shot"]["revision"] == before["revision"]
    assert client.post(f"{work}/redo").json()["shot"]["revision"] == after["revision"]


def test_a_prompt_is_what_a_session_says(client: TestClient, work: str) -> None:
    said = client.post(f"{work}/prompts", json={**CLICK, "box": [18, 20, 42, 44]}).json()
    document = Shot(client.get(work).json()["folder"], read_only=True).document
    keyframe = document.object("disc").keyframes[3]
    assert keyframe.points == ((30, 32, True),)
    assert keyframe.box == (18, 20, 42, 44)
    assert keyframe.answer is not None
    assert said["box"] is None or len(said["box"]) == 4


def test_a_mask_and_strokes_are_exact(client: TestClient, work: str, tmp_path: Path) -> None:
    mask = np.zeros((64, 96), np.uint8)
    mask[20:40, 30:50] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    body = {"object": "block", "frame": 1, "mask": str(tmp_path / "masks" / "a.png")}
    assert fault(client.post(f"{work}/prompts", json=body)) == (403, "path")
    client.post("/v1/folders", json={"path": str(tmp_path / "masks")})
    shown = client.post(f"{work}/preview", json=body).json()
    said = client.post(f"{work}/prompts", json=body).json()
    assert said == shown
    assert said["box"] == [30, 20, 50, 40]
    np.testing.assert_array_equal(picture(said["mask"]), mask)
    strokes = {"object": "block", "frame": 1, "strokes": [{"radius": 4, "points": [[10, 10], [80, 10]]}]}
    shown = client.post(f"{work}/preview", json=strokes).json()
    painted = client.post(f"{work}/prompts", json=strokes).json()
    assert painted == shown
    assert picture(painted["mask"])[10, 40] == 255
    assert picture(painted["mask"])[30, 40] == 255
    matte = picture(client.get(f"{work}/mattes/block/1").content)
    np.testing.assert_array_equal(matte, picture(painted["mask"]))


def test_pictures_have_the_width_that_is_asked_for(
    client: TestClient, work: str, shot_views: NDArray[np.uint8]
) -> None:
    whole = picture(client.get(f"{work}/frames/0").content)
    assert whole.shape == (64, 96, 3)
    assert np.abs(whole.astype(int) - shot_views[0]).mean() < 12  # as the movie's codec left it
    assert picture(client.get(f"{work}/frames/19?width=48").content).shape == (32, 48, 3)
    assert picture(client.get(f"{work}/frames/19?width=9000").content).shape == (64, 96, 3)
    small = client.post(f"{work}/preview", json={**CLICK, "width": 24}).json()
    assert picture(small["mask"]).shape == (16, 24)
    client.post(f"{work}/prompts", json=CLICK)
    assert picture(client.get(f"{work}/mattes/disc/3?width=24").content).shape == (16, 24)


def test_objects_are_made_changed_and_removed(client: TestClient, work: str) -> None:
    made = client.post(f"{work}/objects", json={"name": "disc", "colour": "#FF0000"}).json()
    assert made["objects"][0]["colour"] == "#ff0000"
    words = {"name": "sun", "visible": False, "locked": True}
    changed = client.patch(f"{work}/objects/disc", json=words).json()["objects"][0]
    assert {key: changed[key] for key in words} == words
    assert fault(client.delete(f"{work}/objects/sun")) == (409, "shot")
    client.patch(f"{work}/objects/sun", json={"locked": False})
    assert client.delete(f"{work}/objects/sun").json()["objects"] == []
    for answer in (client.patch(f"{work}/objects/sun", json={}), client.delete(f"{work}/objects/sun")):
        assert fault(answer) == (404, "shot")


def test_settings_are_one_edit(client: TestClient, work: str) -> None:
    words = {"range": [2, 9], "recipe": {"edge_width": 2.0}, "image_size": 96, "crop": "none"}
    changed = client.patch(work, json=words).json()
    assert (changed["range"], changed["image_size"], changed["crop"]) == ([2, 9], 96, "none")
    assert changed["recipe"]["edge_width"] == 2.0
    undone = client.post(f"{work}/undo").json()["shot"]
    assert (undone["range"], undone["image_size"], undone["recipe"]) == ([0, 19], 64, {})
    assert undone["crop"] == "auto"
    assert client.patch(work, json={"crop": "none"}).json()["crop"] == "none"
    assert client.patch(work, json={"crop": None}).json()["crop"] == "auto"
    assert client.patch(work, json={"range": [2, 9]}).json()["range"] == [2, 9]
    assert client.patch(work, json={"range": None}).json()["range"] == [0, 19]


def test_frames_are_locked_and_cleared(client: TestClient, work: str) -> None:
    client.post(f"{work}/prompts", json=CLICK)
    locked = client.post(f"{work}/lock", json={"object": "disc", "frame": 3, "locked": True}).json()
    assert locked["objects"][0]["locked_frames"] == [3]
    assert fault(client.post(f"{work}/prompts", json=CLICK)) == (409, "shot")
    assert fault(client.delete(f"{work}/prompts?object=disc&frame=3")) == (409, "shot")
    client.post(f"{work}/lock", json={"object": "disc", "frame": 3, "locked": False})
    assert client.delete(f"{work}/prompts?object=disc&frame=3").json()["objects"][0]["keyframes"] == []


def test_review_looks_at_what_is_there(client: TestClient, work: str) -> None:
    assert fault(client.get(f"{work}/review")) == (409, "shot")
    client.post(f"{work}/prompts", json=CLICK)
    found = client.get(f"{work}/review").json()
    assert set(found) == {"suspects", "fix", "untracked"}
    client.post(f"{work}/objects", json={"name": "late"})
    assert client.get(f"{work}/review").json() == {**found, "untracked": ["late"]}


def test_clicks_beside_an_object_alone_are_not_tracked(client: TestClient, work: str) -> None:
    beside = {"object": "disc", "frame": 3, "points": [[5, 5, False]]}
    client.post(f"{work}/prompts", json=beside)
    response = client.post(f"{work}/track", json={})
    assert fault(response) == (400, "prompt")
    assert "every click of 'disc' lies beside it" in response.json()["error"]["message"]


def test_a_closed_shot_is_opened_again_as_it_was(client: TestClient, work: str) -> None:
    client.post(f"{work}/prompts", json=CLICK)
    before = client.get(work).json()
    assert client.delete(work).json() == {"shots": []}
    assert fault(client.get(work)) == (404, "shot")
    with Shot(before["folder"]) as shot:  # no one holds it
        assert shot.object("disc").keyframes
    again = client.post("/v1/shots", json={"folder": before["folder"]}).json()
    assert {**again, "id": ""} == {**before, "id": ""}
    assert client.post("/v1/shots", json={"folder": before["folder"]}).json() == again


def test_a_shot_in_use_elsewhere_is_told(client: TestClient, words: dict[str, Any], work: str, tmp_path: Path) -> None:
    client.post("/v1/folders", json={"path": str(tmp_path)})
    with Shot.new(tmp_path / "theirs", words["footage"]) as theirs:
        refused = client.post("/v1/shots", json={"folder": str(theirs.folder)})
        assert fault(refused) == (409, "shot")
    assert client.get(work).status_code == 200


@pytest.mark.usefixtures("work")
def test_more_shots_than_are_held_open(client: TestClient, words: dict[str, Any]) -> None:
    service = client.app.state.service  # type: ignore[attr-defined]
    service.rooms._warm = 2
    made = [client.post("/v1/shots", json=words).json()["id"] for _ in range(4)]
    for identity in (*made, *made):
        assert client.post(f"/v1/shots/{identity}/prompts", json=CLICK).status_code == 200
    held = dict(service.rooms._open)
    assert len(held) <= 2
    listed = client.get("/v1/shots").json()["shots"]
    assert [[entry["name"] for entry in shot["objects"]] for shot in listed] == [[], *[["disc"]] * 4]
    assert service.rooms._open == held  # none is opened to be listed


def test_shots_whose_files_are_away_are_not_listed(
    client: TestClient, words: dict[str, Any], work: str, tmp_path: Path
) -> None:
    client.post("/v1/folders", json={"path": str(tmp_path)})
    folders = [tmp_path / name for name in ("here.roto", "away.roto", "broken.roto")]
    made = [client.post("/v1/shots", json={**words, "folder": str(folder)}).json()["id"] for folder in folders]
    folders[1].rename(tmp_path / "gone")
    (folders[2] / "shot.json").write_text("{")
    listed = [shot["id"] for shot in client.get("/v1/shots").json()["shots"]]
    assert listed == [work.rpartition("/")[2], made[0]]
    client.request("DELETE", "/v1/folders", params={"path": str(tmp_path)})
    assert [shot["id"] for shot in client.get("/v1/shots").json()["shots"]] == listed[:1]


class TestPaths:
    def test_footage_outside(self, client: TestClient, words: dict[str, Any]) -> None:
        assert fault(client.post("/v1/shots", json=words)) == (403, "path")

    def test_weights_outside(self, client: TestClient, words: dict[str, Any]) -> None:
        client.post("/v1/folders", json={"path": str(Path(words["footage"]).parent)})
        assert fault(client.post("/v1/shots", json=words)) == (403, "path")

    def test_a_link_out_of_the_folder(self, client: TestClient, words: dict[str, Any], tmp_path: Path) -> None:
        (tmp_path / "open").mkdir()
        (tmp_path / "open" / "clip.mp4").symlink_to(words["footage"])
        client.post("/v1/folders", json={"path": str(tmp_path / "open")})
        refused = client.post("/v1/shots", json={"footage": str(tmp_path / "open" / "clip.mp4")})
        assert fault(refused) == (403, "path")

    def test_a_shot_whose_footage_is_outside(self, client: TestClient, words: dict[str, Any], tmp_path: Path) -> None:
        (tmp_path / "open").mkdir()
        Shot.new(tmp_path / "open" / "a", words["footage"]).close()
        client.post("/v1/folders", json={"path": str(tmp_path / "open")})
        assert fault(client.post("/v1/shots", json={"folder": str(tmp_path / "open" / "a.roto")})) == (403, "path")

    def test_a_closed_folder_closes_what_is_in_it(self, client: TestClient, words: dict[str, Any], work: str) -> None:
        assert client.get(f"{work}/frames/0").status_code == 200
        folder = str(Path(words["footage"]).parent)
        assert folder not in client.delete("/v1/folders", params={"path": folder}).json()["folders"]
        assert fault(client.get(f"{work}/frames/0")) == (403, "path")
        assert "not within an opened folder" in client.get(work).json()["trouble"]
        assert fault(client.delete("/v1/folders", params={"path": folder})) == (404, "path")

    def test_output_outside(self, client: TestClient, work: str, tmp_path: Path) -> None:
        client.post(f"{work}/prompts", json=CLICK)
        out = {"output": str(tmp_path / "out")}
        for kind, more in (("export", {}), ("composite", {"background": "white"})):
            assert fault(client.post(f"{work}/{kind}", json={**out, **more})) == (403, "path")
        client.post("/v1/folders", json={"path": str(tmp_path)})
        for name, value in (("background", "/etc/passwd"), ("sound", "/etc/passwd")):
            body = {**out, "background": "white", name: value}
            assert fault(client.post(f"{work}/composite", json=body)) == (403, "path")
        body = {**out, "deliverables": {"splines": "/etc/splines.json"}}
        assert fault(client.post(f"{work}/export", json=body)) == (403, "path")
        assert client.get("/v1/jobs").json() == {"jobs": []}


MALFORMED: list[Any] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"object": "disc", "frame": NaN, "points": [[1, 1, true]]}',
    b'{"object": "disc", "frame": 3, "points": [[NaN, Infinity, true]]}',
    b'{"object": "disc", "frame": 3, "points": [[1e999, 1, true]]}',
    b'{"object": "disc", "frame": ' + b"9" * 5000 + b"}",
    b'{"object": "disc", "frame": ' + b"9" * 30 + b', "points": [[1, 1, true]]}',
    b'{"object": "disc", "frame": 3, "points": [[' + b"9" * 400 + b", 1, true]]}",
    b'{"object": "\\ud800", "frame": 3, "points": [[1, 1, true]]}',
    {"object": "disc", "frame": "3", "points": [[1, 1, True]]},
    {"object": "disc", "frame": 3.5, "points": [[1, 1, True]]},
    {"object": "disc", "frame": True, "points": [[1, 1, True]]},
    {"object": "disc", "frame": 3, "points": [[1, 1, 1]]},
    {"object": "disc", "frame": 3, "points": [[1, 1]]},
    {"object": "disc", "frame": 3, "points": [["1", 1, True]]},
    {"object": "disc", "frame": 3, "points": {"0": 1}},
    {"object": "disc", "frame": 3, "box": [1, 2, 3]},
    {"object": "disc", "frame": 3, "strokes": [{"radius": 0, "points": [[1, 1]]}]},
    {"object": "disc", "frame": 3, "strokes": [{"radius": 1, "points": []}]},
    {"object": "disc", "frame": 3, "mask": 7},
    {"object": "../disc", "frame": 3, "points": [[1, 1, True]]},
    {"object": "d" * 300, "frame": 3, "points": [[1, 1, True]]},
    {"object": "disc", "frame": 3, "points": [[1, 1, True]], "unknown": 1},
    {"object": "disc", "frame": 3, "points": [[1, 1, True]], "width": 0},
    {"frame": 3, "points": [[1, 1, True]]},
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: str(body)[:60])
def test_malformed_bodies_are_refused(client: TestClient, body: Any) -> None:
    json = {"Content-Type": "application/json"}
    sent = {"content": body, "headers": json} if isinstance(body, bytes) else {"json": body}
    service = client.app.state.service  # type: ignore[attr-defined]
    service.rooms.folder = lambda _: Path("/nowhere")  # the body is looked at first
    status, kind = fault(client.post("/v1/shots/x/preview", **sent))
    assert (status, kind) in {(422, "malformed"), (400, "malformed")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"object": "disc", "frame": 99, "points": [[1, 1, True]]}, (400, "prompt")),
        ({"object": "disc", "frame": -1, "points": [[1, 1, True]]}, (400, "prompt")),
        ({"object": "disc", "frame": 3, "points": [[96, 1, True]]}, (400, "prompt")),
        ({"object": "disc", "frame": 3, "box": [10, 10, 10, 20]}, (400, "prompt")),
        ({"object": "disc", "frame": 3, "box": [1000, 10, 1005, 20]}, (400, "prompt")),
        ({"object": "disc", "frame": 3}, (400, "prompt")),
        ({"object": "disc", "frame": 3, "points": []}, (400, "prompt")),
        ({"object": "disc", "frame": 3, "mask": "relative.png"}, (400, "path")),
        ({"object": "disc", "frame": 3, "mask": "/etc/passwd"}, (403, "path")),
    ],
)
def test_prompts_that_make_no_sense_are_refused(
    client: TestClient, work: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    for address in ("preview", "prompts"):
        assert fault(client.post(f"{work}/{address}", json=body)) == expected
    assert client.get(work).json()["objects"] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, (422, "malformed")),
        ({"footage": "/nowhere.mp4"}, (403, "path")),
        ({"folder": "/nowhere.roto"}, (403, "path")),
        ({"folder": "{open}/nowhere.roto"}, (409, "shot")),
        ({"footage": "{open}/nowhere.mp4"}, (400, "footage")),
        ({"footage": "{clip}", "model": "no_such_model"}, (400, "model")),
        ({"footage": "{clip}", "model": "sam2.1_hiera_large"}, (400, "model")),
        ({"footage": "{clip}", "model": "{clip}"}, (400, "model")),
        ({"footage": "{clip}", "image_size": 100}, (422, "malformed")),
        ({"footage": "{clip}", "range": [5, 2]}, (400, "prompt")),
        ({"footage": "{clip}", "range": [0, 1000]}, (409, "shot")),
        ({"footage": "{clip}", "recipe": {"steps": 5}}, (400, "export")),
        ({"footage": "{clip}", "recipe": {"steps": [{"step": "feather", "outward": "x"}]}}, (400, "export")),
        ({"footage": "{clip}", "recipe": {"nonsense": {}}}, (400, "export")),
        ({"footage": "{clip}", "color_space": "no such space"}, (400, "malformed")),
    ],
)
def test_shots_that_cannot_be_are_refused(
    client: TestClient,
    words: dict[str, Any],
    expected: tuple[int, str],
    shot: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAM2_ROTO_CACHE", str(tmp_path / "no weights"))
    client.post("/v1/folders", json={"path": str(shot.parent)})
    places = {"open": shot.parent, "clip": shot}
    spelt = {name: value.format(**places) if isinstance(value, str) else value for name, value in words.items()}
    assert fault(client.post("/v1/shots", json=spelt)) == expected
    assert client.get("/v1/shots").json() == {"shots": []}


def test_what_is_not_there_is_told(client: TestClient, work: str) -> None:
    client.post(f"{work}/prompts", json=CLICK)
    assert fault(client.get("/v1/shots/none")) == (404, "shot")
    assert fault(client.get("/v1/jobs/none")) == (404, "job")
    assert fault(client.get("/v1/jobs/none/events")) == (404, "job")
    assert fault(client.get("/v1/nothing")) == (404, "unknown")
    assert fault(client.put("/v1/shots")) == (405, "unknown")
    assert fault(client.get(f"{work}/frames/20")) == (404, "shot")
    assert fault(client.get(f"{work}/frames/{10**30}")) == (422, "malformed")
    assert fault(client.get(f"{work}/frames/0?width=x")) == (422, "malformed")
    assert fault(client.get(f"{work}/mattes/none/3")) == (404, "shot")
    assert fault(client.get(f"{work}/mattes/disc/4")) == (404, "shot")
    assert fault(client.get(f"{work}/mattes/disc/40")) == (404, "shot")
    assert fault(client.delete(f"{work}/prompts?object=none&frame=3")) == (404, "shot")
    assert fault(client.delete(f"{work}/prompts?object=disc&frame=4")) == (400, "prompt")


def test_a_job_needs_something_to_do(client: TestClient, work: str) -> None:
    assert fault(client.post(f"{work}/track", json={})) == (409, "shot")


def test_a_failure_of_ours_is_one_sentence(client: TestClient, work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("sam2_roto.service.shots.undo", broken)
    monkeypatch.setattr("sam2_roto.service.routes_shots.shots.undo", broken)
    assert fault(client.post(f"{work}/undo")) == (500, "internal")
    assert "secret" not in client.post(f"{work}/undo").text
    assert client.get(work).status_code == 200
