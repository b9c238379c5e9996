"""What lies behind an object, from the frames round it; and strands found by how they differ from that."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from sam2_roto.mattes import Hair, Picture, Strands
from sam2_roto.mattes.bands import Box, trimap
from sam2_roto.mattes.clean_plate import CleanPlate, _median, clean_plate
from sam2_roto.mattes.difference import difference_alpha
from sam2_roto.mattes.laid_strands import _regions, _unlike, with_strands
from sam2_roto.mattes.scene import Moment, Scene

SIZE = (180, 240)
BOX = (20, 10, 220, 170)


def ground(shift: float = 0.0) -> np.ndarray:
    """Smooth blotches of many colours, panned by ``shift`` pixels."""
    rng = np.random.default_rng(3)
    wide = cv2.resize(rng.integers(40, 215, (24, 40, 3)).astype(np.float32), (400, 240), interpolation=cv2.INTER_CUBIC)
    matrix = np.array([[1, 0, 60 + shift], [0, 1, 30]], np.float64)
    return np.clip(cv2.warpAffine(wide, matrix, SIZE[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP), 0, 255)


def comb(x: float) -> np.ndarray:
    """The truth: a block at ``x`` with strands on top."""
    alpha = np.zeros(SIZE, np.float32)
    left = round(x)
    alpha[90:150, left : left + 60] = 1
    for column in (4, 11, 23, 31, 46, 53):
        alpha[62:90, left + column : left + column + 2] = 1
    return alpha


def scene(speed: float, pan: float = 0.0) -> tuple[Scene, list[np.ndarray]]:
    """Nine frames; mattes know of the block alone."""
    moments, truths = [], []
    rng = np.random.default_rng(0)
    for frame in range(9):
        alpha = comb(90 + speed * (frame - 4))
        color = alpha[..., None] * [30, 80, 200] + (1 - alpha[..., None]) * ground(pan * frame)
        block = alpha.copy()
        block[:90] = 0
        view = np.clip(color + rng.normal(0, 1, color.shape), 0, 255).astype(np.uint8)
        moments.append(Moment(frame, torch.from_numpy(block), Picture(view), cell=4.0))
        truths.append(alpha)
    return Scene(moments, 4), truths


@pytest.mark.parametrize("pan", [0.0, 1.5])
def test_what_a_moving_object_hid_is_found(pan: float) -> None:
    shot, truths = scene(8.0, pan)
    plate = clean_plate(shot, BOX)
    assert plate is not None
    x0, y0, x1, y1 = BOX
    away = np.abs(plate.color - ground(pan * 4)[y0:y1, x0:x1]).mean(-1)
    strands = truths[4][y0:y1, x0:x1] > 0
    strands[80:] = False
    assert plate.sure[strands].mean() > 0.9
    assert away[strands].mean() < 4
    assert away[plate.sure > 0.9].mean() < 2.5


def test_an_object_that_stays_where_it_is_hides_what_is_behind_it() -> None:
    assert clean_plate(scene(0.0)[0], BOX) is None


def test_a_background_that_moves_apart_is_not_believed() -> None:
    shot, _ = scene(8.0)
    moments = []
    for frame, moment in enumerate(shot.moments):
        assert moment.picture is not None
        view = moment.picture.view.copy()
        view[:60] = np.roll(view[:60], 9 * (frame - 4), axis=1)  # beside what stays: no affine motion is both
        view[150:] = np.roll(view[150:], 9 * (frame - 4), axis=1)
        moments.append(Moment(frame, moment.alpha, Picture(view), cell=4.0))
    plate, steady = clean_plate(Scene(moments, 4), BOX), clean_plate(shot, BOX)
    assert plate is not None
    assert steady is not None
    assert plate.sure.mean() < 0.5 * steady.sure.mean()
    assert plate.noise.mean() > 3 * steady.noise.mean()


def test_one_frame_alone_shows_nothing() -> None:
    shot, _ = scene(8.0)
    assert clean_plate(Scene(shot.moments[4:5], 0), BOX) is None
    bare = [Moment(m.frame, m.alpha) for m in shot.moments]
    assert clean_plate(Scene(bare, 4), BOX) is None


def test_alpha_is_the_share_of_the_difference() -> None:
    shot, truths = scene(8.0)
    plate = clean_plate(shot, BOX)
    assert plate is not None
    assert shot.moment.picture is not None
    x0, y0, x1, y1 = BOX
    truth, view = truths[4][y0:y1, x0:x1], shot.moment.picture.view[y0:y1, x0:x1]
    band = np.zeros(truth.shape, bool)
    band[30:85] = True
    matte = np.where(band, 0, truth).astype(np.float32)
    found, sure = difference_alpha(view, plate, (truth == 1) & ~band, band, matte, 300.0)
    believed = band & (sure > 0.5)
    assert believed.mean() > 0.25
    assert np.abs(found - truth)[believed].mean() < 0.05


def ramp(colors: np.ndarray) -> tuple[np.ndarray, np.ndarray, CleanPlate]:
    """A thing blurred by motion, as a camera sees it: its alpha, the view, and the dark plate behind it."""
    alpha = np.tile(np.clip((np.arange(120, dtype=np.float32) - 40) / 40, 0, 1), (60, 1))
    behind = np.full((60, 120, 3), (60.0, 50.0, 70.0), np.float32)
    decoded = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in (colors / 255, behind / 255)]
    light = alpha[..., None] * decoded[0] + (1 - alpha[..., None]) * decoded[1]
    codes = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    still = CleanPlate(behind, np.ones((60, 120), np.float32), np.ones((60, 120), np.float32))
    return alpha, (255 * codes + 0.5).astype(np.uint8), still


def test_light_is_what_is_mixed() -> None:
    alpha, view, behind = ramp(np.full((60, 120, 3), (220.0, 200.0, 180.0)))
    band = (alpha > 0) & (alpha < 1)
    found, sure = difference_alpha(view, behind, alpha == 1, band, np.zeros_like(alpha), 1600.0)
    assert sure[band].mean() > 0.8
    assert np.abs(found - alpha)[band].mean() < 0.1  # of codes it would be 0.17


def test_a_sure_matte_settles_what_colours_leave_open() -> None:
    colors = np.where(np.arange(120)[None, :, None] // 6 % 2, (220.0, 215.0, 210.0), (130.0, 126.0, 126.0))
    alpha, view, behind = ramp(np.broadcast_to(colors, (60, 120, 3)))
    solid, band = np.zeros(alpha.shape, bool), np.ones(alpha.shape, bool)
    inside = alpha == 1
    wrong = [
        float(np.abs(difference_alpha(view, behind, solid, band, matte, 300.0)[0] - alpha)[inside].mean())
        for matte in (np.zeros_like(alpha), alpha)
    ]
    assert wrong[1] < 0.6 * wrong[0]


def test_strands_that_the_matte_lacks_are_found() -> None:
    pytest.importorskip("pymatting", reason="PyMatting is not installed")
    shot, truths = scene(8.0)
    assert shot.moment.alpha is not None
    truth, before = torch.from_numpy(truths[4]), shot.moment.alpha
    narrow = Hair(frames=0).apply(before, shot)
    found = Hair(reach=40).apply(before, shot)
    wrong = [float((one - truth).square().sum()) for one in (before, narrow, found)]
    assert wrong[2] < 0.25 * wrong[1]
    assert wrong[2] < 0.15 * wrong[0]
    assert (found[:50] == 0).all()
    assert (found[110:140, 100:140] == 1).all()


@pytest.mark.parametrize("pan", [0.0, 1.5])
def test_strands_are_laid_in_and_nothing_else(pan: float) -> None:
    shot, truths = scene(8.0, pan)
    assert shot.moment.alpha is not None
    truth, before = torch.from_numpy(truths[4]), shot.moment.alpha
    found = Strands(4, reach=40).apply(before, shot)
    wrong = [float((one - truth).square().sum()) for one in (before, found)]
    assert wrong[1] < 0.25 * wrong[0]
    elsewhere = truth == 0
    elsewhere[60:150, 88:152] = False
    assert (found[elsewhere] < 0.05).float().mean() > 0.999
    assert (found[110:140, 100:140] == 1).all()


def test_where_nothing_is_seen_behind_strands_leave_the_matte() -> None:
    shot, _ = scene(0.0)
    assert shot.moment.alpha is not None
    assert (Strands(4, reach=40).apply(shot.moment.alpha, shot) - shot.moment.alpha).abs().max() < 0.05
    moving, _ = scene(8.0)
    assert moving.moment.alpha is not None
    assert torch.equal(Strands(0).apply(moving.moment.alpha, moving), moving.moment.alpha)


def test_another_picture_beside_it_lays_nothing_in() -> None:
    """After a cut the frames beside show another place: it is no clean plate of this one."""
    shot, _ = scene(8.0)
    other = np.random.default_rng(9).integers(0, 255, (12, 16, 3)).astype(np.uint8)
    place = Picture(cv2.resize(other, SIZE[::-1], interpolation=cv2.INTER_CUBIC))
    moments = [m if k == 4 else Moment(m.frame, m.alpha, place, cell=4.0) for k, m in enumerate(shot.moments)]
    cut = Scene(moments, 4)
    assert cut.moment.alpha is not None
    changed = (Strands(4, reach=40).apply(cut.moment.alpha, cut) - cut.moment.alpha).abs()
    assert changed.mean() < 0.005


def test_light_that_flickers_is_not_taken_for_strands() -> None:
    shot, _ = scene(8.0)
    moments = []
    for k, moment in enumerate(shot.moments):
        assert moment.picture is not None
        gain = 1.05 if k == 4 else 1.0
        view = np.clip(moment.picture.view * gain, 0, 255).astype(np.uint8)
        moments.append(Moment(moment.frame, moment.alpha, Picture(view), cell=4.0))
    lit = Scene(moments, 4)
    assert lit.moment.alpha is not None
    found = Strands(4, reach=40).apply(lit.moment.alpha, lit)
    assert found[:55].mean() < 0.01


def laid_in(place: tuple[slice, slice], share: float) -> torch.Tensor:
    """A block's matte with strands sought, where its paint covers ``share`` of another ``place``, too."""
    behind, paint = ground(), np.array([250.0, 20.0, 20.0])
    alpha = np.zeros(SIZE, np.float32)
    alpha[90:150, 80:140] = 1
    seen = behind.copy()
    seen[90:150, 80:140] = paint
    seen[place] += share * (paint - seen[place])
    picture = Picture(seen.round().clip(0, 255).astype(np.uint8))
    sure, noise = np.ones(SIZE, np.float32), np.ones(SIZE, np.float32)

    def part(box: Box) -> CleanPlate:
        left, top, right, bottom = box
        place = np.s_[top:bottom, left:right]
        return CleanPlate(behind[place].astype(np.float32), sure[place], noise[place])

    return with_strands(torch.from_numpy(alpha), picture, 4, 6, 30, part)


