"""Steps and presets as data, the shapes drawn by hand, gaussian softness, and edges that leave the frame."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch

from sam2_roto.errors import ExportError
from sam2_roto.mattes import PRESETS, MatteRecipe, Shape, choke, feather, soften
from sam2_roto.mattes.borders import extended
from sam2_roto.mattes.scene import Moment, Scene
from sam2_roto.mattes.steps import STEPS

SQUARE = ((10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0))
MOVED = tuple((x + 20, y) for x, y in SQUARE)


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_are_data(name: str) -> None:
    recipe = MatteRecipe.preset(name)
    assert MatteRecipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert recipe.radius == sum(step.radius for step in recipe.steps)


def test_presets_and_options_join() -> None:
    recipe = MatteRecipe.from_options(preset="soft", choke=1, feather=4)
    assert recipe.steps[: len(PRESETS["soft"].steps)] == PRESETS["soft"].steps
    assert [step.name for step in recipe.steps[-2:]] == ["choke", "feather"]
    with pytest.raises(ExportError, match="glossy"):
        MatteRecipe.from_options(preset="glossy")


@pytest.mark.parametrize("name", list(STEPS))
def test_every_step_leaves_an_empty_and_a_full_matte_alone(name: str) -> None:
    step = Shape(keys=((1, ((500.0, 500.0), (510.0, 500.0), (505.0, 510.0))),)) if name == "shape" else STEPS[name]()
    for value in (0.0, 1.0):
        flat = torch.full((40, 60), value)
        assert torch.equal(step.apply(flat), flat)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"step": "clean", "frames": -1}, "frames"),
        ({"step": "clean", "holes": -3}, "-3"),
        ({"step": "stabilise", "frames": 99}, "99"),
        ({"step": "refine", "pixels": "wide"}, "wide"),
        ({"step": "shape"}, "key"),
        ({"step": "shape", "keys": [[1, [[0, 0], [1, 1]]]]}, "points"),
        ({"step": "shape", "keys": [[2, SQUARE], [1, SQUARE]]}, "ascending"),
        ({"step": "shape", "keys": [[1, "square"]]}, "cannot be read"),
        ({"step": "shape", "kind": "soft", "keys": [[1, SQUARE]]}, "soft"),
    ],
)
def test_wrong_steps_are_refused_in_one_sentence(data: dict[str, Any], word: str) -> None:
    with pytest.raises(ExportError, match=word) as caught:
        MatteRecipe.from_json({"steps": [data]})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [{"fractions": 1.5}, {"fractions": 99}, {"exclusive": "yes"}])
def test_wrong_settings_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ExportError):
        MatteRecipe.from_json(data)


@pytest.mark.parametrize(("kind", "inside", "outside"), [("garbage", 0.0, 0.5), ("core", 1.0, 0.5)])
def test_shapes_hold_out_and_in(kind: str, inside: float, outside: float) -> None:
    alpha = torch.full((40, 80), 0.5)
    held = Shape(kind, ((1, SQUARE),)).apply(alpha)
    assert (held[10:30, 10:30] == inside).all()
    assert (held[:, 31:] == outside).all()
    turned = Shape(kind, ((1, SQUARE),), outside=True).apply(alpha)
    assert (turned[:, 31:] == inside).all()


def test_a_shape_moves_between_its_keys() -> None:
    step, alpha = Shape("core", ((10, SQUARE), (20, MOVED))), torch.zeros(40, 80)
    for frame, left in ((5, 10), (10, 10), (15, 20), (20, 30), (99, 30)):
        held = step.apply(alpha, Scene((Moment(frame, alpha),), 0))
        assert (held[20] > 0.5).nonzero()[0].item() == left
        assert held.sum() == pytest.approx(400, rel=0.06)


@pytest.mark.parametrize("sigma", [0.5, 2.0, 6.0])
def test_softness_is_the_gaussians(sigma: float) -> None:
    edge = (torch.arange(120) >= 60).float().expand(50, 120)
    soft = soften(edge, sigma)
    expected = torch.tensor([0.5 * (1 + math.erf((x + 0.5 - 60) / sigma / math.sqrt(2))) for x in range(120)])
    assert (soft[25] - expected).abs().max() < (0.11 if sigma < 1 else 0.01)
    assert (soft[:, -10:] == 1).all()


@pytest.mark.parametrize("angle", [0, 7, 20, 33, 45, 58, 70, 83, 120, 160])
@pytest.mark.parametrize("size", [(160, 220), (270, 480), (540, 300)])
def test_an_edge_that_leaves_the_frame_keeps_its_width(angle: float, size: tuple[int, int]) -> None:
    """Up to the border itself: no bump where the object leaves the picture."""
    y, x = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij")
    turn = math.radians(angle)
    distance = (x - size[1] / 2) * math.cos(turn) + (y - size[0] / 2) * math.sin(turn) + 0.3
    coverage = (distance + 0.5).clamp(0, 1)
    wide = feather(coverage, 8, 8)
    assert 16 * (wide - ((distance + 8) / 16).clamp(0, 1)).abs().max() < 0.25
    assert (choke(coverage, 5) - (distance - 4.5).clamp(0, 1)).abs().max() < 0.25


def test_beyond_the_frame_an_edge_goes_straight_on() -> None:
    y, x = torch.meshgrid(torch.arange(80) + 0.5, torch.arange(60) + 0.5, indexing="ij")
    whole = ((x - 30 + 0.5 * (y - 40)) * 0.894 + 0.5).clamp(0, 1)
    carried = extended(whole[10:-10], 10, (False, True, False, True))
    assert (carried - whole).abs().max() < 0.25
    assert torch.equal(extended(torch.ones(20, 20), 5), torch.ones(30, 30))
