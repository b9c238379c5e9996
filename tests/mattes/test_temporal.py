"""Stabilisation takes chatter out without a trail; motion blur follows the measured motion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sam2_roto.mattes import MotionBlur, Picture, Stabilise
from sam2_roto.mattes.scene import Moment, Scene
from sam2_roto.mattes.temporal import _difference, _sample

SIZE = (120, 200)


def ground(seed: int) -> np.ndarray:
    """A smooth random texture."""
    coarse = torch.rand(1, 3, 10, 16, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=SIZE, mode="bicubic")[0].clamp(0, 1).permute(1, 2, 0).numpy()


def moving(speed: int, frames: int = 5) -> list[tuple[Tensor, Picture]]:
    """Truth and plate of a textured square that goes right."""
    made, front, back = [], ground(1), ground(2)
    for frame in range(frames):
        truth = torch.zeros(SIZE)
        left = 60 + speed * (frame - frames // 2)
        truth[40:80, left : left + 50] = 1
        inside = truth.numpy()[..., None]
        view = inside * np.roll(front, left, axis=1) + (1 - inside) * back
        made.append((truth, Picture((255 * view).astype(np.uint8))))
    return made


def shaken(truth: Tensor, seed: int) -> Tensor:
    """The matte with its edge moved at random, by up to two pixels, as a network's chatter does."""
    shift = torch.randint(-2, 3, (2,), generator=torch.Generator().manual_seed(seed))
    return truth.roll((int(shift[0]), int(shift[1])), (0, 1))


@pytest.mark.parametrize("speed", [0, 4])
def test_chatter_goes_and_nothing_trails(speed: int) -> None:
    clip = moving(speed)
    mattes = [shaken(truth, seed) for seed, (truth, _) in enumerate(clip)]
    moments = [Moment(k, matte, picture) for k, (matte, (_, picture)) in enumerate(zip(mattes, clip, strict=True))]
    truth = clip[2][0]
    steady = Stabilise(2).apply(mattes[2], Scene(moments, 2))
    perfect = [Moment(k, true, picture) for k, (true, picture) in enumerate(clip)]
    carried = Stabilise(2).apply(truth, Scene(perfect, 2))
    raw = torch.stack([(matte - true).square().mean() for matte, (true, _) in zip(mattes, clip, strict=True)]).mean()
    assert (steady - truth).square().mean() < 0.6 * raw
    assert (carried - truth).abs().mean() < 0.01


def test_alone_or_without_a_plate_it_stays() -> None:
    truth, picture = moving(0, 1)[0]
    assert torch.equal(Stabilise(2).apply(truth, Scene((Moment(0, truth, picture),), 0)), truth)
    without = Scene((Moment(0, truth), Moment(1, truth)), 0)
    assert torch.equal(Stabilise(2).apply(truth, without), truth)
    assert Stabilise(2).apply(truth) is truth


def test_a_frame_without_the_object_is_left_out() -> None:
    (truth, first), (_, second) = moving(0, 2)
    scene = Scene((Moment(0, truth, first), Moment(1, None, second)), 0)
    assert torch.equal(Stabilise(1).apply(truth, scene), truth)


def test_a_cut_leaves_no_ghost() -> None:
    """The next frame shows another picture: what is there must not be mixed in."""
    truth, picture = moving(0, 1)[0]
    other = Picture((255 * (1 - ground(7))).astype(np.uint8))
    steady = Stabilise(1).apply(truth, Scene((Moment(0, truth, picture), Moment(1, torch.zeros(SIZE), other)), 0))
    assert (steady - truth).abs().mean() < 0.02


def test_hairs_that_sway_by_a_pixel_are_not_smeared() -> None:
    """Each as it likes, so that no motion is measured; where the plates differ the frame's own matte is kept."""
    rng = np.random.default_rng(4)
    moments = []
    for frame in range(5):
        alpha = np.zeros((120, 160), np.float32)
        alpha[60:, 40:120] = 1
        for column in range(46, 118, 8):
            alpha[30:60, column + rng.integers(-2, 3)] = 1
        view = np.where(alpha[..., None] > 0, (130, 110, 100), (170, 150, 140)).astype(np.uint8)
        moments.append(Moment(frame, torch.from_numpy(alpha), Picture(view)))
    scene = Scene(moments, 2)
    assert moments[2].alpha is not None
    steady = Stabilise().apply(moments[2].alpha, scene)[32:58]
    there = moments[2].alpha[32:58] > 0
    assert steady[there].mean() > 0.9
    assert steady[~there].mean() < 0.01


@given(st.integers(0, 2**31))
def test_plates_differ_as_grid_sample_has_it(seed: int) -> None:
    """On the CPU they are compared in codes: the same places, to a code's rounding, also beyond the border."""
    rng = np.random.default_rng(seed)
    one, two = (Picture(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(2))
    box = (5, 3, 45, 38)
    path = torch.from_numpy(rng.normal(0, 6, (2, 35, 40)).astype(np.float32))
    moved = _sample(two.planes((0, 0, 50, 40)), box, path)
    expected = (one.planes(box) - moved).abs().mean(0)
    assert (_difference(one, two, box, path)[0] - expected).abs().max() < 0.03


@pytest.mark.parametrize("shutter", [0.5, 1.0])
def test_motion_blur_is_as_wide_as_the_motion(shutter: float) -> None:
    clip = moving(8, 3)
    moments = [Moment(k, truth, picture) for k, (truth, picture) in enumerate(clip)]
    truth = clip[1][0]
    blurred = MotionBlur(shutter).apply(truth, Scene(moments, 1))
    row = blurred[60]
    soft = ((row > 0.02) & (row < 0.98)).sum() / 2
    assert float(soft) == pytest.approx(8 * shutter, abs=2)
    assert row[85] == pytest.approx(1, abs=1e-4)
    assert abs(float(blurred.sum() / truth.sum()) - 1) < 0.03
    column = blurred[:, 85]
    assert ((column > 0.05) & (column < 0.95)).sum() <= 4


def test_what_stands_still_is_not_blurred() -> None:
    clip = moving(0, 3)
    moments = [Moment(k, truth, picture) for k, (truth, picture) in enumerate(clip)]
    assert torch.equal(MotionBlur(0.5).apply(clip[1][0], Scene(moments, 1)), clip[1][0])
