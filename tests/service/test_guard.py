"""Who may call: host, origin, token and size, each refused by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from sam2_roto.service.app import make_app
from sam2_roto.service.service import Service
from sam2_roto.service.settings import Settings

from .conftest import TOKEN


def kind(response: object) -> str:
    return str(response.json()["error"]["kind"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer ünïcode",
    ],
)
def test_a_missing_or_wrong_token_is_refused(client: TestClient, given: str | None) -> None:
    del client.headers["Authorization"]
    headers = {} if given is None else {"Authorization": given.encode("latin-1")}
    for path in ("/v1/version", "/v1/openapi.json", "/v1/nowhere"):
        refused = client.get(path, headers=headers)
        assert refused.status_code == 401
        assert kind(refused) == "unauthorised"


def test_two_tokens_are_none(client: TestClient) -> None:
    del client.headers["Authorization"]
    twice = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")]
    assert client.get("/v1/version", headers=twice).status_code == 401


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1", "http://localhost:3000"])
def test_an_origin_is_refused_with_the_right_token_too(client: TestClient, origin: str) -> None:
    refused = client.get("/v1/version", headers={"Origin": origin})
    assert refused.status_code == 403
    assert kind(refused) == "origin"
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.", "", "[::1]"]
)
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    refused = client.get("/v1/version", headers={"Host": host})
    assert refused.status_code == 403
    assert kind(refused) == "origin"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1234", "localhost", "LOCALHOST:80"])
def test_this_machine_is_let_in(client: TestClient, host: str) -> None:
    assert client.get("/v1/version", headers={"Host": host}).status_code == 200


class TestAllowedOrigin:
    ORIGIN = "http://localhost:3000"

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return Settings(runtime=settings.runtime, state=settings.state, idle=0, origins=(self.ORIGIN,))

    def test_it_may_ask_and_read(self, client: TestClient) -> None:
        asked = client.options(
            "/v1/shots", headers={"Origin": self.ORIGIN, "Access-Control-Request-Method": "POST", "Authorization": ""}
        )
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == self.ORIGIN
        answered = client.get("/v1/version", headers={"Origin": self.ORIGIN})
        assert answered.status_code == 200
        assert answered.headers["access-control-allow-origin"] == self.ORIGIN

    def test_it_needs_the_token(self, client: TestClient) -> None:
        refused = client.get("/v1/version", headers={"Origin": self.ORIGIN, "Authorization": "Bearer x"})
        assert refused.status_code == 401

    def test_others_are_refused(self, client: TestClient) -> None:
        assert client.options("/v1/shots", headers={"Origin": "http://localhost:3001"}).status_code == 403


LARGEST = 4096


class TestSize:
    @pytest.fixture
    def small(self, settings: Settings) -> Iterator[TestClient]:
        kept = Settings(runtime=settings.runtime, state=settings.state, idle=0, largest_body=LARGEST)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        with TestClient(make_app(Service(kept), TOKEN), "http://127.0.0.1", headers=headers) as opened:
            yield opened

    def test_a_body_of_the_largest_size_is_read(self, small: TestClient) -> None:
        body = b'{"path": "/nowhere"}'
        refused = small.post("/v1/folders", content=body + b" " * (LARGEST - len(body)))
        assert refused.status_code == 400
        assert kind(refused) == "path"

    @pytest.mark.parametrize("size", [LARGEST + 1, 4 * LARGEST, 100 * LARGEST])
    def test_a_larger_one_is_refused(self, small: TestClient, size: int) -> None:
        refused = small.post("/v1/folders", content=b" " * size)
        assert refused.status_code == 413
        assert kind(refused) == "too_large"

    @pytest.mark.parametrize("parts", [2, 5, 100])
    def test_one_without_a_length_is_refused(self, small: TestClient, parts: int) -> None:
        refused = small.post("/v1/folders", content=(b" " * (LARGEST - 1) for _ in range(parts)))
        assert refused.status_code == 413

    @pytest.mark.parametrize("length", ["-1", "1e3", "²", "9" * 400])
    def test_a_length_that_is_none_is_refused(self, small: TestClient, length: str) -> None:
        refused = small.post("/v1/folders", content=b"{}", headers={"Content-Length": length.encode("latin-1")})
        assert refused.status_code in (400, 413)
