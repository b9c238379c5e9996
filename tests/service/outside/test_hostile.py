"""Requests of people and programs that must not be served, or that make no sense: refused, and nothing else happens."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_adapters.client import Client, Refused

MIB = 1 << 20


@pytest.fixture(autouse=True)
def still_well(client: Client) -> Iterator[None]:
    """Whatever a test did, the same process goes on answering."""
    before = client.connect()["pid"]
    yield
    assert client.connect()["pid"] == before


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, footage: Path) -> Path:
    """A folder that was never opened, with footage in it."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "secret.mp4").write_bytes(footage.read_bytes())
    (folder / "mask.png").write_bytes(b"\x89PNG")
    return folder


def kind(answer: Any) -> tuple[int, str]:
    """Status and kind of an error, whose message is one sentence."""
    error = answer.body["error"]
    assert error["message"]
    assert "\n" not in error["message"]
    return answer.status, error["kind"]


# Who asks


@pytest.mark.parametrize("path", ["/v1/version", "/v1/status", "/v1/shots", "/v1/openapi.json", "/", "/docs", "/v2/x"])
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer \xe9\xff"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
    ],
    ids=["none", "empty", "bare", "wrong", "latin-1", "basic"],
)
def test_without_the_token_nothing_is_told(outsider: Any, path: str, said: dict[str, str]) -> None:
    assert kind(outsider.ask("GET", path, headers=said)) == (401, "unauthorised")


def test_the_token_counts_in_its_header_alone(outsider: Any) -> None:
    token = outsider.token
    assert outsider.ask("GET", f"/v1/version?token={token}&access_token={token}", headers={}).status == 401
    assert outsider.ask("GET", "/v1/version", headers={"Cookie": f"token={token}"}).status == 401
    assert outsider.ask("GET", "/v1/version", headers={"Authorization": f"Bearer {token[:-1]}"}).status == 401
    assert outsider.ask("GET", "/v1/version", headers={"Authorization": f"Bearer {token}x"}).status == 401
    assert outsider.ask("GET", "/v1/version").status == 200


def test_only_the_user_can_read_the_token(client: Client) -> None:
    runtime = Path(client.runtime)
    assert stat.S_IMODE((runtime / "service.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="no /proc on this machine")
def test_the_token_is_in_no_log_and_no_list_of_processes(client: Client, outsider: Any) -> None:
    token = outsider.token.encode()
    process = Path("/proc") / str(client.find()["pid"])
    assert token not in (process / "cmdline").read_bytes()
    assert token not in (process / "environ").read_bytes()
    files = [path for path in Path(client.runtime).parent.rglob("*") if path.is_file() and path.name != "service.json"]
    assert [path for path in files if token in path.read_bytes()] == []


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:80", "http://localhost", "file://"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_pages_of_browsers_are_refused(outsider: Any, method: str, origin: str) -> None:
    answer = outsider.ask(method, "/v1/shots", headers={**outsider.bearer, "Origin": origin})
    assert kind(answer) == (403, "origin")
    assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::1", "", "localhost."]
)
def test_a_name_that_was_bound_to_this_machine_is_refused(outsider: Any, host: str) -> None:
    assert kind(outsider.ask("GET", "/v1/version", headers={**outsider.bearer, "Host": host})) == (403, "origin")


# What is named


def refused_paths(folder: Path, outside: Path) -> list[str]:
    """Ways to name the footage outside."""
    (folder / "link.mp4").unlink(missing_ok=True)
    (folder / "link.mp4").symlink_to(outside / "secret.mp4")
    if not (folder / "door").exists():
        (folder / "door").symlink_to(outside, target_is_directory=True)
    up = "/".join([".."] * 30)
    return [
        str(outside / "secret.mp4"),
        str(folder / "link.mp4"),
        str(folder / "door" / "secret.mp4"),
        f"{folder}/{up}{outside}/secret.mp4",
        f"{folder}/../{outside.name}/secret.mp4",
        f"{folder}-not/secret.mp4",
        "/proc/self/environ",
        "/dev/zero",
    ]


def test_footage_outside_is_refused(outsider: Any, folder: Path, outside: Path) -> None:
    for path in refused_paths(folder, outside):
        assert kind(outsider.ask("POST", "/v1/shots", {"footage": path})) == (403, "path"), path


@pytest.mark.parametrize(
    "path", ["shot.mp4", "~/shot.mp4", "", "file:///etc/passwd", "concat:/etc/passwd", "http://127.0.0.1/x.mp4"]
)
def test_what_is_no_absolute_path_is_refused(outsider: Any, path: str) -> None:
    status, word = kind(outsider.ask("POST", "/v1/shots", {"footage": path}))
    assert (400 <= status < 500, word in ("path", "malformed")) == (True, True)


@pytest.mark.parametrize("path", ["/a\0b", "/" + "x" * 4000, "/" + "x/" * 2000, "/\udcff", "//", "/.", "/"])
def test_paths_that_no_disk_has_are_refused(outsider: Any, path: str) -> None:
    for address, body in (("/v1/shots", {"footage": path}), ("/v1/folders", {"path": path})):
        status, word = kind(outsider.ask("POST", address, body))
        assert 400 <= status < 500, address
        assert word in ("path", "malformed"), address


def test_a_sequence_with_a_frame_that_leads_outside_is_refused(outsider: Any, folder: Path, outside: Path) -> None:
    frames = folder / "frames"
    frames.mkdir(exist_ok=True)
    for number in (1, 2):
        (frames / f"f.{number:04d}.png").unlink(missing_ok=True)
        (frames / f"f.{number:04d}.png").symlink_to(outside / "mask.png")
    for name in ("f.%04d.png", "f.0001.png", "."):
        assert kind(outsider.ask("POST", "/v1/shots", {"footage": str(frames / name)})) == (403, "path"), name


def test_a_list_that_names_files_outside_is_no_footage(outsider: Any, folder: Path, outside: Path) -> None:
    lists = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{outside}/secret.mp4\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile '{outside}/secret.mp4'\n",
        "list.mp4": f"ffconcat version 1.0\nfile '{outside}/secret.mp4'\n",
        "list.mov": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{outside}/secret.mp4\n#EXT-X-ENDLIST\n",
    }
    for name, text in lists.items():
        (folder / name).write_text(text)
        status, _ = kind(outsider.ask("POST", "/v1/shots", {"footage": str(folder / name)}))
        assert 400 <= status < 500, name


