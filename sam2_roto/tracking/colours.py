"""Colours: whether what a network sees has those that its object has where it was prompted.

A small network whose object has gone often goes over to something else, as sure of that as it was before, and then
remembers it. Colours tell: how much of what is seen has none that the object is known by counts against its presence,
before anything is remembered. Colours are those of masks that a person drew: what a network makes of a click may be a
part of what was meant, and its colours not those of the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sam2_roto.model.mask_decoder import Decoded

from .objects import TrackedObject

View = NDArray[np.uint8]
Shades = NDArray[np.float64]
"""Shares of the bins that colours are counted in."""

LEVELS = 8
"""Shades of each of red, green and blue that are told apart."""

FINENESS = 2
"""Colours are read from a picture of so many pixels to each of the logits' cells, across and down."""

PARDONED, WEIGHT = 0.25, 15.0
"""So large a part may be foreign, as light changes and other sides come to be seen; what is beyond it is taken, times
the weight, from the logit of presence. Chosen on generated clips."""


def counted(pixels: NDArray[np.uint8], levels: int) -> Shades:
    """The colours of uint8 RGB ``pixels [n, 3]``, as shares of ``levels ** 3`` bins; zeros where there are none."""
    bins = (pixels.astype(np.int64) * levels // 256) @ np.array([levels**2, levels, 1])
    return np.asarray(np.bincount(bins, minlength=levels**3) / max(len(bins), 1), np.float64)


def unlike(shades: Shades | None, known: Collection[Shades]) -> float:
    """Part of the colours that none of those ``known`` share, 0..1; 0 where there is nothing to tell by."""
    if shades is None or not known:
        return 0.0
    return 1 - max(float(np.minimum(shades, other).sum()) for other in known)


def shades_of(view: View, logits: Tensor) -> Shades | None:
    """The colours of what logits ``[s, s]`` show of a picture uint8 RGB ``[H, W, 3]``; None where they show nothing.

    A colour counts by half for those next to it, too.
    """
    return _shades(_small(view, logits.shape[-1]), logits)


def _small(view: View, cells: int) -> View:
    """A picture to count colours in: pixels here and there say as much of them as all, in a fifth of the time."""
    return np.asarray(cv2.resize(view, (FINENESS * cells, FINENESS * cells), interpolation=cv2.INTER_LINEAR), np.uint8)


def _shades(picture: NDArray[np.uint8], logits: Tensor) -> Shades | None:
    mask = cv2.resize(logits.float().cpu().numpy(), picture.shape[:2], interpolation=cv2.INTER_LINEAR) > 0
    if not mask.any():
        return None
    shares = counted(picture[mask], LEVELS).reshape(LEVELS, LEVELS, LEVELS)
    for channel in range(3):
        beside = np.zeros_like(shares)
        there, here = np.moveaxis(beside, channel, 0), np.moveaxis(shares, channel, 0)
        there[1:] += here[:-1]
        there[:-1] += here[1:]
        shares = shares + beside / 2
    return np.asarray(shares.ravel() / shares.sum(), np.float64)


def doubted(entries: Sequence[TrackedObject], decoded: Decoded, best: Tensor | None, view: View) -> Decoded:
    """``decoded``, with the presence of those whose mask has colours that are foreign to the object put in doubt.

    Where colours are kept, this waits for the device.

    Args:
        entries: the objects of the rows; those of which no colours are kept are left alone.
        decoded: what the network offers for them on a frame.
        best: ``[B]``, the masks that are believed; by default those of best predicted IoU.
        view: the picture, uint8 RGB ``[H, W, 3]``.
    """
    if not any(entry.shades for entry in entries):
        return decoded
    picture = _small(view, decoded.logits.shape[-1])
    chosen = decoded.iou.argmax(dim=1) if best is None else best
    foreign = [
        unlike(_shades(picture, decoded.logits[row, index]), entry.shades.values())
        for row, (entry, index) in enumerate(zip(entries, chosen.tolist(), strict=True))
    ]
    beyond = (torch.tensor(foreign, dtype=decoded.score.dtype) - PARDONED).clamp(min=0.0)
    return decoded._replace(score=decoded.score - WEIGHT * beyond.to(decoded.score.device)[:, None])