@pytest.mark.parametrize(("share", "laid"), [(0.1, 0.0), (0.8, 1.0)])
def test_a_faint_difference_is_left_out(share: float, laid: float) -> None:
    """Leaves that stir differ a little from the clean plate; strands differ much."""
    found = laid_in(np.s_[70:90, 100:104], share)
    assert found[74:86, 101:103].mean() == pytest.approx(laid, abs=0.05)


@pytest.mark.parametrize(("height", "laid"), [(2, 0.0), (16, 1.0)])
def test_a_speck_beside_the_matte_is_left_out(height: int, laid: float) -> None:
    """What floats there must be of some size: a strand that is lost for a while, not a leaf that stirs."""
    found = laid_in(np.s_[83 - height : 83, 100:103], 1.0)
    assert found[83 - height : 83, 101].mean() == pytest.approx(laid, abs=0.1)


@pytest.mark.parametrize(("width", "laid"), [(3, 1.0), (20, 0.0)])
def test_what_is_wide_is_another_thing(width: int, laid: float) -> None:
    """A strand is thinner than what the network sees for itself; a neighbour's leg is not."""
    found = laid_in(np.s_[100 : 100 + width, 141:165], 1.0)
    assert found[101 : 99 + width, 155:163].mean() == pytest.approx(laid, abs=0.1)


