"""Cuts, dissolves and fades are found; flashes, pans and changes of light are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sam2_roto.tracking import ArraySource
from sam2_roto.tracking.cuts import Cut, CutDetector, find_cuts
from sam2_roto.tracking.dissolve import mix_of
from sam2_roto.tracking.glance import Comparer, glance

Take = NDArray[np.uint8]


def scenery(seed: int, width: int = 480) -> NDArray[np.uint8]:
    """A wide still of soft patches in colours of its own."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (90, width)).astype(np.float32), (0, 0), 8)
    noise = noise / np.abs(noise).max()
    tints = rng.integers(20, 236, (2, 3))
    picture = tints[0] + (tints[1] - tints[0]) * (noise[..., None] + 1) / 2 + rng.normal(0, 4, (90, width, 1))
    return np.asarray(picture.clip(0, 255).astype(np.uint8))


def take(seed: int, frames: int, speed: float = 1.0) -> Take:
    """A camera that pans over a still by ``speed`` pixels a frame."""
    still = scenery(seed)
    return np.stack([still[:, round(speed * frame) : round(speed * frame) + 160] for frame in range(frames)])


def cuts_of(frames: Take, first: int = 0) -> list[Cut]:
    return list(find_cuts(ArraySource(frames, first=first)))


def test_hard_cuts_are_told_to_the_frame() -> None:
    reel = np.concatenate([take(1, 30), take(2, 25), take(3, 40)])
    found = cuts_of(reel, first=1001)
    assert [(cut.frame, cut.kind) for cut in found] == [(1031, "cut"), (1056, "cut")]
    assert min(cut.strength for cut in found) > 0.4


@pytest.mark.parametrize("length", [10, 18, 28])
def test_a_dissolve_is_told_once_within_it(length: int) -> None:
    first, second = take(4, 50), take(5, 50)
    share = (np.arange(1, length + 1) / (length + 1))[:, None, None, None]
    mixed = ((1 - share) * first[-length:] + share * second[:length]).astype(np.uint8)
    found = cuts_of(np.concatenate([first[:-length], mixed, second[length:]]))
    assert [cut.kind for cut in found] == ["dissolve"]
    assert 50 - length - 2 <= found[0].frame <= 52
    assert found[0].start <= found[0].frame <= found[0].stop


def test_stretches_may_overlap_that_turn_apart() -> None:
    share = (np.arange(1, 9) / 9)[:, None, None, None]
    reel = take(4, 50)
    for second in (take(5, 36), take(6, 60)):
        mixed = ((1 - share) * reel[-8:] + share * second[:8]).astype(np.uint8)
        reel = np.concatenate([reel[:-8], mixed, second[8:]])
    sure = {(41, 60): 9.0, (44, 63): 8.0, (56, 75): 7.0}
    detector = CutDetector(weigh=lambda stretch: sure.get((stretch.start, stretch.stop), -9.0))
    found = [cut for frame, view in enumerate(reel) for cut in detector.push(frame, view)] + detector.close()
    assert [(cut.start, cut.stop) for cut in found] == [(41, 60), (56, 75)]
    assert 42 <= found[0].frame <= 50
    assert 70 <= found[1].frame <= 78


def test_a_fade_through_black_is_a_dissolve() -> None:
    ramp = np.linspace(1, 0, 10)[:, None, None, None]
    first, second = take(1, 40), take(2, 40)
    out, into = (first[-10:] * ramp).astype(np.uint8), (second[:10] * ramp[::-1]).astype(np.uint8)
    found = cuts_of(np.concatenate([first[:-10], out, into, second[10:]]))
    assert len(found) == 1
    assert 30 <= found[0].frame <= 50


def test_a_flash_is_no_cut() -> None:
    for length in (1, 2):
        frames = take(8, 50).copy()
        frames[25 : 25 + length] = 250
        assert cuts_of(frames) == []


def test_a_fast_pan_is_no_cut() -> None:
    assert cuts_of(take(9, 40, speed=8)) == []


def test_a_whip_of_the_camera_is_no_cut() -> None:
    still, places = scenery(7, width=700), np.cumsum([0] * 25 + [24] * 10 + [0] * 25)
    frames = [still[:, place : place + 160] for place in places]
    frames[25:35] = [cv2.blur(frame, (12, 1)) for frame in frames[25:35]]
    assert cuts_of(np.stack(frames)) == []


