"""Clicks that count: where a network's answer ignores a click, it is bent to it round about.

A small network is sometimes surer of itself than of the artist. The logits about such a click are moved until the
click is on its side of the edge, most where the picture is near in place and colour; what the network was surer of than
of the click, and what lies beyond a click of the other kind, keeps its sign.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.model import Prediction

from .prompts import FramePrompt

View = NDArray[np.uint8]
Array = NDArray[np.float32]
Places = NDArray[np.float64]

_IGNORED, _HEEDED = 1.0, 2.0  # the logit, on the click's side, below which it counts as ignored, and the one it gets
_NEAR = 1 / 24  # standard deviation of nearness, in sides of the picture
_ALIKE = 0.3  # of likeness, in colours of 0 to 1


def heeded(found: Prediction, prompt: FramePrompt, size: tuple[int, int], view: Callable[[], View]) -> Prediction:
    """The answer of one row with its clicks heeded, as in ``heed_clicks``; an absent object is left absent."""
    if not bool(found.score[0] > 0):
        return found
    return found._replace(logits=heed_clicks(found.logits[0], prompt, size, view)[None])


def heed_clicks(logits: Tensor, prompt: FramePrompt, size: tuple[int, int], view: Callable[[], View]) -> Tensor:
    """Masks that were answered to a prompt, with its clicks heeded.

    Args:
        logits: ``[M, h, w]`` of one object.
        prompt: clicks in pixels of the picture.
        size: width and height of the picture.
        view: gives the picture, uint8 RGB ``[H, W, 3]``; asked for where a click was ignored.
    """
    if not prompt.points:
        return logits
    shape = logits.shape[1:]
    scale = np.array([shape[1] / size[0], shape[0] / size[1]])
    places = np.array([point[:2] for point in prompt.points]) * scale
    sides = np.where([positive for _, _, positive in prompt.points], 1.0, -1.0)
    masks = logits.float().cpu().numpy()
    ignored = [sides * [_at(mask, place) for place in places] < _IGNORED for mask in masks]
    if not np.any(ignored):
        return logits
    small = cv2.resize(view(), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    colors: Array = np.divide(small, 255, dtype=np.float32)
    bent = [_bent(mask, places, sides, which, colors) for mask, which in zip(masks, ignored, strict=True)]
    return torch.from_numpy(np.stack(bent)).to(logits)


def _bent(mask: Array, places: Places, sides: Places, ignored: NDArray[np.bool_], colors: Array) -> Array:
    """Logits ``[h, w]`` moved about the clicks that were ignored, each no farther than half way to one against it."""
    mask = mask.copy()
    for place, side in zip(places[ignored], sides[ignored], strict=True):
        against = np.linalg.norm(places[sides != side] - place, axis=1)
        reach = min([_NEAR * max(mask.shape), *(against / 2)])
        mask += np.float32(side * max(0.0, _HEEDED - side * _at(mask, place))) * _about(place, reach, colors)
    return mask


def _cell(place: Places, shape: tuple[int, ...]) -> tuple[int, int]:
    """Row and column of the cell that a place x, y is in."""
    return min(int(place[1]), shape[0] - 1), min(int(place[0]), shape[1] - 1)


def _at(logits: Array, place: Places) -> float:
    return float(logits[_cell(place, logits.shape)])


def _about(place: Places, reach: float, colors: Array) -> Array:
    """How near to a place, and how like it, each cell of ``colors [h, w, 3]`` is: 1 at its cell, down to 0."""
    row, column = _cell(place, colors.shape)
    rows, columns = np.ogrid[: colors.shape[0], : colors.shape[1]]
    away = ((rows - row) ** 2 + (columns - column) ** 2) / max(reach, 0.5) ** 2
    unlike = ((colors - colors[row, column]) ** 2).sum(axis=2) / _ALIKE**2
    return np.asarray(np.exp(-(away + unlike) / 2), np.float32)
