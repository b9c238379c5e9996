"""What shines through an object as it moves: a veil is told from what is opaque."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sam2_roto.errors import ExportError
from sam2_roto.mattes import SeeThrough, Strands
from sam2_roto.mattes.affine import after, fit_affine, inverse, matrix, vectors
from sam2_roto.mattes.layers import _uncovered, part_layers
from sam2_roto.mattes.scene import Moment, Picture, Scene, alone
from sam2_roto.mattes.transmission import see_through

Array = NDArray[Any]

HEIGHT, WIDTH, NOW = 270, 480, 5
SIDE = 120


def texture(seed: int, height: int, width: int) -> Array:
    """Light of blotches some pixels wide, three colours, 0.1 to 0.9: float32 [height, width, 3]."""
    rough = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(rough, (0, 0), 2.5)
    return np.asarray(np.clip(0.5 + 0.15 * soft / soft.std(), 0.1, 0.9), np.float32)


def shot(opacity: float, speed: float = 3, frames: int = 11, living: bool = False) -> Scene:
    """A square, drawn as solid, whose left half is as opaque as asked, goes over a ground; ``living`` changes it."""
    ground, thing = texture(1, HEIGHT, WIDTH), texture(2, SIDE, SIDE)
    alpha = np.ones((SIDE, SIDE), np.float32)
    alpha[:, : SIDE // 2] = opacity
    moments = []
    for frame in range(frames):
        x, y = round(140 + speed * (frame - NOW)), 70
        part = np.s_[y : y + SIDE, x : x + SIDE]
        coat = 0.5 * (thing + texture(10 + frame, SIDE, SIDE)) if living else thing
        light, matte = ground.copy(), np.zeros((HEIGHT, WIDTH), np.float32)
        light[part] = alpha[..., None] * coat + (1 - alpha[..., None]) * light[part]
        matte[part] = 1
        view = np.round(255 * np.sqrt(light)).astype(np.uint8)
        moments.append(Moment(frame, torch.from_numpy(matte), Picture(view)))
    return Scene(moments, NOW)


def through(scene: Scene) -> torch.Tensor:
    assert scene.moment.alpha is not None
    return see_through(scene.moment.alpha, scene)


def halves(found: torch.Tensor) -> tuple[Array, Array]:
    """The insides of the veil and of the solid half on the frame looked at."""
    alpha = found.numpy()[70 : 70 + SIDE, 140 : 140 + SIDE]
    return alpha[12:-12, 12 : SIDE // 2 - 12], alpha[12:-12, SIDE // 2 + 12 : -12]


@pytest.mark.parametrize("opacity", [0.3, 0.5, 0.7])
def test_a_veil_gets_its_opacity_and_the_solid_stays(opacity: float) -> None:
    veil, solid = halves(through(shot(opacity)))
    assert abs(np.median(veil) - opacity) < 0.1
    assert np.abs(veil - opacity).mean() < 0.15
    assert np.quantile(solid, 0.01) > 0.9


def test_it_reaches_farther_in_than_the_ground_was_ever_seen() -> None:
    scene = shot(0.4)
    layers = part_layers(scene)
    assert layers is not None
    hidden = (layers.known == 0)[layers.solid].reshape(SIDE, SIDE)[12:-12, 12 : SIDE // 2 - 12]
    veil, _ = halves(through(scene))
    assert hidden.mean() > 0.3  # of the veil's inside lies over ground that no frame uncovers
    assert np.abs(veil[hidden] - 0.4).mean() < 0.15


def test_what_is_opaque_stays_so() -> None:
    scene = shot(1.0)
    assert scene.moment.alpha is not None
    assert float((scene.moment.alpha - through(scene)).sum() / scene.moment.alpha.sum()) < 2e-3


def test_a_surface_that_changes_is_not_taken_for_a_veil() -> None:
    scene = shot(1.0, living=True)
    assert float((through(scene) - scene.moment.alpha).abs().mean()) < 1e-3


def test_where_nothing_moves_nothing_is_told() -> None:
    scene = shot(0.4, speed=0)
    assert part_layers(scene) is None
    assert through(scene) is scene.moment.alpha


def test_alpha_is_never_raised() -> None:
    scene = shot(0.5)
    moments = [Moment(one.frame, 0.6 * one.alpha, one.picture) for one in scene.moments if one.alpha is not None]
    assert bool((through(Scene(moments, NOW)) <= moments[NOW].alpha).all())


def test_frames_without_plate_or_object_do_no_harm() -> None:
    scene = shot(0.4)
    moments = list(scene.moments)
    moments[1] = Moment(1, None, moments[1].picture)
    moments[9] = Moment(9, moments[9].alpha, None)
    veil, solid = halves(through(Scene(moments, NOW)))
    assert abs(np.median(veil) - 0.4) < 0.12
    assert np.quantile(solid, 0.01) > 0.9
    alpha = scene.moment.alpha
    assert alpha is not None
    assert see_through(alpha, alone(alpha)) is alpha


def test_a_small_plate_without_the_object_is_all_ground() -> None:
    assert (_uncovered(Moment(0, None), (48, 64)) == 1).all()


def test_it_is_a_step_that_strands_do_not_undo() -> None:
    scene = shot(0.4)
    assert scene.moment.alpha is not None
    step = SeeThrough(5)
    lowered = step.apply(scene.moment.alpha, scene)
    assert torch.equal(lowered, through(scene))
    assert step.apply(scene.moment.alpha) is scene.moment.alpha
    moments = [replace(m, alpha=lowered) if m is scene.moment else m for m in scene.moments]
    veil, solid = halves(Strands(5).apply(lowered, Scene(moments, scene.now)))
    assert abs(np.median(veil) - 0.4) < 0.1
    assert np.median(solid) == 1
    with pytest.raises(ExportError, match="see_through looks at 9 frames"):
        SeeThrough(9)


def test_affine_motion_is_fitted_in_spite_of_outliers() -> None:
    motion = np.array([[0.01, 0.02], [-0.02, 0.01], [3.0, -2.0]])
    y, x = np.mgrid[:60, :80].astype(np.float64)
    flow = np.stack([x * a + y * b + c for a, b, c in motion.T])
    flow[:, 20:30, 20:40] += 9
    found = fit_affine(vectors(flow, np.ones((60, 80), bool)))
    assert found is not None
    assert np.abs(found - motion).max() < 0.01
    way = matrix(found)
    assert np.allclose(after(inverse(way), way), np.eye(3)[:2], atol=1e-6)
    assert fit_affine(vectors(flow, np.zeros((60, 80), bool))) is None
