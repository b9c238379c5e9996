"""Requests made from the OpenAPI description, sensible and not: no server error, and no answer that is not described.

SAM2_ROTO_EXAMPLES asks for more of them for each operation.
"""

from __future__ import annotations

import itertools
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

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("SAM2_ROTO_EXAMPLES", "6"))
NETWORK = {"model": "nano", "image_size": 64}
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)

Json = dict[str, Any]

LEFT_OUT = {"POST /v1/shutdown", "GET /v1/events"}
"""What would end the service, and what has no end."""


@pytest.fixture(scope="module")
def names(client: Client, folder: Path, footage: Path) -> Callable[[str], Json]:
    """What exists, for an operation: a shot of its own, in which something is said.

    Jobs are asked of a shot in which nothing is, so that none of them runs.
    """

    def shot(name: str, *, said: bool) -> str:
        found = str(client.new_shot(footage, folder=str(folder / f"{name}.roto"), **NETWORK)["id"])
        if said:
            client.prompt(found, "disc", 0, points=[(24, 32, True)])
        return found

    job = client.cancel(client.track(shot("tracked", said=True))["id"])["id"]

    def names(label: str) -> Json:
        said = not label.endswith(("/track", "/export", "/composite"))
        mine = shot("of_" + "".join(letter if letter.isalnum() else "_" for letter in label), said=said)
        paths = {"footage": str(footage), "output": str(folder / "out"), "path": str(folder / "closed")}
        return {"shot": mine, "job": job, "name": "disc", "object": "disc", "frame": 0, **paths}

    return names


def rename(said: Any, names: Json) -> None:
    """Put what exists in the place of what was made up."""
    if isinstance(said, dict):
        said.update({name: value for name, value in names.items() if name in said})


def faults(operation: Any, endpoint: dict[str, Any], names: Json) -> list[str]:
    """What is wrong with the answers to requests of one operation, at most one sentence for each kind."""
    found: dict[str, str] = {}
    turns = itertools.count()

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
        rename(case.path_parameters, names)
        rename(case.query, names)
        if next(turns) % 2:  # every second body is as it was made
            rename(case.body, names)
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
def test_every_answer_is_as_described(client: Client, names: Callable[[str], Json], named: bool) -> None:
    schema = schemathesis.openapi.from_dict(client.call("GET", "/openapi.json"))
    operations = [result.ok() for result in schema.get_all_operations()]
    asked = [operation for operation in operations if operation.label not in LEFT_OUT]
    if not named:
        asked = [operation for operation in asked if operation.path_parameters]
    assert len(asked) > 10
    told = {op.label: faults(op, client.find(), names(op.label) if named else {}) for op in asked}
    assert {label: found for label, found in told.items() if found} == {}
    assert client.connect()["name"] == "sam2-roto"