def test_shots_masks_weights_and_outputs_outside_are_refused(
    client: Client, outsider: Any, folder: Path, outside: Path, footage: Path
) -> None:
    refused_paths(folder, outside)
    marked = client.new_shot(footage, folder=str(folder / "marked.roto"), model="nano", image_size=64)["id"]
    client.prompt(marked, "disc", 0, points=[(24, 32, True)])
    shot = f"/v1/shots/{marked}"
    said = {"object": "disc", "frame": 0}
    for place in (outside, folder / "door"):
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/v1/shots", {"folder": str(place / "a.roto")}),
            ("/v1/shots", {"footage": str(footage), "folder": str(place / "b.roto")}),
            ("/v1/shots", {"footage": str(footage), "model": str(place / "weights.safetensors")}),
            (f"{shot}/prompts", {**said, "mask": str(place / "mask.png")}),
            (f"{shot}/preview", {**said, "mask": str(place / "mask.png")}),
            (f"{shot}/export", {"output": str(place)}),
            (f"{shot}/export", {"output": str(folder), "deliverables": {"splines": str(place / "s.json")}}),
            (f"{shot}/composite", {"output": str(place / "c.mov"), "background": "white"}),
            (f"{shot}/composite", {"output": str(folder / "c.mov"), "background": str(place / "secret.mp4")}),
            (f"{shot}/composite", {"output": str(folder / "c.mov"), "background": "white", "sound": str(place / "s")}),
        ]
        for address, body in asked:
            assert kind(outsider.ask("POST", address, body)) == (403, "path"), (address, body)
    assert sorted(path.name for path in outside.iterdir()) == ["mask.png", "secret.mp4"]


def test_a_link_that_is_moved_after_the_question_leads_nowhere(client: Client, folder: Path, footage: Path) -> None:
    out = folder / "moving"
    out.mkdir(exist_ok=True)
    shot = client.new_shot(footage, folder=str(folder / "moved.roto"), model="nano", image_size=64, range=[0, 1])["id"]
    client.prompt(shot, "disc", 0, points=[(24, 32, True)])
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    job = client.export(shot, out)
    out.rmdir()
    out.symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(Exception, match="not within an opened folder"):
        client.wait(job, timeout=120)
    assert list(elsewhere.iterdir()) == []


