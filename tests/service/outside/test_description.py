"""Requests made from the OpenAPI description, sensible and not: no server error, and no answer that is not described.

SAM2_ROTO_EXAMPLES asks for more of them for each operation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from host_adapters.client import Client

EXAMPLES = int(os.environ.get("SAM2_ROTO_EXAMPLES", "6"))
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)

LEFT_OUT = {"POST /v1/shutdown", "GET /v1/events"}
"""What would end the service, and what has no end."""


@pytest.fixture(scope="module")
def ids(client: Client, known: str, folder: Path, footage: Path) -> Callable[[str], dict[str, str]]:
    """Names that exist, for an operation: jobs are asked of a shot without objects, so that none of them runs."""
    shots = {name: client.new_shot(footage, folder=str(folder / f"{name}.roto"))["id"] for name in ("bare", "doomed")}
    client.prompt(known, "disc", 0, points=[(24, 32, True)])
    job = client.cancel(client.track(known)["id"])["id"]

    def names(label: str) -> dict[str, str]:
        if label.endswith(("/track", "/export", "/composite")):
            return {"shot": shots["bare"], "job": job}
        return {"shot": shots["doomed"] if label == "DELETE /v1/shots/{shot}" else known, "job": job, "name": "disc"}

    return names


def faults(operation: Any, endpoint: dict[str, Any], names: dict[str, str] | None) -> list[str]:
    """What is wrong with the answers to requests of one operation, at most one sentence for each kind."""
    found: dict[str, str] = {}

    @hypothesis.settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        for name in set(names or {}) & set(case.path_parameters or {}):
            case.path_parameters[name] = names[name] if names else ""
        response = case.call(
            base_url=f"http://{endpoint['host']}:{endpoint['port']}",
            headers={"Authorization": f"Bearer {endpoint['token']}"},
            timeout=60,
        )
        try:
            case.validate_response(response, checks=CHECKS)
        except schemathesis.core.failures.FailureGroup as group:
            for failure in group.exceptions:
                found[type(failure).__name__] = f"{case.as_curl_command()}: {response.status_code} {failure}"

    ask()
    return list(found.values())


@pytest.mark.parametrize("named", [True, False], ids=["known names", "any names"])
def test_every_answer_is_as_described(client: Client, ids: Any, named: bool) -> None:
    schema = schemathesis.openapi.from_dict(client.call("GET", "/openapi.json"))
    operations = [result.ok() for result in schema.get_all_operations()]
    asked = [operation for operation in operations if operation.label not in LEFT_OUT]
    if not named:
        asked = [operation for operation in asked if operation.path_parameters]
    assert len(asked) > 10
    told = {op.label: faults(op, client.find(), ids(op.label) if named else None) for op in asked}
    assert {label: found for label, found in told.items() if found} == {}
    assert client.connect()["name"] == "sam2-roto"
