"""The tables of formulas in the documentation are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from compositing.operations.blend import BLENDS
from compositing.operations.merge import MERGES

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
FORMULAS = [(name, merge.formula) for name, merge in MERGES.items()]
FORMULAS += [(name, mode.formula) for name, mode in BLENDS.items()]


@pytest.mark.parametrize(("name", "formula"), FORMULAS)
def test_every_formula_is_documented(name: str, formula: str) -> None:
    assert f"| `{name}` | {formula} |" in DOCUMENT.read_text(encoding="utf-8").splitlines()
