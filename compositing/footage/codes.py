"""R'G'B' to the code values of a movie's planes: the opposite of ``yuv.py``, rounded once and at the end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compositing.footage.yuv import Coding, Plane, levels, yuv_to_rgb_matrix

Codes = NDArray[np.unsignedinteger[Any]]


def encode_planes(pixels: Plane, coding: Coding, bits: int, step: tuple[int, int] = (1, 1)) -> list[Codes]:
    """Colour ``[3, H, W]`` with black at 0 and white at 1 as planes Y, Cb, Cr (or R, G, B) of ``bits`` bits.

    ``step`` is how many pixels share a chroma sample across and down: (2, 2) for 4:2:0. Super-whites and sub-blacks
    keep their codes as far as the bits go. Codes are uint8 up to 8 bits, else uint16.
    """
    if coding.matrix == "rgb":
        black, white, _ = levels(coding.full_range, bits)
        return [_rounded(plane * white + black, bits) for plane in pixels]
    forward = yuv_to_rgb_matrix(coding, bits)
    offset = forward[:, 3].reshape(3, 1, 1)
    solved = np.linalg.inv(forward[:, :3])
    luma, *chroma = np.einsum("ij,jhw->ihw", solved, pixels.astype(np.float64) - offset)
    shared = [subsample(plane, step, coding.centred_chroma) for plane in chroma]
    return [_rounded(plane, bits) for plane in (luma, *shared)]


def subsample(plane: NDArray[np.float64], step: tuple[int, int], centred: bool) -> NDArray[np.float64]:
    """Chroma averaged to one sample for ``step`` pixels; left-sited samples weigh their neighbours 1, 2, 1."""
    across, down = step
    height, width = plane.shape
    plane = np.pad(plane, ((0, -height % down), (0, -width % across)), mode="edge")
    if across == 2 and not centred:
        padded = np.pad(plane, ((0, 0), (1, 1)), mode="edge")
        plane = (padded[:, :-2:2] + 2 * padded[:, 1:-1:2] + padded[:, 2::2]) / 4
    elif across > 1:
        plane = plane.reshape(len(plane), -1, across).mean(axis=2)
    return np.asarray(plane.reshape(-1, down, plane.shape[1]).mean(axis=1), dtype=np.float64)


def _rounded(plane: NDArray[np.floating[Any]], bits: int) -> Codes:
    codes: Codes = np.clip(np.rint(plane), 0, (1 << bits) - 1).astype(np.uint8 if bits <= 8 else np.uint16)
    return codes