def test_a_whip_that_blurs_a_fine_pattern_is_no_cut() -> None:
    rng = np.random.default_rng(1)
    tints = np.array([(40, 180, 60), (170, 70, 70)])
    stripes = tints[np.arange(900) // 4 % 2][None].repeat(90, axis=0) + rng.normal(0, 6, (90, 900, 3))
    still = stripes.clip(0, 255).astype(np.uint8)
    places = np.cumsum([0] * 25 + [22] * 9 + [0] * 25)
    frames = [still[:, place : place + 160] for place in places]
    frames[25:34] = [cv2.blur(frame, (15, 1)) for frame in frames[25:34]]
    assert cuts_of(np.stack(frames)) == []


def test_short_takes_are_cut_where_they_begin() -> None:
    reel = np.concatenate([take(1, 30), take(2, 8), take(3, 8), take(4, 30)])
    assert [cut.frame for cut in cuts_of(reel)] == [30, 38, 46]


def test_what_fills_the_picture_for_five_frames_is_no_cut() -> None:
    frames = take(3, 60)
    frames[30:35] = take(2, 5)
    assert cuts_of(frames) == []


def test_light_that_goes_and_comes_is_no_cut() -> None:
    light = 1 - 0.6 * (1 - np.abs(np.arange(60) - 30) / 12).clip(0, 1)
    assert cuts_of((take(10, 60) * light[:, None, None, None]).astype(np.uint8)) == []


def test_shadows_that_drift_are_no_cut() -> None:
    rng = np.random.default_rng(2)
    stone = 110 + 45 * cv2.GaussianBlur(rng.normal(0, 3, (90, 160)).astype(np.float32), (0, 0), 1.2)
    clouds = [cv2.GaussianBlur(rng.normal(0, 1, (90, 160)).astype(np.float32), (0, 0), 14) for _ in range(2)]
    first, second = (0.3 + 0.9 * (cloud - cloud.min()) / np.ptp(cloud) for cloud in clouds)
    shares = ((np.arange(80) - 30) / 16).clip(0, 1)
    lights = [(1 - share) * first + share * second for share in shares]
    frames = np.stack([(stone * light)[..., None] * (1, 0.7, 0.9) for light in lights])
    assert cuts_of(frames.clip(0, 255).astype(np.uint8)) == []


def test_pictures_that_all_differ_are_not_cut() -> None:
    patches = np.random.default_rng(1).integers(0, 256, (30, 6, 8, 3), dtype=np.uint8)
    assert cuts_of(patches.repeat(15, axis=1).repeat(20, axis=2)) == []


def test_takes_that_do_not_move_may_be_more_alike() -> None:
    first, second = scenery(3, 160), scenery(3, 160)
    second[:, 60:] = scenery(6, 100)
    found = cuts_of(np.concatenate([np.repeat(frame[None], 20, axis=0) for frame in (first, second)]))
    assert [cut.frame for cut in found] == [20]
    assert found[0].strength < 0.7


def test_grain_is_no_cut() -> None:
    grain = np.random.default_rng(12).integers(60, 120, (30, 64, 96, 3), dtype=np.uint8)
    assert cuts_of(grain) == []


def test_what_passes_in_front_is_no_cut() -> None:
    frames = take(13, 50).copy()
    for frame in range(20, 30):
        left = 40 * (frame - 24)
        frames[frame, 10:, max(0, left) : max(0, left + 90)] = (120, 20, 160)
    assert cuts_of(frames) == []


def test_the_glance_forgets_the_light_but_not_the_colours() -> None:
    view = np.minimum(take(1, 1)[0], 200)
    lit, other = glance(1, view + np.uint8(50)), glance(2, np.ascontiguousarray(view[..., ::-1]))
    compare = Comparer()
    assert compare.unlike(glance(0, view), lit) < 0.1
    assert compare.unlike(glance(0, view), other) > 0.5


def test_the_frames_of_a_dissolve_are_mixes_of_its_ends() -> None:
    share = np.linspace(0, 1, 13)
    mixed = (1 - share)[:, None, None, None] * take(4, 1) + share[:, None, None, None] * take(5, 1)
    mix = mix_of([glance(frame, view) for frame, view in enumerate(mixed.astype(np.uint8))])
    assert mix.shares == pytest.approx(share, abs=0.03)
    assert mix.residual.max() < 0.01


def test_the_frames_of_a_pan_are_no_mixes_of_its_ends() -> None:
    frames = take(9, 13, speed=20)
    mix = mix_of([glance(frame, view) for frame, view in enumerate(frames)])
    assert mix.residual.max() > 0.1


def test_a_still_and_a_black_clip_have_no_cuts() -> None:
    assert cuts_of(np.repeat(take(11, 1), 50, axis=0)) == []
    assert cuts_of(np.zeros((50, 90, 160, 3), np.uint8)) == []


def test_a_cut_near_the_end_is_told_at_the_end() -> None:
    detector = CutDetector()
    reel = np.concatenate([take(1, 30), take(2, 2)])
    told = [cut for frame, view in enumerate(reel) for cut in detector.push(frame, view)]
    assert told == []
    assert [cut.frame for cut in detector.close()] == [30]


def test_memory_is_bounded() -> None:
    detector = CutDetector()
    sizes = set()
    for round_ in range(6):
        for frame, view in enumerate(take(round_, 40)):
            detector.push(40 * round_ + frame, view)
        sizes.add(len(detector._seen))
    assert len(detector._compare) <= 256
    assert max(sizes) < 80
