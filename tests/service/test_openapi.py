"""The description names every address, what it may answer, and that it needs the token."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from sam2_roto.service.faults import KINDS

ADDRESSES = {
    "/v1/version": {"get"},
    "/v1/status": {"get"},
    "/v1/folders": {"get", "post", "delete"},
    "/v1/shots": {"get", "post"},
    "/v1/shots/{shot}": {"get", "patch", "delete"},
    "/v1/shots/{shot}/objects": {"post"},
    "/v1/shots/{shot}/objects/{name}": {"patch", "delete"},
    "/v1/shots/{shot}/prompts": {"post", "delete"},
    "/v1/shots/{shot}/preview": {"post"},
    "/v1/shots/{shot}/undo": {"post"},
    "/v1/shots/{shot}/redo": {"post"},
    "/v1/shots/{shot}/lock": {"post"},
    "/v1/shots/{shot}/frames/{frame}": {"get"},
    "/v1/shots/{shot}/mattes/{name}/{frame}": {"get"},
    "/v1/shots/{shot}/review": {"get"},
    "/v1/shots/{shot}/track": {"post"},
    "/v1/shots/{shot}/export": {"post"},
    "/v1/shots/{shot}/composite": {"post"},
    "/v1/jobs": {"get"},
    "/v1/jobs/{job}": {"get", "patch", "delete"},
    "/v1/jobs/{job}/events": {"get"},
    "/v1/events": {"get"},
    "/v1/shutdown": {"post"},
}


@pytest.fixture
def described(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/openapi.json").json()
    return found


def test_every_address_is_described(described: dict[str, Any]) -> None:
    assert {path: set(found) for path, found in described["paths"].items()} == ADDRESSES


def test_every_answer_is_described(described: dict[str, Any]) -> None:
    error = {"$ref": "#/components/schemas/Error"}
    for path, found in described["paths"].items():
        for method, operation in found.items():
            answers = operation["responses"]
            assert {"200", "400", "401", "403", "404", "408", "409", "413", "422", "500"} == set(answers), (
                path,
                method,
            )
            for status, answer in answers.items():
                content = answer["content"]
                assert len(content) == 1, (path, method, status)
                if status != "200":
                    assert content["application/json"]["schema"] == error
            assert operation["description"]


def test_kinds_and_token_are_described(described: dict[str, Any]) -> None:
    assert set(described["components"]["schemas"]["Fault"]["properties"]["kind"]["enum"]) == set(KINDS)
    assert described["security"] == [{"token": []}]
    assert described["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert "HTTPValidationError" not in described["components"]["schemas"]
