"""Strands that the network does not see, laid into a matte where the plate differs from what lies behind.

What single pixels say of that is noisy, or nothing where object and ground look alike. So alpha is then made a locally
linear function of colour, as the pixels say that are sure: a matting Laplacian's energy minimised in a single step, by
large windows (He, Sun & Tang 2010). Alpha is raised, never lowered: a part of the object that has the ground's colour
looks as if the ground were seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.mattes.bands import FLOOR, GAP, Box, depth, joined, near_matte, pieces, trimap, unknown_box
from sam2_roto.mattes.clean_plate import CleanPlate
from sam2_roto.mattes.difference import difference_alpha
from sam2_roto.mattes.guided import weighted_filter
from sam2_roto.mattes.scene import Picture, changing_box

Array = NDArray[Any]

_FAINT = 0.25  # alpha below which a matte does not say that the object is there: strands are looked for from the rest
_WIDE = 1.25  # how many times the width of the band outside of the matte counts as wide
_SLIP, _BEYOND = 1, 10.0  # pixels by which ground may slip; codes beyond what is there that count in full
_SPARE = 4  # pixels beyond the band in which it is found

_HAZE = 0.25
"""Alpha up to which a difference to the clean plate is taken for its error, as where leaves stir; from twice that on it
counts in full."""

_WINDOW = 0.0145  # of the plate's diagonal: radius of the windows in which alpha is linear in colour
_TRUST = 0.06  # weight of the matte so far, to that of a sure difference
_EMPTY = 0.02  # alpha up to which difference and matte agree that there is nothing
_TOLD = 0.125  # part of a window of which something must be known until what follows from it counts in full
_SEEN = 0.1  # alpha from which something that floats beside a matte is seen
_SPECK = 0.01
"""Parts of the plate's diagonal whose square is the least area of what may float beside a matte."""


def with_strands(
    alpha: Tensor,
    picture: Picture,
    inner: float,
    outer: float,
    reach: float,
    behind: Callable[[Box], CleanPlate | None],
) -> Tensor:
    """Alpha ``[H, W]``, raised to what the difference to a clean plate tells, as far as that is to be believed.

    Args:
        alpha: the matte so far, float32, 0 to 1.
        picture: the plate.
        inner, outer: widths of the band round the soft edge in pixels.
        reach: how far outwards strands are looked for, in pixels; they must be one piece with the band.
        behind: gives the clean plate within a box, or None where there is none.

    Returns:
        float32 ``[H, W]`` on alpha's device. The work is done on the CPU.
    """
    firm = torch.where(alpha < _FAINT, 0.0, alpha)
    regions = _regions(firm, inner, max(outer, reach))
    box = unknown_box(regions)
    plate = None if box is None else behind(box)
    if box is None or plate is None:
        return alpha
    part = np.s_[box[1] : box[3], box[0] : box[2]]
    view, matte, diagonal = picture.view[part], alpha[part].cpu().numpy(), math.hypot(*alpha.shape)
    found, sure = difference_alpha(view, plate, regions[part] == 1, regions[part] == 0.5, matte, diagonal)
    near = firm[part].cpu().numpy()
    found = joined(found, near_matte(near, outer))
    own = (1 - _others(found, near, outer)) * _unlike(view, plate.color)
    sure = np.where(found > matte, sure * own, sure)
    more = np.maximum(_drawn(view, matte, found, sure, regions[part] == 0.5, diagonal) - matte, 0)
    laid = alpha.clone()
    laid[part] = torch.from_numpy(matte + _without_specks(more, matte, (_SPECK * diagonal) ** 2)).to(alpha)
    return laid


