"""The service listens before torch is there, and the command that describes it needs no web framework."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

HEAVY = {"torch", "numpy", "av", "cv2", "OpenImageIO"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("sam2_roto.service.server", HEAVY),
        ("sam2_roto.service.worker", HEAVY),
        ("sam2_roto.cli.serve", HEAVY | {"fastapi", "uvicorn", "pydantic", "sqlite3", "asyncio"}),
    ],
)
def test_modules_stay_light(module: str, heavy: set[str]) -> None:
    script = f"import sys, {module}; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
