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


def is_lazy(package: str) -> bool:
    """Whether a package gets its names when they are first used."""
    return hasattr(importlib.import_module(package), "__getattr__")


def test_public_names_are_those_that_were_frozen() -> None:
    assert public_names() == json.loads(FROZEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("package", sorted(public_names()))
def test_public_names_are_there(package: str) -> None:
    module = importlib.import_module(package)
    missing = [name for name in public_names()[package] if not hasattr(module, name)]
    assert missing == []


@pytest.mark.parametrize("package", [name for name in sorted(public_names()) if is_lazy(name)])
def test_no_public_name_is_hidden_by_a_module(package: str) -> None:
    """Whoever imports a module sets its name in the package: a name that is not there yet would be hidden for good."""
    folder = REPOSITORY.joinpath(*package.split("."))
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert modules.isdisjoint(public_names()[package])


if __name__ == "__main__":
    FROZEN.write_text(json.dumps(public_names(), indent=2) + "\n", encoding="utf-8")
