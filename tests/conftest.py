"""Fixtures for every test: where the shared material lies, and how many threads a worker may take."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

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


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of ``nano`` drawn at random, which find every object present: for plumbing, where truth plays no part."""
    import torch
    from safetensors.torch import save_file

    from sam2_roto.model import build_model

    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = build_model("nano", 64)
    model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.data += 8
    save_file({name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


@pytest.fixture(scope="session")
def shot_views() -> NDArray[np.uint8]:
    """Twenty frames ``[20, 64, 96, 3]``: a red disc goes right and a blue box left over a noisy ground."""
    rows, columns = np.mgrid[:64, :96]
    views = np.random.default_rng(5).integers(60, 120, (20, 64, 96, 3), dtype=np.uint8)
    for frame, view in enumerate(views):
        view[(columns - 24 - 2 * frame) ** 2 + (rows - 32) ** 2 < 12**2] = (230, 40, 40)
        view[(abs(columns - 74 + 2 * frame) < 9) & (abs(rows - 48) < 7)] = (40, 60, 230)
    return views


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory, shot_views: NDArray[np.uint8]) -> Path:
    """The frames of ``shot_views`` as a movie, numbered from 0."""
    from compositing.footage.writer import write_movie

    path = tmp_path_factory.mktemp("footage") / "shot.mp4"
    write_movie(path, shot_views, 24)
    return path


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
