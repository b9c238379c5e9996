"""Optical flow: where things are found, how sure that is, and what is seen along it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from compositing.flow import dense_flow, doubt, gray, seen_from

SIZE = 128


def _texture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (SIZE, SIZE, 3)).astype(np.float32)
    return np.asarray(cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX), np.uint8)


@pytest.mark.parametrize(("x", "y"), [(3, 0), (-2, 5), (0, 0)])
def test_a_shift_is_found(x: int, y: int) -> None:
    here = gray(_texture())
    there = np.roll(here, (y, x), axis=(0, 1))
    inner = dense_flow(here, there)[16:-16, 16:-16]
    assert np.abs(inner - np.array([x, y])).mean() < 0.1


def test_what_is_seen_along_the_flow_is_the_picture_itself() -> None:
    here = gray(_texture())
    there = np.roll(here, (4, -3), axis=(0, 1))
    back = seen_from(there.astype(np.float32), dense_flow(here, there))
    assert np.abs(back - here)[16:-16, 16:-16].mean() < 3.0


def test_doubt_is_large_where_a_pixel_is_hidden() -> None:
    here = gray(_texture())
    there = here.copy()
    there[40:90, 40:90] = gray(_texture(1))[40:90, 40:90]
    unsure = doubt(dense_flow(here, there), dense_flow(there, here))
    assert unsure[50:80, 50:80].mean() > 5 * unsure[:30].mean() + 0.1


def test_tiny_pictures_do_not_move() -> None:
    tiny = np.zeros((8, 8), np.uint8)
    assert not dense_flow(tiny, tiny).any()


def test_doubt_does_not_depend_on_where_its_numbers_lie() -> None:
    rng = np.random.default_rng(5)
    flow, back = rng.normal(0, 3, (2, 128, 128, 2)).astype(np.float32)
    kept, found = [], set()
    for _ in range(200):
        kept.append(np.empty(int(rng.integers(1, 5000)), np.uint8))  # moves what is allocated next
        if len(kept) > 50:
            kept.pop(int(rng.integers(50)))
        found.add(doubt(flow.copy(), back.copy()).tobytes())
    assert len(found) == 1
