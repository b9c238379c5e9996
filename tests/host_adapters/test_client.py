"""The client's calls, against a service that answers by rote."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from host_adapters.client import Client, NotRunning, Refused, TimedOut, WrongVersion


@pytest.fixture
def client(fake: Any) -> Client:
    return Client(start=False, runtime=fake.runtime, timeout=10)


def test_it_finds_the_service_that_runs(client: Client) -> None:
    assert client.connect()["name"] == "sam2-roto"


@pytest.mark.parametrize(
    ("call", "heard"),
    [
        (lambda c: c.status(), ("GET", "/v1/status", None)),
        (lambda c: c.open_folder("/shots"), ("POST", "/v1/folders", {"path": "/shots"})),
        (lambda c: c.close_folder("/shots a"), ("DELETE", "/v1/folders?path=%2Fshots+a", None)),
        (
            lambda c: c.new_shot(Path("/p.mov"), range=(1, 9), model="nano"),
            ("POST", "/v1/shots", {"footage": "/p.mov", "range": [1, 9], "model": "nano"}),
        ),
        (lambda c: c.open_shot("/a.roto"), ("POST", "/v1/shots", {"folder": "/a.roto"})),
        (lambda c: c.shot("s/1"), ("GET", "/v1/shots/s%2F1", None)),
        (lambda c: c.change_shot("s", image_size=256), ("PATCH", "/v1/shots/s", {"image_size": 256})),
        (lambda c: c.close_shot("s"), ("DELETE", "/v1/shots/s", None)),
        (lambda c: c.undo("s"), ("POST", "/v1/shots/s/undo", None)),
        (lambda c: c.redo("s"), ("POST", "/v1/shots/s/redo", None)),
        (lambda c: c.add_object("s", "dög"), ("POST", "/v1/shots/s/objects", {"name": "dög"})),
        (lambda c: c.remove_object("s", "a?b"), ("DELETE", "/v1/shots/s/objects/a%3Fb", None)),
        (
            lambda c: c.change_object("s", "dog", name="cat"),
            ("PATCH", "/v1/shots/s/objects/dog", {"name": "cat"}),
        ),
        (
            lambda c: c.prompt("s", "dog", 7, points=[(1, 2.5, True)]),
            ("POST", "/v1/shots/s/prompts", {"object": "dog", "frame": 7, "points": [[1, 2.5, True]]}),
        ),
        (
            lambda c: c.preview("s", "dog", 7, box=(0, 0, 8, 9), width=320),
            ("POST", "/v1/shots/s/preview", {"object": "dog", "frame": 7, "box": [0, 0, 8, 9], "width": 320}),
        ),
        (lambda c: c.clear("s", "dog", 7), ("DELETE", "/v1/shots/s/prompts?object=dog&frame=7", None)),
        (
            lambda c: c.lock("s", "dog", 7, False),
            ("POST", "/v1/shots/s/lock", {"object": "dog", "frame": 7, "locked": False}),
        ),
        (lambda c: c.plate("s", 7, 640), ("GET", "/v1/shots/s/frames/7?width=640", None)),
        (lambda c: c.matte("s", "dog", 7), ("GET", "/v1/shots/s/mattes/dog/7", None)),
        (lambda c: c.review("s"), ("GET", "/v1/shots/s/review", None)),
        (lambda c: c.track("s"), ("POST", "/v1/shots/s/track", {"priority": 0})),
        (
            lambda c: c.export("s", "/out", format="png", deliverables={"rgba": True}),
            ("POST", "/v1/shots/s/export", {"output": "/out", "format": "png", "deliverables": {"rgba": True}}),
        ),
        (
            lambda c: c.composite("s", "/out", "/bg.exr"),
            ("POST", "/v1/shots/s/composite", {"output": "/out", "background": "/bg.exr"}),
        ),
        (lambda c: c.prioritise("j", 3), ("PATCH", "/v1/jobs/j", {"priority": 3})),
        (lambda c: c.cancel("j"), ("DELETE", "/v1/jobs/j", None)),
        (lambda c: c.shutdown(), ("POST", "/v1/shutdown", None)),
    ],
)
def test_calls_say_what_the_interface_asks_for(
    client: Client, fake: Any, call: Callable[[Client], object], heard: tuple[str, str, Any]
) -> None:
    call(client)
    assert fake.heard == [heard]


def test_lists_come_as_lists(client: Client, fake: Any) -> None:
    fake.routes["GET", "/v1/folders"] = lambda _: (200, {"folders": ["/a", "/b"]})
    fake.routes["GET", "/v1/shots"] = lambda _: (200, {"shots": [{"id": "s"}]})
    fake.routes["GET", "/v1/jobs"] = lambda handler: (200, {"jobs": [{"id": handler.path}]})
    assert client.folders() == ["/a", "/b"]
    assert client.shots() == [{"id": "s"}]
    assert client.jobs("s") == [{"id": "/v1/jobs?shot=s"}]


def test_pictures_come_as_bytes(client: Client, fake: Any) -> None:
    assert client.plate("s", 1) == client.matte("s", "dog", 1) == fake.picture
    assert client.preview("s", "dog", 1)["mask"] == client.prompt("s", "dog", 1)["mask"] == fake.picture


def test_a_refusal_tells_why(client: Client, fake: Any) -> None:
    error = {"error": {"kind": "path", "message": "/etc lies outside the opened folders; open it first"}}
    fake.routes["POST", "/v1/shots"] = lambda _: (403, error)
    with pytest.raises(Refused, match="outside the opened folders") as caught:
        client.new_shot("/etc/passwd")
    assert (caught.value.kind, caught.value.status) == ("path", 403)


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"error": "no"}'])
def test_an_answer_of_another_program_is_an_error_too(client: Client, fake: Any, content: bytes) -> None:
    fake.routes["GET", "/v1/status"] = lambda _: (502, content)
    with pytest.raises(Refused, match="status 502 and no reason"):
        client.status()


def test_what_is_no_json_is_an_error(client: Client, fake: Any) -> None:
    fake.routes["GET", "/v1/status"] = lambda _: (200, b"<html>")
    with pytest.raises(Refused, match="something else than JSON"):
        client.status()


def test_an_answer_that_does_not_come_is_an_error(fake: Any) -> None:
    late = threading.Event()
    fake.routes["GET", "/v1/status"] = lambda _: (200, {"late": late.wait(10)})
    with pytest.raises(TimedOut, match=r"no answer to GET /v1/status in 0\.2 s"):
        Client(start=False, runtime=fake.runtime, timeout=0.2).status()
    late.set()


def test_a_proxy_is_not_asked(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client.connect()["protocol"] == 1


@pytest.mark.parametrize(("protocol", "older"), [(0, "update the service"), (2, "update the host's add-on")])
def test_another_protocol_is_refused(run_fake: Any, tmp_path: Path, protocol: int, older: str) -> None:
    with run_fake(tmp_path, protocol=protocol), pytest.raises(WrongVersion, match=older) as caught:
        Client(start=False, runtime=tmp_path).connect()
    assert f"speaks protocol {protocol} and this host's add-on 1" in str(caught.value)


def test_no_service_is_an_error_where_none_may_be_started(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="sam2-roto serve"):
        Client(start=False, runtime=tmp_path).connect()


def test_a_service_that_was_restarted_is_found_again(run_fake: Any, tmp_path: Path) -> None:
    client = Client(start=False, runtime=tmp_path)
    with run_fake(tmp_path, token="first"):
        client.status()
    with run_fake(tmp_path, token="second") as second:
        assert client.track("s") == {"path": "/v1/shots/s/track"}
    assert [path for _, path, _ in second.heard] == ["/v1/shots/s/track"]


def test_a_new_token_on_the_same_port_is_read(client: Client, fake: Any) -> None:
    client.status()
    fake.token = "another"
    fake.announce()
    assert client.status() == {"path": "/v1/status"}


def test_a_token_that_stays_wrong_is_an_error(client: Client, fake: Any) -> None:
    fake.token = "another"
    with pytest.raises(NotRunning, match="no sam2-roto service runs"):
        client.status()


def hang_up(handler: Any) -> None:
    handler.close_connection = True


def test_an_edit_that_broke_off_is_not_made_twice(client: Client, fake: Any) -> None:
    fake.routes["POST", "/v1/shots/s/undo"] = hang_up
    with pytest.raises(NotRunning, match="ended while it worked on POST /v1/shots/s/undo"):
        client.undo("s")
    assert [path for _, path, _ in fake.heard] == ["/v1/shots/s/undo"]


def test_a_question_that_broke_off_is_asked_again(client: Client, fake: Any) -> None:
    answers = iter([hang_up, lambda _: (200, {"uptime": 1})])
    fake.routes["GET", "/v1/status"] = lambda handler: next(answers)(handler)
    assert client.status() == {"uptime": 1}


def test_a_service_that_always_breaks_off_is_given_up(client: Client, fake: Any) -> None:
    fake.routes["GET", "/v1/status"] = hang_up
    with pytest.raises(NotRunning, match="goes as soon as it comes"):
        client.status()


def test_a_body_that_is_refused_unread_is_told(client: Client, fake: Any) -> None:
    too_large = {"error": {"kind": "too_large", "message": "the body has more than 1 MiB"}}
    fake.routes["POST", "/v1/shots/s/objects"] = lambda _: (413, too_large)
    with pytest.raises(Refused, match="more than 1 MiB"):
        client.add_object("s", "x" * 3_000_000)


def test_threads_may_share_a_client(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda frame: client.shot(f"s{frame}"), range(64)))
    assert answers == [{"path": f"/v1/shots/s{frame}"} for frame in range(64)]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"port": "80", "token": "t", "host": "127.0.0.1"}'])
def test_a_torn_service_file_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "service.json").write_text(text)
    with pytest.raises(NotRunning, match="no sam2-roto service runs"):
        Client(start=False, runtime=tmp_path).connect()


def test_a_service_on_another_machine_gets_no_token(tmp_path: Path) -> None:
    (tmp_path / "service.json").write_text(json.dumps({"host": "10.0.0.1", "port": 80, "token": "secret"}))
    with pytest.raises(NotRunning, match=r"10\.0\.0\.1"):
        Client(start=False, runtime=tmp_path).connect()


def test_another_program_on_the_port_is_not_taken_for_the_service(client: Client, fake: Any) -> None:
    fake.routes["GET", "/v1/version"] = lambda _: (200, {"name": "something else"})
    with pytest.raises(NotRunning):
        client.connect()


def test_a_service_that_does_not_end_is_told(fake: Any) -> None:
    fake.routes["POST", "/v1/shutdown"] = lambda _: (200, {"ending": True})
    with pytest.raises(TimedOut, match="has not ended"):
        Client(start=False, runtime=fake.runtime, timeout=0.3).shutdown()


def test_shutdown_of_no_service_is_nothing(tmp_path: Path) -> None:
    Client(runtime=tmp_path).shutdown()
    assert list(tmp_path.iterdir()) == []


def test_paths_are_made_absolute(client: Client, fake: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    client.open_folder("here")
    assert fake.heard == [("POST", "/v1/folders", {"path": str(tmp_path / "here")})]
