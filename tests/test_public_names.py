"""The names that others build on, frozen: a name that appears or goes must be meant.

``python tests/test_public_names.py`` writes the present names to ``public_names.json``.
"""

from __future__ import annotations

import ast
import importlib
import json
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FROZEN = Path(__file__).with_name("public_names.json")
PACKAGES = ("compositing", "sam2_roto", "host_adapters")


def declared(path: Path) -> list[str]:
    """What a package's ``__init__.py`` lists in ``__all__``, sorted."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", None) == "__all__" for target in node.targets):
            return sorted(ast.literal_eval(node.value))
    return []


def public_names() -> dict[str, list[str]]:
    """Package → its public names, for every package that declares any."""
    found = {
        ".".join(path.parent.relative_to(REPOSITORY).parts): declared(path)
        for package in PACKAGES
        for path in sorted((REPOSITORY / package).rglob("__init__.py"))
    }
    return {package: names for package, names in found.items() if names}


def test_public_names_are_those_that_were_frozen() -> None:
    assert public_names() == json.loads(FROZEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("package", sorted(public_names()))
def test_public_names_are_there(package: str) -> None:
    module = importlib.import_module(package)
    missing = [name for name in public_names()[package] if not hasattr(module, name)]
    assert missing == []


if __name__ == "__main__":
    FROZEN.write_text(json.dumps(public_names(), indent=2) + "\n", encoding="utf-8")