# What is said


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"path": NaN}',
        b'{"path": 1e999}',
        b'{"path": [' + b"[" * 100_000,
        b'{"path": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001,
        b'{"path": ' + b"9" * 10_000 + b"}",
        b'{"path": "/tmp", "path": 5}',
        b'{"path": "/tmp", "more": true}',
        b'{"path": null}',
        b'{"path": ["/tmp"]}',
    ],
    ids=range(15),
)
def test_what_makes_no_sense_is_malformed(outsider: Any, body: bytes) -> None:
    headers = {**outsider.bearer, "Content-Type": "application/json"}
    status, word = kind(outsider.ask("POST", "/v1/folders", body, headers))
    assert (status in (400, 422), word) == (True, "malformed")


@pytest.mark.parametrize(
    "said",
    [
        {"frame": 2**63},
        {"frame": -(2**40)},
        {"frame": 1.5},
        {"frame": "0"},
        {"frame": 20},
        {"frame": -1},
        {"object": ""},
        {"object": "../../etc"},
        {"object": "a" * 300},
        {"object": "dög"},
        {"points": [[1, 2]]},
        {"points": [[1, 2, 3, 4]]},
        {"points": [["1", 2, True]]},
        {"points": [[1e300, 0, True]]},
        {"points": [[500_000, 0, True]]},
        {"points": [[1, 2, True]] * 2000},
        {"points": []},
        {"points": None},
        {"box": [1, 2, 3]},
        {"box": [5, 5, 5, 5]},
        {"mask": 5},
        {"strokes": [{"radius": -1, "points": [[1, 1]]}]},
        {"strokes": [{"radius": 2, "points": []}]},
        {"width": 0},
        {"width": 10**9},
    ],
    ids=str,
)
def test_prompts_that_cannot_be_are_refused(outsider: Any, known: str, said: dict[str, Any]) -> None:
    body = {"object": "disc", "frame": 0, **said}
    if not set(body) & {"points", "box", "mask", "strokes"}:
        body["points"] = [[1, 1, True]]
    for what in ("prompts", "preview"):
        status, _ = kind(outsider.ask("POST", f"/v1/shots/{known}/{what}", body))
        assert 400 <= status < 500, what


@pytest.mark.parametrize(
    "text", ['{"frame": NaN}', '{"points": [[NaN, 0, true]]}', '{"points": [[Infinity, 0, true]]}']
)
def test_numbers_that_are_none_are_refused(outsider: Any, known: str, text: str) -> None:
    body = '{"object": "disc", "frame": 0, ' + text[1:]
    headers = {**outsider.bearer, "Content-Type": "application/json"}
    assert 400 <= outsider.ask("POST", f"/v1/shots/{known}/preview", body, headers).status < 500


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/shots/none"),
        ("GET", "/v1/shots/..%2f..%2fetc%2fpasswd"),
        ("GET", "/v1/shots/%00"),
        ("GET", "/v1/shots/%ff%fe"),
        ("GET", "/v1/shots/{shot}/frames/99"),
        ("GET", "/v1/shots/{shot}/frames/-1"),
        ("GET", "/v1/shots/{shot}/frames/1e3"),
        ("GET", "/v1/shots/{shot}/frames/" + "9" * 5000),
        ("GET", "/v1/shots/{shot}/frames/0?width=0"),
        ("GET", "/v1/shots/{shot}/frames/0?width=999999999"),
        ("GET", "/v1/shots/{shot}/mattes/none/0"),
        ("GET", "/v1/shots/{shot}/mattes/..%2f..%2fx/0"),
        ("DELETE", "/v1/shots/{shot}/prompts"),
        ("DELETE", "/v1/shots/{shot}/prompts?object=none&frame=0"),
        ("DELETE", "/v1/folders?path=/never/opened"),
        ("DELETE", "/v1/folders"),
        ("GET", "/v1/jobs/none"),
        ("DELETE", "/v1/jobs/none"),
        ("GET", "/v1/jobs/none/events"),
        ("GET", "/v1/../v1/shots/none"),
        ("PUT", "/v1/shots"),
        ("TRACE", "/v1/shots"),
        ("BREW", "/v1/shots"),
        ("GET", "/v1/nothing"),
    ],
)
def test_addresses_that_lead_nowhere_are_refused(outsider: Any, known: str, method: str, path: str) -> None:
    answer = outsider.ask(method, path.replace("{shot}", known))
    assert 400 <= answer.status < 500, answer


