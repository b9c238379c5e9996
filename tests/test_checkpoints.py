"""Weights files: download from a server of our own, loading, and telling which model a file belongs to."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from sam2_roto.checkpoints import PUBLISHED, Published, cache_folder, fetch, find, place
from sam2_roto.checkpoints.fetch import download
from sam2_roto.checkpoints.load import (
    default_model,
    expected_shapes,
    load_weights,
    model_of,
    read_state,
    resolve,
)
from sam2_roto.errors import CheckpointError, ModelError

TINY = "sam2.1_hiera_tiny"
CONTENT = bytes(range(256)) * 12_000


class Server(http.server.ThreadingHTTPServer):
    """Serves ``CONTENT`` at every address; can break off after some bytes, ignore ranges, or refuse."""

    break_after: int | None = None
    knows_ranges = True
    status: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/weights.pt"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.server.status is not None:
            self.send_error(self.server.status)
            return
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.knows_ranges else 0
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(CONTENT) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(CONTENT[first : self.server.break_after])

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def entry(url: str, content: bytes = CONTENT) -> Published:
    return Published("ours", url, len(content), hashlib.sha256(content).hexdigest())


def test_download_reports_progress_and_leaves_no_part(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "weights.pt"
    seen: list[tuple[str, int, int]] = []
    assert download(entry(server.url), target, lambda *step: seen.append(step)) == target
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["weights.pt"]
    assert seen[-1] == ("fetch ours", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_broken_download_goes_on_from_where_it_stopped(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    server.break_after = 1_000_000
    with pytest.raises(CheckpointError, match="broke off"):
        download(entry(server.url), target)
    assert not target.exists()
    assert target.with_name("weights.pt.part").stat().st_size == 1_000_000
    server.break_after = None
    download(entry(server.url), target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000000-"]


def test_server_without_ranges_is_read_from_the_start(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    target.with_name("weights.pt.part").write_bytes(b"something else")
    server.knows_ranges = False
    download(entry(server.url), target)
    assert target.read_bytes() == CONTENT


def test_complete_part_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    target.with_name("weights.pt.part").write_bytes(CONTENT)
    download(entry(server.url), target)
    assert target.read_bytes() == CONTENT
    assert server.asked == []


def test_wrong_file_is_refused_and_deleted(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    wrong = entry(server.url, CONTENT[:-1] + b"?")
    with pytest.raises(CheckpointError, match="is not the published ours"):
        download(wrong, target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [404, 500])
def test_refusal_names_the_address_and_the_place(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(CheckpointError) as caught:
        download(entry(server.url), tmp_path / "weights.pt")
    assert f"HTTP Error {status}" in str(caught.value)
    assert server.url in str(caught.value)


def test_part_that_the_server_cannot_continue_is_dropped(server: Server, tmp_path: Path) -> None:
    server.status = 416
    part = tmp_path / "weights.pt.part"
    part.write_bytes(b"1234")
    with pytest.raises(CheckpointError, match="416"):
        download(entry(server.url), tmp_path / "weights.pt")
    assert part.stat().st_size == 0


def test_no_network_names_the_address_and_the_place(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1/weights.pt"
    target = tmp_path / "weights.pt"
    with pytest.raises(CheckpointError) as caught:
        download(entry(url), target)
    assert f"ours is not on this machine and {url} cannot be reached" in str(caught.value)
    assert f"put it at {target}" in str(caught.value)


def test_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot be written"):
        download(entry(server.url), tmp_path / "file" / "weights.pt")


def test_cache_folder_is_moved_by_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAM2_ROTO_CACHE", raising=False)
    assert cache_folder().name == "sam2-roto"
    monkeypatch.setenv("SAM2_ROTO_CACHE", str(tmp_path))
    assert place(TINY) == tmp_path / f"{TINY}.pt"
    assert find(TINY) is None
    place(TINY).write_bytes(b"here")
    assert fetch(TINY) == find(TINY) == tmp_path / f"{TINY}.pt"


def test_published_table_agrees_with_the_models() -> None:
    for name, published in PUBLISHED.items():
        numbers = sum(shape.numel() for shape in expected_shapes(name).values())
        # Four bytes a number, and a little for names and structure.
        assert 4 * numbers < published.size < 4 * numbers + 300_000
        assert len(published.sha256) == 64


class Small(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.first = nn.Linear(width, 2)
        self.second = nn.Linear(2, 1)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("nested", [True, False])
def test_weights_come_back(tmp_path: Path, suffix: str, nested: bool) -> None:
    path = tmp_path / f"weights{suffix}"
    saved, loaded = Small(), Small()
    if suffix == ".safetensors":
        save_file(saved.state_dict(), path)
    else:
        torch.save({"model": saved.state_dict()} if nested else saved.state_dict(), path)
    load_weights(loaded, path)
    for name, value in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


def test_half_precision_weights_fill_a_float32_model(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    saved = Small().half()
    save_file(saved.state_dict(), path)
    model = Small()
    load_weights(model, path)
    assert model.first.weight.dtype == torch.float32
    assert torch.equal(model.first.weight, saved.first.weight.float())


def test_weights_of_another_model_are_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    state = Small().state_dict()
    state["third.weight"] = state.pop("second.weight")
    torch.save(state, path)
    with pytest.raises(CheckpointError) as caught:
        load_weights(Small(), path, "small")
    assert (
        str(caught.value)
        == f"{path} does not hold the weights of small: missing second.weight; unexpected third.weight"
    )


def test_weights_of_another_size_are_told_by_shape(tmp_path: Path) -> None:
    path = tmp_path / "wide.pt"
    torch.save(Small(width=4).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"first.weight is \(2, 4\) and should be \(2, 3\)"):
        load_weights(Small(), path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04", b"\x80\x02}q\x00.", bytes(5000)])
def test_damaged_file(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_state(path)
    assert str(path) in str(caught.value)


def test_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"model": Small().state_dict()}, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match="damaged"):
        read_state(path)


@pytest.mark.parametrize("content", [{"model": {}}, {"model": 3}, [1, 2], {"step": 3, "name": "x"}])
def test_file_of_something_else(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError):
        read_state(path)


def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(Small(), path)  # a pickled module would need its class to be imported and built
    with pytest.raises(CheckpointError, match="damaged or no weights file"):
        read_state(path)


@functools.cache
def saved(legacy: bool) -> bytes:
    """A small file of weights, made once: in the old format memory addresses decide its length."""
    buffer = io.BytesIO()
    torch.save({"model": Small().state_dict()}, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_fails_in_another_way(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(saved(data.draw(st.booleans(), "legacy")))
    for place_, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))), "bytes"):
        content[place_] = value
    path = tmp_path / "weights.pt"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)), "length")])
    with contextlib.suppress(CheckpointError):
        assert all(isinstance(value, torch.Tensor) for value in read_state(path).values())


@pytest.mark.parametrize("name", [TINY, "sam2_hiera_small", "nano"])
def test_a_file_is_known_by_its_shapes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "renamed.safetensors"
    save_file({key: torch.zeros(shape, dtype=torch.float16) for key, shape in expected_shapes(name).items()}, path)
    assert resolve(str(path)) == (name, path)


def test_a_file_of_no_model_we_know(tmp_path: Path) -> None:
    path = tmp_path / "small.pt"
    torch.save(Small().state_dict(), path)
    with pytest.raises(CheckpointError, match="weights of no model that is known"):
        model_of(path)


def test_unknown_names() -> None:
    with pytest.raises(ModelError, match="no model is called 'sam9'") as caught:
        resolve("sam9")
    assert "nano" in str(caught.value)
    with pytest.raises(CheckpointError, match=r"there is no weights file .*nowhere.pt"):
        resolve("nowhere.pt")


def test_default_is_the_best_that_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAM2_ROTO_CACHE", str(tmp_path))
    assert default_model() == "nano"
    for name in ("sam2_hiera_tiny", "sam2_hiera_small", "sam2.1_hiera_small", "sam2_hiera_large", "sam2.1_hiera_large"):
        place(name).write_bytes(b"here")
        assert default_model() == name
