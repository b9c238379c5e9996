"""The networks have exactly the published tensors, and load files in the published layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sam2_roto import build_model
from sam2_roto.checkpoints.load import load_weights, resolve
from sam2_roto.errors import ModelError
from sam2_roto.model import PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_and_shapes_are_the_published_ones(name: str, shared_dir: Path) -> None:
    published = json.loads((shared_dir / "reference" / "state_dict_shapes.json").read_text())[name]
    with torch.device("meta"):
        ours = build_model(name).state_dict()
    assert {key: list(value.shape) for key, value in ours.items()} == published


def test_published_layout_loads(tmp_path: Path) -> None:
    model = build_model("sam2_hiera_tiny")
    path = tmp_path / "sam2_hiera_tiny.pt"
    torch.save({"model": model.state_dict()}, path)
    assert resolve(str(path)) == ("sam2_hiera_tiny", path)
    other = build_model("sam2_hiera_tiny", image_size=256)
    load_weights(other, path)
    assert torch.equal(other.no_mem_embed, model.no_mem_embed)


def test_unknown_name_and_size_are_told() -> None:
    with pytest.raises(ModelError, match="no model is called 'huge'"):
        build_model("huge")
    with pytest.raises(ModelError, match="image size 100"):
        build_model("nano", image_size=100)
