"""Fixtures for every test: where the shared material lies, and how many threads a worker may take."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

# Tests run in several processes; more than one thread in each would only make them wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A deadline would make slow machines fail where nothing is wrong.
hypothesis.settings.register_profile("sam2-roto", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("sam2-roto")


def find_shared() -> Path | None:
    """The folder of shared clips, plates and reference outputs; ``None`` where this machine has none."""
    named = os.environ.get("SAM2_ROTO_SHARED")
    folder = Path(named) if named else REPOSITORY.parent / "shared"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Path of the shared material; the test is skipped, visibly, where it is absent."""
    folder = find_shared()
    if folder is None:
        pytest.skip("no shared material: put it beside the repository as 'shared', or set SAM2_ROTO_SHARED")
    return folder


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
