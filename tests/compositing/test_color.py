"""Colour: names, curves against published values, primaries, views."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compositing import ColorError, open_footage, primaries
from compositing.color import (
    CAMERA,
    CINEON,
    LINEAR,
    PINNED_CONFIG,
    SRGB,
    convert,
    display_view,
    encode_srgb,
    resolve,
    space_names,
)
from compositing.graph import Evaluator, read

Write = Callable[..., Path]


def patch(*values: float) -> torch.Tensor:
    """``[3, 1, 1]``, grey where one value is given."""
    return torch.tensor(values if len(values) == 3 else values * 3, dtype=torch.float32).reshape(3, 1, 1)


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("lin_rec709_scene", LINEAR),
        ("sRGB", SRGB),
        ("acescg", "ACEScg"),
        ("scene_linear", "ACEScg"),
        ("Rec709", CAMERA),
        ("Cineon", CINEON),
        ("ARRI LogC4", "ARRI LogC4"),
    ],
)
def test_names_aliases_and_roles(name: str, full: str) -> None:
    assert resolve(name) == full


@pytest.mark.parametrize(("name", "near"), [("ACESgc", "ACEScg"), ("ARI LogC4", "ARRI LogC4"), ("s-log3", "S-Log3")])
def test_an_unknown_name_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ColorError, match="no colour space") as caught:
        resolve(name)
    assert near in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_refused_when_footage_is_opened(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ColorError, match="nearest: ACEScg"):
        open_footage(write(tmp_path / "a.exr", np.zeros((2, 2, 3), dtype=np.float32)), color_space="ACESgc")


@pytest.mark.parametrize(
    ("space", "code", "light"),
    [
        (SRGB, 0.5, 0.214041),
        (SRGB, 0.04045, 0.003131),
        (SRGB, 1.0, 1.0),
        (CAMERA, 0.5, 0.259589),
        (CAMERA, 0.0405, 0.009),
        (CINEON, 685 / 1023, 1.0),
        (CINEON, 95 / 1023, 0.0),
        (CINEON, 470 / 1023, 0.18319),
    ],
)
def test_curves_pass_through_their_published_points(space: str, code: float, light: float) -> None:
    assert convert(patch(code), space, LINEAR)[0, 0, 0] == pytest.approx(light, abs=3e-5)
    assert convert(patch(light), LINEAR, space)[0, 0, 0] == pytest.approx(code, abs=3e-5)


@given(st.floats(-0.5, 8.0), st.sampled_from([SRGB, CAMERA]))
def test_curves_can_be_undone_beyond_white_and_below_black(value: float, space: str) -> None:
    there = convert(patch(value), LINEAR, space)
    assert convert(there, space, LINEAR)[0, 0, 0] == pytest.approx(value, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("space", [SRGB, CAMERA])
def test_our_curves_are_those_of_the_config(space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = torch.linspace(0, 1, 50).expand(3, 1, 50)
    ours = convert(ramp, space, LINEAR)
    monkeypatch.setattr("compositing.color._CURVES", {})
    np.testing.assert_allclose(convert(ramp, space, LINEAR), ours, atol=2e-4)


def test_white_and_primaries_of_acescg() -> None:
    np.testing.assert_allclose(convert(patch(1.0), "ACEScg", LINEAR).flatten(), [1, 1, 1], atol=1e-3)
    # The red primary of AP1 in Rec.709, from the matrix that ACES publishes.
    np.testing.assert_allclose(
        convert(patch(1, 0, 0), "ACEScg", LINEAR).flatten(), [1.70505, -0.13026, -0.02400], atol=2e-3
    )


def test_the_fast_view_is_the_exact_one_to_a_code() -> None:
    light = torch.linspace(-0.2, 1.4, 6000).reshape(1, 1, -1).expand(3, 1, -1)
    exact = convert(light.clamp(0, 1), LINEAR, SRGB)[0, 0] * 255
    fast = encode_srgb(light)[0, :, 0]
    assert np.abs(fast - exact.numpy()).max() <= 0.7
    assert fast[0] == 0
    assert fast[-1] == 255


def test_a_view_is_finite_whatever_the_plate_holds() -> None:
    odd = patch(float("nan"), float("inf"), float("-inf"))
    for space in (LINEAR, SRGB, "ACEScg"):
        assert display_view(odd, space).shape == (1, 1, 3)
    assert display_view(odd, LINEAR).flatten().tolist() == [0, 255, 0]
    assert display_view(odd, SRGB).flatten().tolist() == [0, 255, 0]


@pytest.mark.parametrize("space", [SRGB, CAMERA, "Gamma 2.4 Encoded Rec.709", "sRGB - Display"])
def test_monitor_encodings_are_shown_as_they_are(space: str) -> None:
    assert display_view(patch(0.2, 0.5, 0.8), space).flatten().tolist() == [51, 128, 204]


def test_a_log_plate_is_shown_in_the_light_it_stands_for() -> None:
    grey = display_view(patch(0.2784), "ARRI LogC4")
    assert grey.flatten().tolist() == pytest.approx([118] * 3, abs=2)
    assert display_view(patch(470 / 1023), CINEON).flatten().tolist() == pytest.approx([118] * 3, abs=2)


def test_another_config_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "ocio://cg-config-v2.2.0_aces-v1.3_ocio-v2.4")
    assert "ARRI LogC4" not in space_names()
    assert SRGB in space_names()
    with pytest.raises(ColorError, match="cg-config"):
        resolve("ARRI LogC4")
    assert resolve("acescg") == "ACEScg"
    np.testing.assert_allclose(convert(patch(1.0), "ACEScg", SRGB).flatten(), [1, 1, 1], atol=1e-3)


def test_a_broken_config_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OCIO", str(tmp_path / "gone.ocio"))
    with pytest.raises(ColorError, match=r"gone\.ocio cannot be read"):
        resolve("sRGB")


def test_the_config_is_pinned_to_a_version() -> None:
    assert "latest" not in PINNED_CONFIG


def test_the_matrix_of_rec709_is_the_printed_one() -> None:
    expected = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    np.testing.assert_allclose(primaries.rgb_to_xyz(primaries.REC709), expected, atol=1e-4)
    np.testing.assert_allclose(primaries.luminance_weights(None), [0.2126, 0.7152, 0.0722], atol=1e-4)


@pytest.mark.parametrize("name", primaries.KNOWN)
def test_our_matrices_are_those_of_the_config(name: str) -> None:
    matrix = primaries.to_rec709(primaries.KNOWN[name])
    for color in ((1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.2, 0.7, 0.1)):
        theirs = convert(patch(*color), name, LINEAR).flatten()
        np.testing.assert_allclose(matrix @ torch.tensor(color), theirs, atol=3e-3)


def test_chromaticities_of_a_known_space_are_named() -> None:
    for name, values in primaries.KNOWN.items():
        assert primaries.name_of(values) == name
    assert primaries.name_of((0.7, 0.3, 0.2, 0.7, 0.1, 0.1, 0.31, 0.33)) is None


ODD = (0.66, 0.32, 0.21, 0.71, 0.15, 0.06, 0.3457, 0.3585)


def test_plates_of_other_primaries(write: Write, tmp_path: Path) -> None:
    pixels = np.broadcast_to(np.array([0.5, 0.5, 0.5], dtype=np.float32), (2, 2, 3))
    for values, space in ((primaries.KNOWN["ACEScg"], "ACEScg"), (ODD, LINEAR)):
        path = write(tmp_path / "a.exr", pixels, attributes={"chromaticities": ("float[8]", values)})
        with open_footage(path) as footage:
            assert footage.chromaticities == pytest.approx(values)
            assert footage.color.space == space
            assert not footage.color.guessed
            np.testing.assert_array_equal(footage.read(0).pixels.numpy().transpose(1, 2, 0), pixels)
            # Grey stays grey: the white is adapted.
            assert footage.view(0)[0, 0].tolist() == [188, 188, 188]


def test_graphs_read_other_primaries_as_what_they_are_called(write: Write, tmp_path: Path) -> None:
    pixels = np.broadcast_to(np.array([0.2, 0.5, 0.3, 0.5], dtype=np.float32), (2, 2, 4))
    path = write(tmp_path / "a.exr", pixels, attributes={"chromaticities": ("float[8]", ODD)})
    matte = write(
        tmp_path / "b.exr", pixels[..., 3:], channels=("A",), attributes={"chromaticities": ("float[8]", ODD)}
    )
    with open_footage(path) as footage, Evaluator() as graph:
        assert footage.to_rec709 is not None
        assert any("no named space; a matrix takes them to Linear Rec.709" in note for note in footage.notes)
        untouched, image = footage.read(0), graph.image(read(str(path)), 0)
        assert (image.color_space, image.channels) == (LINEAR, ("R", "G", "B", "A"))
        np.testing.assert_allclose(image.rgb()[:, 0, 0], footage.to_rec709 @ untouched.rgb()[:, 0, 0], atol=1e-6)
        assert torch.equal(image.channel("A"), untouched.channel("A"))
        np.testing.assert_array_equal(display_view(image.rgb(), LINEAR), footage.view(0))
        assert graph.image(read(str(matte)), 0).pixels.mean() == 0.5
    with open_footage(path, color_space="ACEScg") as named:
        assert named.to_rec709 is None
        assert named.notes == []


def test_known_primaries_that_the_config_lacks_are_converted_all_the_same(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "small.ocio"
    config.write_text(
        "ocio_profile_version: 2\nroles: {default: raw}\ndisplays:\n  sRGB:\n"
        "    - !<View> {name: Raw, colorspace: raw}\ncolorspaces:\n  - !<ColorSpace> {name: raw, isdata: true}\n"
    )
    values = primaries.KNOWN["Linear P3-D65"]
    pixels = np.full((2, 2, 3), [0.2, 0.5, 0.3], dtype=np.float32)
    path = write(tmp_path / "a.exr", pixels, attributes={"chromaticities": ("float[8]", values)})
    with open_footage(path) as footage:
        expected = footage.view(0)
    monkeypatch.setenv("OCIO", str(config))
    with open_footage(path) as footage:
        assert np.abs(footage.view(0).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("suffix", "depth", "attributes", "space", "guessed"),
    [
        ("exr", "half", {}, LINEAR, True),
        ("tif", "float", {}, LINEAR, True),
        ("tif", "uint16", {}, SRGB, True),
        ("png", "uint8", {}, SRGB, False),
        ("tga", "uint8", {}, SRGB, True),
        ("dpx", "uint16", {"dpx:Transfer": "Printing density"}, CINEON, False),
        ("dpx", "uint16", {"dpx:Transfer": "Logarithmic"}, CINEON, True),
        ("dpx", "uint16", {"dpx:Transfer": "Linear"}, LINEAR, False),
        ("dpx", "uint16", {"dpx:Transfer": "ITU-R 709-4"}, CAMERA, False),
        ("dpx", "uint16", {"dpx:Transfer": "User defined"}, SRGB, True),
    ],
)
def test_the_space_of_a_plate(
    suffix: str,
    depth: str,
    attributes: dict[str, str],
    space: str,
    guessed: bool,
    write: Write,
    tmp_path: Path,
) -> None:
    pixels = np.full((4, 4, 3), 0.5, dtype=np.float32)
    path = write(tmp_path / f"a.{suffix}", pixels, depth=depth, attributes=attributes)
    with open_footage(path) as footage:
        assert footage.color.space == space
        assert footage.color.guessed == guessed
        assert (footage.color.reason in footage.notes) == guessed
        assert footage.read(0).color_space == space
        assert footage.read(0).pixels.mean() == pytest.approx(0.5, abs=0.003)
    with open_footage(path, color_space="ACEScg") as footage:
        assert footage.color.space == "ACEScg"
        assert not footage.color.guessed
