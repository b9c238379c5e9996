"""Errors of alpha on mattes whose errors are known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sam2_roto.evaluation.matting import connectivity_error, dtssd, gradient_error, mse, sad

Alpha = np.ndarray[Any, np.dtype[np.float32]]


def box(value: float = 1.0, x0: int = 20, x1: int = 60) -> Alpha:
    alpha = np.zeros((80, 100), np.float32)
    alpha[20:60, x0:x1] = value
    return alpha


def test_perfect_mattes_have_no_error() -> None:
    same = box(0.7), box(0.7)
    assert (sad(*same), mse(*same), gradient_error(*same), connectivity_error(*same)) == (0, 0, 0, 0)


def test_sad_and_mse() -> None:
    assert sad(box(0.5), box(1.0)) == pytest.approx(1600 * 0.5 / 1000)
    assert mse(box(0.5), box(1.0)) == pytest.approx(1600 * 0.25 / 8000)
    region = box() > 0
    assert mse(box(0.5), box(1.0), region) == pytest.approx(0.25)
    assert mse(box(0.5), box(1.0), region & False) == 0
    assert sad(box(0.5), box(1.0), ~region) == 0


def test_gradient_error_grows_with_the_step() -> None:
    ramp = np.tile(np.linspace(0, 1, 100, dtype=np.float32), (80, 1))
    assert gradient_error(ramp, ramp + 0.1) == pytest.approx(0, abs=1e-9)
    small, large = gradient_error(box(0.9), box()), gradient_error(box(0.5), box())
    assert 0 < small < large
    assert large == pytest.approx(25 * small, rel=1e-6)


def test_gradient_of_a_ramp_is_the_filters_own() -> None:
    """A plane of slope 0.01 against a flat matte: every pixel away from the border differs by the same length."""
    ramp = np.tile(np.arange(100, dtype=np.float64) * 0.01, (80, 1))
    x = np.arange(-4, 5, dtype=np.float64)
    gauss = np.exp(-(x**2) / (2 * 1.4**2))
    kernel = np.outer(gauss, -x * gauss)
    kernel /= np.linalg.norm(kernel)
    slope = abs((kernel * x).sum()) * 0.01
    middle = np.zeros((80, 100), np.bool_)
    middle[20:60, 20:60] = True
    assert gradient_error(ramp, np.zeros_like(ramp), middle) == pytest.approx(1600 * slope**2 / 1000, rel=1e-6)


def test_connectivity_counts_islands() -> None:
    """An island of alpha 1, apart from the common core, is wrong by 1 at each pixel."""
    island = box()
    island[5:10, 80:90] = 1
    assert connectivity_error(island, box()) == pytest.approx(50 / 1000)
    thin = box()
    thin[5:10, 80:90] = 0.1
    assert connectivity_error(thin, box()) == 0


def test_connectivity_of_a_fainter_core() -> None:
    """Half the alpha: both are connected up to 0.5; the true matte has 0.5 above it."""
    assert connectivity_error(box(0.5), box()) == pytest.approx(1600 * 0.5 / 1000)


def test_dtssd_sees_flicker_alone() -> None:
    truth = [box(), box(), box()]
    assert dtssd([box(0.8)] * 3, truth) == 0
    flicker = dtssd([box(0.8), box(), box(0.8)], truth)
    assert flicker == pytest.approx((0.04 * 1600 / 8000) ** 0.5)
    with pytest.raises(ValueError, match="two frames"):
        dtssd([box()], [box()])
    with pytest.raises(ValueError, match="longer"):
        dtssd([box()] * 2, [box()] * 3)


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="one size"):
        sad(box(), box()[:10])