def _drawn(view: Array, matte: Array, found: Array, sure: Array, band: Array, diagonal: float) -> Array:
    """The matte as what is ``found`` more or less surely in the band has it, and colour beside that: ``[h, w]``.

    Haze is not followed, and says nothing of what is beside it; where a speck was, there is nothing.
    """
    clear = np.clip((np.maximum(found, matte) - _HAZE) / _HAZE, 0, 1)
    said = matte + _without_specks(sure * (found - matte) * clear, matte, (_SPECK * diagonal) ** 2)
    weight = np.where(band, sure * np.where((found < _EMPTY) & (matte < _EMPTY), 1, clear), 1)
    filled = _filled(view, said, weight, _WINDOW * diagonal)
    told = _told(sure, band, _WINDOW * diagonal) * ~((depth(found < FLOOR) > GAP) & (matte <= FLOOR))
    return np.asarray(said + told * (filled - said))


def _filled(view: Array, said: Array, weight: Array, radius: float) -> Array:
    """What colour makes of alpha that is ``said`` more or less surely: float32 ``[h, w]``."""
    guide = torch.from_numpy(view).permute(2, 0, 1).float().div_(255)
    alpha, share = (torch.from_numpy(plane.astype(np.float32)) for plane in (said, weight + _TRUST))
    return np.asarray(weighted_filter(alpha, guide, share, radius).numpy())


def _told(sure: Array, band: Array, radius: float) -> Array:
    """How far anything is known near each pixel of the band, 0 to 1; outside of it 0: float32 ``[h, w]``."""
    taps = 2 * int(radius) + 1
    known, share = (cv2.blur(plane.astype(np.float32), (taps, taps)) for plane in (sure * band, band))
    return np.where(band, np.clip(known / np.maximum(_TOLD * share, 1e-3), 0, 1), 0).astype(np.float32)


def _without_specks(change: Array, matte: Array, area: float) -> Array:
    """Changes to a matte, none that would float beside it in pieces of less than ``area`` pixels: float32 ``[h, w]``.

    Leaves that stir leave such pieces.
    """
    seen = matte + change > _SEEN
    count, labels = pieces(seen)
    speck = np.bincount(labels.ravel(), seen.ravel(), count) < area
    speck[labels[matte > _FAINT]] = False
    return np.where((change > 0) & speck[labels], 0, change)


def _others(found: Array, matte: Array, width: float) -> Array:
    """Where what is found is wider than about ``width`` pixels and not at the matte, 0 to 1: float32 ``[h, w]``.

    What is so wide the network has seen for itself, and not taken for the object: another one that moves beside it.
    """
    taps = 2 * max(1, round(_WIDE * width / 2)) + 1
    square, blur = np.ones((taps, taps), np.uint8), taps / 4
    wide = cv2.dilate(cv2.morphologyEx(found, cv2.MORPH_OPEN, square), square)
    away = 1 - cv2.GaussianBlur(cv2.dilate((matte > 0).astype(np.float32), square), (0, 0), blur)
    return np.asarray(away * np.clip(2 * cv2.GaussianBlur(wide, (0, 0), blur) - 0.5, 0, 1))


def _unlike(view: Array, behind: Array) -> Array:
    """How little of the clean plate close by explains the plate, 0 to 1: float32 ``[h, w]``.

    Ground that slips by a pixel, as cloth under feet, differs from the clean plate along its own lines.
    """
    square = np.ones((2 * _SLIP + 1, 2 * _SLIP + 1), np.uint8)
    ground = behind.astype(np.uint8)
    beyond = cv2.max(cv2.subtract(view, cv2.dilate(ground, square)), cv2.subtract(cv2.erode(ground, square), view))
    red, green, blue = cv2.split(beyond)
    return np.asarray(np.minimum(cv2.max(cv2.max(red, green), blue).astype(np.float32) / _BEYOND, 1))


def _regions(alpha: Tensor, inner: float, outer: float) -> Array:
    """The trimap where it is unknown, and a little round that; 0 elsewhere, where nobody asks."""
    regions = np.zeros(alpha.shape, np.float32)
    near = changing_box(alpha, max(inner, outer) + _SPARE)
    if near is not None:
        place = np.s_[near[1] : near[3], near[0] : near[2]]
        regions[place] = trimap(alpha[place], inner, outer).cpu().numpy()
    return regions
