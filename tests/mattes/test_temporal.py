"""Stabilisation takes chatter out without a trail; motion blur follows the measured motion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sam2_roto.mattes import MotionBlur, Picture, Stabilise
from sam2_roto.mattes.scene import Moment, Scene

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
