"""Cryptomatte, decoded by another implementation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from compositing.image import Window
from sam2_roto.errors import ExportError
from sam2_roto.export import PlateMetadata
from sam2_roto.export.cryptomatte import (
    id_float,
    layer_key,
    manifest,
    murmur3_32,
    name_id,
    ranks,
    resolve_overlaps,
    write_cryptomatte,
)

HEIGHT, WIDTH = 24, 40
PLATE = PlateMetadata(Window.sized(WIDTH, HEIGHT), notes={"sam2_roto/model": "nano"})
NAMES = ("torus", "равнина", "金魚", "سمكة", "big dog: #2")


def mattes() -> dict[str, NDArray[np.float32]]:
    """Soft mattes of each name that overlap one another, and one that is empty."""
    draw = np.random.default_rng(3)
    found = {}
    for index, name in enumerate(NAMES):
        matte = np.zeros((HEIGHT, WIDTH), np.float32)
        matte[2 + index : 14 + index, 3 * index : 3 * index + 16] = draw.random((12, 16), np.float32)
        found[name] = matte
    found["absent"] = np.zeros((HEIGHT, WIDTH), np.float32)
    return found


def test_hashes_are_those_of_the_specification() -> None:
    assert murmur3_32(b"torus") == name_id("torus") == 4053562365
    assert id_float(4053562365) == pytest.approx(-1.5494362e30, rel=1e-7)
    assert name_id("равнина") == 2518896926
    assert [layer_key(name) for name in ("crypto_asset", "crypto_object", "uCryptoWildcard")] == [
        "28322e9",
        "f834d0a",
        "2ae4678",
    ]
    assert murmur3_32(b"") == 0


@given(st.text())
def test_every_id_is_an_ordinary_float(name: str) -> None:
    value = id_float(name_id(name))
    assert np.isfinite(value)
    assert abs(value) >= np.finfo(np.float32).smallest_normal


def test_overlaps_sum_to_one_at_most() -> None:
    found = resolve_overlaps([np.full((2, 2), 0.8), np.full((2, 2), 0.8), np.full((2, 2), 0.4)])
    np.testing.assert_allclose(found[:, 0, 0], [0.4, 0.4, 0.2], rtol=1e-6)
    alone = resolve_overlaps([np.full((2, 2), 0.3), np.full((2, 2), 0.5)])
    np.testing.assert_allclose(alone[:, 1, 1], [0.3, 0.5], rtol=1e-6)


def test_the_smallest_of_too_many_go() -> None:
    coverage = np.linspace(0.01, 0.2, 8, dtype=np.float32)[:, None, None]
    found = ranks(coverage, [float(index) for index in range(1, 9)])
    assert found[0, 0, ::2].tolist() == [8, 7, 6, 5, 4, 3]


def test_another_decoder_finds_the_same(tmp_path: Path) -> None:
    api = pytest.importorskip("cryptomatte_api", reason="cryptomatte-api is not installed")
    path = tmp_path / "crypto.0001.exr"
    write_cryptomatte(path, mattes(), metadata=PLATE)
    (decoded,) = api.Cryptomatte.load(path)
    assert (decoded.width(), decoded.height()) == (WIDTH, HEIGHT)
    assert decoded.metadata().name() == "crypto_object"
    assert dict(decoded.metadata().manifest().mapping_uint32()) == {name: name_id(name) for name in mattes()}
    expected = dict(zip(mattes(), resolve_overlaps(list(mattes().values())), strict=True))
    for name in NAMES:
        np.testing.assert_allclose(decoded.mask(name), expected[name], atol=1e-6)
    assert float(np.max(decoded.mask("absent"))) == 0


def test_header_and_channels(tmp_path: Path) -> None:
    path = tmp_path / "crypto.exr"
    write_cryptomatte(path, mattes(), metadata=PLATE)
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header, channels = dict(file.header()), file.channels()
        assert sorted(channels) == [f"crypto_object{index:02}.{name}" for index in range(3) for name in "ABGR"]
        assert {channel.pixels.dtype for channel in channels.values()} == {np.dtype(np.float32)}
        total = sum(channels[f"crypto_object{index:02}.{name}"].pixels for index in range(3) for name in "GA")
    assert total.max() <= 1 + 1e-6
    assert json.loads(header["cryptomatte/f834d0a/manifest"]) == json.loads(manifest(list(mattes())))
    assert header["cryptomatte/f834d0a/conversion"] == "uint32_to_float32"
    assert header["sam2_roto/model"] == "nano"


def test_wrong_words(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="spoil the ids"):
        write_cryptomatte(tmp_path / "x.exr", mattes(), metadata=PLATE, compression="dwaa")
    with pytest.raises(ExportError, match="no object"):
        write_cryptomatte(tmp_path / "x.exr", {}, metadata=PLATE)
    with pytest.raises(ExportError, match="make them equal"):
        write_cryptomatte(tmp_path / "x.exr", {"dog": np.zeros((3, 3))}, metadata=PLATE)
    assert list(tmp_path.iterdir()) == []
