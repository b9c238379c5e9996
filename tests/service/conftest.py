"""A service within the test's own process, and a shot of a network with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from sam2_roto.service.app import make_app
from sam2_roto.service.service import Service
from sam2_roto.service.settings import Settings

TOKEN = "a-token-for-tests"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(runtime=tmp_path / "run", state=tmp_path / "state", idle=0, devices=("cpu",))


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client with the right token."""
    app = make_app(Service(settings), TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, "http://127.0.0.1", headers=headers, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def words(shot: Path, random_weights: Path) -> dict[str, Any]:
    """The body that makes a shot."""
    return {"footage": str(shot), "model": str(random_weights), "image_size": 64}


@pytest.fixture
def work(client: TestClient, words: dict[str, Any]) -> str:
    """The address of a shot of twenty frames, 96×64, whose folders are open."""
    for name in ("footage", "model"):
        assert client.post("/v1/folders", json={"path": str(Path(words[name]).parent)}).status_code == 200
    made = client.post("/v1/shots", json=words)
    assert made.status_code == 200, made.text
    return f"/v1/shots/{made.json()['id']}"
