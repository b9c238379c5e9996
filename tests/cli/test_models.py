"""``sam2-roto models`` on a cache that the test made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from sam2_roto.checkpoints import PUBLISHED, Published, place
from sam2_roto.cli import main

TINY = "sam2.1_hiera_tiny"
CONTENT = b"weights" * 1000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and a published file that is ours and cannot be reached."""
    monkeypatch.setenv("SAM2_ROTO_CACHE", str(tmp_path / "cache"))
    entry = Published(TINY, f"http://127.0.0.1:1/{TINY}.pt", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(PUBLISHED, TINY, entry)
    return tmp_path / "cache"


def fill(content: bytes = CONTENT) -> Path:
    path = place(TINY)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_list_names_every_model_and_the_folder(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert str(cache) in said
    lines = {line.split()[0]: line for line in said.splitlines() if line}
    assert {"nano", *PUBLISHED} <= set(lines)
    assert lines[TINY].endswith(" here")
    assert lines["sam2_hiera_tiny"].endswith("not here")


@pytest.mark.usefixtures("cache")
def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    path = place(TINY)
    path.parent.mkdir(parents=True)
    path.with_name(path.name + ".part").write_bytes(b"we")
    assert main(["models", "list", "--json"]) == 0
    models = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert models[TINY]["state"] == "partly here"
    assert models["sam2.1_hiera_large"]["bytes"] == 898_083_611


@pytest.mark.usefixtures("cache")
def test_fetch_of_what_is_here_needs_no_network(capsys: pytest.CaptureFixture[str]) -> None:
    path = fill()
    assert main(["models", "fetch", TINY]) == 0
    assert str(path) in capsys.readouterr().out


@pytest.mark.usefixtures("cache")
def test_fetch_without_network_says_where_from_and_where_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "fetch", TINY, "--quiet"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert PUBLISHED[TINY].url in said
    assert str(place(TINY)) in said


@pytest.mark.usefixtures("cache")
def test_verify(capsys: pytest.CaptureFixture[str]) -> None:
    path = fill()
    assert main(["models", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {TINY: str(path)}
    assert main(["models", "verify", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}  {TINY}\n"


@pytest.mark.usefixtures("cache")
def test_verify_tells_a_damaged_file(capsys: pytest.CaptureFixture[str]) -> None:
    path = fill(CONTENT[:-1] + b"?")
    assert main(["models", "verify", TINY]) == 2
    assert f"{path} is not the published {TINY}" in capsys.readouterr().err
    assert main(["models", "verify", str(path)]) == 2
    assert "none of the published files" in capsys.readouterr().err


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fetch"], "no model is named"),
        (["fetch", "sam3"], "no model is called 'sam3'"),
        (["verify"], "fetch some"),
        (["verify", TINY], f"models fetch {TINY}"),
        (["verify", "nowhere.pt"], "neither a published model nor a file"),
    ],
)
def test_wrong_words(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *words]) == 2
    assert says in capsys.readouterr().err
