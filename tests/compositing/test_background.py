"""Background replacement on one frame, against pictures of which foreground, background and alpha are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from compositing.background import blurred_background, choked, cut_out, match_gains, replace_background, seen_window
from compositing.background_framing import centre, follow, smoothed
from compositing.color import CAMERA
from compositing.errors import ColorError, ImageError
from compositing.image import Image, Window
from compositing.operations import generators
from compositing.operations.alpha import matte_plane
from compositing.operations.merge import over

WIDTH, HEIGHT = 96, 72
RED, GREEN, BLUE = (0.8, 0.1, 0.05), (0.1, 0.6, 0.2), (0.05, 0.1, 0.7)


def disc(feather: float = 12.0) -> Image:
    """A matte, soft over that many pixels."""
    white = generators.shape(WIDTH, HEIGHT, (20, 12, 76, 60), (1.0, 1.0, 1.0), kind="ellipse", feather=feather)
    return replace(
        white, pixels=white.alpha[None].clone() if white.alpha is not None else white.pixels, channels=("A",)
    )


def flat(color: tuple[float, float, float]) -> Image:
    return generators.constant(WIDTH, HEIGHT, color)


def mixed(front: Image, back: Image, matte: Image) -> Image:
    alpha = matte_plane(matte)
    return replace(front, pixels=front.pixels * alpha + back.pixels * (1 - alpha))


def soft(matte: Image) -> torch.Tensor:
    return (matte_plane(matte) > 0.02) & (matte_plane(matte) < 0.98)


def test_the_old_background_is_gone_from_the_edge() -> None:
    matte = disc()
    plate, truth = mixed(flat(RED), flat(GREEN), matte), mixed(flat(RED), flat(BLUE), matte)
    made = replace_background(plate, matte, flat(BLUE))
    plain = replace_background(plate, matte, flat(BLUE), estimate=False)
    edge = soft(matte)
    error = (made.rgb() - truth.rgb())[:, edge].abs()
    fringe = (plain.rgb() - truth.rgb())[:, edge].abs()
    assert error.mean() < 0.1 * fringe.mean()
    assert error.max() < 0.05
    outside = matte_plane(matte) == 0
    assert torch.equal(made.rgb()[:, outside], truth.rgb()[:, outside])


def test_no_dark_edge_between_equal_colours() -> None:
    matte = disc()
    grey = flat((0.5, 0.5, 0.5))
    made = replace_background(grey, matte, grey, choke=0.7)
    assert (made.rgb() - 0.5).abs().max() < 1e-4


def test_values_of_light_are_kept() -> None:
    """Above 1 and below 0 nothing is clipped, and over is what it is in float64."""
    matte = disc()
    front, back = flat((9.0, 0.2, -0.1)), flat((-0.05, 4.0, 0.3))
    made = replace_background(front, matte, back, estimate=False).rgb().double()
    alpha = matte_plane(matte).double()
    truth = front.pixels.double() * alpha + back.pixels.double() * (1 - alpha)
    assert (made - truth).abs().max() < 1e-4


def test_the_cut_out_is_no_larger_than_its_matte() -> None:
    cut = cut_out(flat(RED), disc())
    assert cut.premultiplied
    assert cut.channels == ("R", "G", "B", "A")
    assert Window.sized(WIDTH, HEIGHT) != cut.data
    assert cut.display == Window.sized(WIDTH, HEIGHT)
    assert torch.allclose(cut.on_display().channel("A"), matte_plane(disc()))


def test_an_empty_matte_leaves_the_background() -> None:
    matte = replace(disc(), pixels=torch.zeros(1, HEIGHT, WIDTH))
    made = replace_background(flat(RED), matte, flat(BLUE), wrap=0.5, shadow=0.5)
    assert torch.equal(made.on_display().rgb(), flat(BLUE).rgb())


def test_bad_numbers_in_a_matte_count_as_nothing() -> None:
    matte = disc()
    matte.pixels[0, 0, 0], matte.pixels[0, 0, 1], matte.pixels[0, 36, 48] = float("nan"), -3.0, 1.4
    made = replace_background(flat(RED), matte, flat(BLUE))
    assert torch.isfinite(made.pixels).all()
    assert made.rgb()[:, 36, 48].tolist() == pytest.approx(RED, abs=1e-5)
    assert made.rgb()[:, 0, 0].tolist() == pytest.approx(BLUE)


NO_LIGHT = [float("nan"), float("inf"), float("-inf")]


def spoilt(image: Image, value: float, row: int, column: int) -> Image:
    """The image with one pixel of that value in red and green."""
    pixels = image.pixels.clone()
    pixels[:2, row, column] = value
    return replace(image, pixels=pixels)


@pytest.mark.parametrize("value", NO_LIGHT)
def test_a_pixel_that_is_no_light_spoils_no_other(value: float) -> None:
    matte, plate = disc(), mixed(flat(RED), flat(GREEN), disc())
    whole = replace_background(plate, matte, flat(BLUE), wrap=0.5, wrap_sigma=2.0, shadow=0.5, shadow_softness=2.0)
    for bad in ((spoilt(plate, value, 36, 30), flat(BLUE)), (plate, spoilt(flat(BLUE), value, 14, 30))):
        made = replace_background(bad[0], matte, bad[1], wrap=0.5, wrap_sigma=2.0, shadow=0.5, shadow_softness=2.0)
        assert made.pixels.isfinite().all()
        same = (made.rgb() - whole.rgb()).abs().amax(0) < 1e-3
        assert same[:, 60:].all()
        assert same.float().mean() > 0.85


@pytest.mark.parametrize("value", NO_LIGHT)
def test_a_pixel_that_is_no_light_spoils_no_blur(value: float) -> None:
    matte, plate = disc(4.0), mixed(flat((5.0, 0.1, 0.1)), flat((0.3, 0.3, 0.3)), disc(4.0))
    blurred = blurred_background(spoilt(plate, value, 4, 4), matte, radius=3.0, grow=3.0)
    assert blurred.pixels.isfinite().all()
    assert (blurred.rgb() - 0.3).abs().max() < 0.01


@pytest.mark.parametrize("value", NO_LIGHT)
def test_a_pixel_that_is_no_light_plays_no_part_in_gains(value: float) -> None:
    matte, plate, lit = disc(2.0), mixed(flat(RED), flat((0.4, 0.2, 0.1)), disc(2.0)), flat((0.2, 0.3, 0.2))
    wanted = pytest.approx((0.5, 1.5, 2.0), rel=1e-3)
    assert match_gains([(spoilt(plate, value, 2, 2), matte, spoilt(lit, value, 3, 3))]) == wanted
    nothing = replace(plate, pixels=torch.full_like(plate.pixels, value))
    assert match_gains([(nothing, matte, lit)]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("pixels", [2.0, 1.0, -1.0, -3.0])
def test_choke_moves_the_edge(pixels: float) -> None:
    half = torch.zeros(1, 40, 60)
    half[:, :, 25:] = 1
    matte = Image.from_pixels(half)
    moved = matte_plane(choked(matte, pixels))
    assert moved.sum(1).tolist() == pytest.approx([35 - pixels] * 40)


def test_spill_goes_and_grey_stays() -> None:
    matte = disc(2.0)
    spilt = flat((0.3, 0.5, 0.3))
    made = cut_out(spilt, matte, screen="green").on_display()
    red, green, blue = made.rgb()[:, 36, 48].tolist()
    assert green == pytest.approx(red)
    assert red == pytest.approx(blue)
    assert red > 0.3


def test_gains_are_those_of_the_light() -> None:
    """The same object in the same room under another lamp: the gains are the lamp's, whatever the object's colour."""
    matte, room = disc(2.0), flat((0.4, 0.2, 0.1))
    plate = mixed(flat(RED), room, matte)
    lit = flat((0.4 * 0.5, 0.2 * 1.5, 0.1 * 2.0))
    assert match_gains([(plate, matte, lit)] * 2) == pytest.approx((0.5, 1.5, 2.0), rel=1e-3)
    assert match_gains([(plate, matte, lit)], 0.5) == pytest.approx((0.5**0.5, 1.5**0.5, 2.0**0.5), rel=1e-3)
    assert match_gains([]) == (1.0, 1.0, 1.0)
    assert match_gains([(plate, matte, flat((8.0, 8.0, 0.0)))]) == pytest.approx((4.0, 4.0, 0.25))
    made = cut_out(plate, matte, gains=(0.5, 1.5, 2.0)).on_display()
    assert made.rgb()[:, 36, 48].tolist() == pytest.approx([0.4, 0.15, 0.1], rel=1e-3)


def test_light_wraps_round_the_edge_alone() -> None:
    matte = disc()
    plain = replace_background(flat(RED), matte, flat((3.0, 3.0, 3.0)))
    wrapped = replace_background(flat(RED), matte, flat((3.0, 3.0, 3.0)), wrap=1.0, wrap_sigma=3.0)
    gained = (wrapped.rgb() - plain.rgb()).mean(0)
    assert gained.min() > -1e-5
    assert gained[soft(matte)].mean() > 0.05
    assert gained[36, 48] < 1e-3
    assert gained[0, 0] == 0


def test_the_shadow_lies_behind_and_below() -> None:
    matte, white = disc(1.0), flat((1.0, 1.0, 1.0))
    made = replace_background(flat(RED), matte, white, shadow=0.5, shadow_softness=2.0, shadow_offset=(0.0, 6.0))
    assert made.rgb()[:, 36, 48].tolist() == pytest.approx(RED, abs=1e-4)
    below, above = made.rgb()[:, 62, 48].mean(), made.rgb()[:, 8, 48].mean()
    assert below < 0.75
    assert above > 0.99


def test_the_blurred_background_has_no_halo() -> None:
    """Around a red disc on grey, blurring the plate would leave red; here the object is taken out first."""
    matte, grey = disc(4.0), flat((0.3, 0.3, 0.3))
    plate = mixed(flat((5.0, 0.1, 0.1)), grey, matte)
    blurred = blurred_background(plate, matte, radius=9.0, grow=3.0)
    assert blurred.data == plate.data
    assert (blurred.rgb() - 0.3).abs().max() < 0.01


def test_pictures_that_do_not_go_together() -> None:
    matte, plate = disc(), flat(RED)
    with pytest.raises(ImageError, match="differ in size"):
        replace_background(plate, matte, generators.constant(10, 10, BLUE))
    with pytest.raises(ImageError, match="The matte is 10x10"):
        replace_background(plate, Image.from_pixels(torch.ones(1, 10, 10)), flat(BLUE))
    with pytest.raises(ColorError, match="two colour spaces"):
        replace_background(plate, matte, replace(flat(BLUE), color_space="ACEScg"))
    coded = replace(plate, color_space=CAMERA)
    with pytest.raises(ColorError, match="bring it to linear light"):
        replace_background(coded, matte, replace(flat(BLUE), color_space=CAMERA))


def test_windows_need_not_begin_at_the_origin() -> None:
    matte, plate, back = disc(), flat(RED), flat(BLUE)
    away = [
        replace(image, data=image.data.moved(-30, 11), display=image.display.moved(-30, 11))
        for image in (plate, matte, back)
    ]
    assert torch.equal(replace_background(*away).pixels, replace_background(plate, matte, back).pixels)


def test_a_cropped_matte_is_the_same() -> None:
    matte = disc()
    seen = seen_window(matte)
    assert seen is not None
    made = replace_background(flat(RED), matte.cropped(seen.grown(2)), flat(BLUE))
    assert torch.allclose(made.pixels, replace_background(flat(RED), matte, flat(BLUE)).pixels, atol=1e-6)
    assert over(cut_out(flat(RED), matte), flat(BLUE)).data == made.data


def test_the_centre_of_a_matte() -> None:
    assert centre(disc()) == pytest.approx((48.0, 36.0), abs=0.01)
    assert centre(replace(disc(), pixels=torch.zeros(1, HEIGHT, WIDTH))) is None
    spoilt = disc().pixels.clone()
    spoilt[0, 0, 0] = torch.nan
    assert centre(replace(disc(), pixels=spoilt)) == centre(disc())


def test_a_frame_follows_smoothly_and_stays_on_the_plate() -> None:
    plate = Window.sized(1920, 1080)
    jitter = np.random.default_rng(1).normal(0, 8, 60)
    centres = {1001 + index: (300 + 22.0 * index + jitter[index], 500.0) for index in range(60)}
    boxes = follow({**centres, 1010: None, 1011: None}, plate, 9 / 16, 10.0)
    path = np.array([boxes.at(frame) for frame in centres])
    assert np.allclose(path[:, 2] - path[:, 0], 607.5)
    assert np.allclose(path[:, 3] - path[:, 1], 1080)
    assert path[:, 0].min() >= 0
    assert path[:, 2].max() <= 1920
    middle = (path[15:45, 0] + path[15:45, 2]) / 2
    assert np.abs(middle - (300 + 22.0 * np.arange(15, 45))).max() < 8
    assert np.abs(np.diff(middle, 2)).max() < 1.0


def test_a_straight_path_is_kept_to_its_ends() -> None:
    frames = np.arange(20)
    path = np.stack([3.0 * frames, 100 - 2.0 * frames], axis=1)
    assert np.allclose(smoothed(frames, path, 5.0), path)


def test_an_object_that_is_never_seen_leaves_the_frame_in_the_middle() -> None:
    assert follow({0: None}, Window.sized(160, 90), 1.0, 5.0).at(0) == (35.0, 0.0, 125.0, 90.0)