@pytest.mark.parametrize(("slip", "seen"), [((0, 1), False), ((1, -1), False), ((0, 6), True)])
def test_ground_that_slips_a_little_is_no_strand(slip: tuple[int, int], seen: bool) -> None:
    """Cloth with dark lines, a pixel away from where the clean plate has it."""
    cloth = np.full((40, 60, 3), 220, np.uint8)
    cloth[10:13] = 40
    cloth[:, 30:32] = 60
    told = _unlike(np.roll(cloth, slip, (0, 1)), cloth.astype(np.float32))
    assert (told[3:-3, 8:-8].max() > 0.9) == seen


@pytest.mark.parametrize("shape", [(40, 30, 3), (700, 64, 3), (5, 70000)])
def test_medians_count_samples_by_their_weights(shape: tuple[int, ...]) -> None:
    """Planes larger than what is done at a time, and rows longer than that."""
    rng = np.random.default_rng(2)
    samples = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(4)]
    weights = [rng.integers(1, 5, shape[:2]).astype(np.uint16) for _ in range(4)]
    found = _median(samples, [weight.reshape(*shape[:2], *[1] * (len(shape) - 2)) for weight in weights])
    for _ in range(50):
        place = tuple(int(rng.integers(side)) for side in shape)
        repeated = sorted(
            value
            for sample, weight in zip(samples, weights, strict=True)
            for value in [int(sample[place])] * int(weight[place[:2]])
        )
        assert found[place] == repeated[(len(repeated) + 1) // 2 - 1]


def test_where_the_band_is_looked_for_changes_nothing() -> None:
    """Only a part of the plate is measured: the same as when all is, also beside the border."""
    alpha = torch.zeros(SIZE)
    alpha[60:150, :70] = 1
    alpha[100:110, 70:80] = 0.5
    for inner, outer in ((3.0, 6.0), (8.0, 40.0)):
        whole = trimap(alpha, inner, outer).numpy()
        assert ((_regions(alpha, inner, outer) == 0.5) == (whole == 0.5)).all()
    assert not _regions(torch.ones(SIZE), 3, 6).any()
