"""The recipe: data in, data out, and the same matte as the functions that it names."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from sam2_roto.errors import ExportError
from sam2_roto.mattes import Choke, Feather, MatteRecipe, alpha_from_logits, feather

SIZE = (90, 120)


def logits() -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    return 9 - torch.hypot(x - 15, y - 17)


def test_plain_recipe_is_the_alpha() -> None:
    assert torch.equal(MatteRecipe().apply(logits(), SIZE), alpha_from_logits(logits(), SIZE))


def test_feather_option_is_the_whole_soft_edge() -> None:
    recipe = MatteRecipe.from_options(preset="hard", feather=6)
    assert recipe.steps == (Feather(3, 3),)
    assert torch.equal(recipe.apply(logits(), SIZE), feather(alpha_from_logits(logits(), SIZE), 3, 3))


def test_steps_are_applied_in_their_order() -> None:
    chained = MatteRecipe(steps=(Choke(2), Feather(4, 0))).apply(logits(), SIZE)
    turned = MatteRecipe(steps=(Feather(4, 0), Choke(2))).apply(logits(), SIZE)
    assert chained.sum() < MatteRecipe().apply(logits(), SIZE).sum()
    assert not torch.allclose(chained, turned, atol=0.1)


def test_json_and_back() -> None:
    recipe = MatteRecipe(1.5, steps=(Choke(-1.25), Feather(2, 5, "smooth")))
    assert MatteRecipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert recipe.to_json()["steps"][0] == {"step": "choke", "pixels": -1.25}
    assert MatteRecipe.from_json({}) == MatteRecipe()


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"steps": [{"step": "sharpen"}]}, "sharpen"),
        ({"steps": [{"step": "choke", "width": 2}]}, "width"),
        ({"steps": [{"step": "feather", "inner": -2}]}, "-2"),
        ({"steps": [{"step": "feather", "profile": "round"}]}, "round"),
        ({"steps": [{"step": "choke", "pixels": "three"}]}, "three"),
        ({"edge_width": 0}, "edge width"),
        ({"knee": float("nan")}, "nan"),
        ({"softness": 1}, "softness"),
    ],
)
def test_wrong_recipes_are_refused_in_one_sentence(data: dict[str, Any], word: str) -> None:
    with pytest.raises(ExportError, match=word) as caught:
        MatteRecipe.from_json(data)
    assert "\n" not in str(caught.value)