# How it is said


def test_large_bodies_are_refused_by_what_they_say_and_by_what_they_are(outsider: Any) -> None:
    headers = {**outsider.bearer, "Content-Type": "application/json"}
    large = b'{"path": "' + b"x" * MIB + b'"}'
    assert kind(outsider.ask("POST", "/v1/folders", large, headers)) == (413, "too_large")
    head = f"POST /v1/folders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {outsider.token}\r\n"
    said = outsider.send(f"{head}Content-Length: {1 << 40}\r\n\r\n".encode() + b"{}")
    assert said.split()[1] == b"413"
    chunk = b"%x\r\n" % len(large) + large + b"\r\n0\r\n\r\n"
    assert outsider.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk).split()[1] == b"413"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: -5",
        "Content-Length: ten",
        "Content-Length: 3\r\nContent-Length: 7",
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "X: \0",
        "Y: " + "y" * 200_000,
    ],
    ids=lambda head: head[:24],
)
def test_heads_that_lie_get_no_service(outsider: Any, head: str) -> None:
    start = f"POST /v1/folders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {outsider.token}\r\n"
    said = outsider.send(f"{start}{head}\r\n\r\n".encode("latin-1") + b'4\r\n{"a"\r\n0\r\n\r\n')
    assert not said.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))


def test_what_is_no_http_gets_no_service(outsider: Any) -> None:
    for data in (b"\0" * 1000, b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        assert not outsider.send(data).startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))


def test_two_hosts_in_one_request_get_no_service(outsider: Any) -> None:
    head = (
        f"GET /v1/version HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nAuthorization: Bearer {outsider.token}"
    )
    assert not outsider.send(f"{head}\r\nConnection: close\r\n\r\n".encode()).startswith(b"HTTP/1.1 2")


def test_those_who_hang_up_and_those_who_say_nothing_hold_no_one_up(client: Client, outsider: Any) -> None:
    import socket

    silent = [socket.create_connection((outsider.host, outsider.port)) for _ in range(50)]
    for connection in silent[:25]:
        connection.sendall(b"POST /v1/folders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
    try:
        assert client.status()["shots"] >= 0
    finally:
        for connection in silent:
            connection.close()


def test_previews_whose_asker_has_gone_hold_no_one_up(client: Client, outsider: Any, known: str) -> None:
    import json
    import socket

    body = json.dumps({"object": "disc", "frame": 3, "points": [[30, 32, True]]}).encode()
    head = f"POST /v1/shots/{known}/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {outsider.token}\r\n"
    for _ in range(10):
        with socket.create_connection((outsider.host, outsider.port)) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert client.preview(known, "disc", 3, points=[(30, 32, True)])["frame"] == 3


def test_a_closed_folder_is_closed(client: Client, tmp_path: Path, footage: Path) -> None:
    (tmp_path / "shot.mp4").write_bytes(footage.read_bytes())
    client.open_folder(tmp_path)
    shot = client.new_shot(tmp_path / "shot.mp4", model="nano", image_size=64)["id"]
    assert client.plate(shot, 0).startswith(b"\x89PNG")
    client.close_folder(tmp_path)
    asked: list[Callable[[], Any]] = [
        lambda: client.new_shot(tmp_path / "shot.mp4"),
        lambda: client.plate(shot, 1),
        lambda: client.preview(shot, "disc", 0, points=[(1, 1, True)]),
        lambda: client.export(shot, tmp_path / "out"),
    ]
    for ask in asked:
        with pytest.raises(Refused) as caught:
            ask()
        assert (caught.value.status, caught.value.kind) == (403, "path")
    client.close_shot(shot)


def test_events_end_with_those_who_listen(client: Client, outsider: Any) -> None:
    """Twenty listeners that go away leave a service that answers, and an event stream ends at shutdown, not before."""
    import socket

    head = f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {outsider.token}\r\n\r\n".encode()
    heard = []

    def listen() -> None:
        with socket.create_connection((outsider.host, outsider.port), timeout=10) as connection:
            connection.sendall(head)
            heard.append(connection.recv(100).split()[1])

    threads = [threading.Thread(target=listen) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [b"200"] * 20
    assert client.status()["jobs"] == {"queued": 0, "running": 0}
