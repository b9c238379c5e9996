"""The network and the tracker equal the published implementation."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sam2_roto.errors import DatasetError
from sam2_roto.evaluation.golden import Golden, main, worst_ratios

FILES = ("sam2.1_hiera_small_256_salt4", "sam2_hiera_small_256_salt1", "sam2.1_hiera_tiny_512_salt0")


@pytest.mark.parametrize("name", FILES)
def test_every_stored_array_is_met(name: str, shared_dir: Path) -> None:
    golden = Golden(shared_dir / "reference" / "golden" / f"{name}.npz")
    over = {group: worst for group, worst in worst_ratios(golden).items() if worst[0] > 1}
    assert not over


def test_other_weights_are_noticed(shared_dir: Path, tmp_path: Path) -> None:
    reference = shared_dir / "reference"
    folder = tmp_path / "golden"
    folder.mkdir()
    for script in ("seeded_weights.py", "golden_clip.py"):
        shutil.copy(reference / script, tmp_path)
    wrong = folder / "sam2_hiera_small_256_salt2.npz"
    shutil.copy(reference / "golden" / "sam2_hiera_small_256_salt1.npz", wrong)
    assert main([str(wrong)]) == 1


def test_a_wrong_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="the name must be"):
        Golden(tmp_path / "other.npz")
    assert main([str(tmp_path / "other.npz")]) == 2
