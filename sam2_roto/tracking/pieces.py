"""Pieces of tracked masks: each has to look like the object by itself.

A small network that follows an object takes up specks, and things far from it that are a little like it; flow then
carries them along, and memory keeps them. The mask as a whole is still recognised, since most of it is the object. So
a mask that falls into pieces is judged piece by piece, by the likeness that ``recognition.py`` measures: what is much
less like the mark than the largest piece is taken out before it is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from sam2_roto.model import ImageFeatures, ModelConfig
from sam2_roto.model.mask_decoder import Decoded

from .recognition import Marks, likeness

KINSHIP = 1 / 3
"""Likeness that a piece needs, in parts of the largest piece's."""

MOST = 16
"""Pieces that are judged, the largest ones: what is smaller is a speck."""

_LIMIT = 10.0  # logits of a piece, and, negative, of all around it


def pieces(logits: Tensor) -> Tensor:
    """The pieces that hang together of a mask ``logits [h, w]``: logits ``[P, h, w]``, the largest first.

    ``MOST`` at most, and one that is empty where the mask is. The device is waited for.
    """
    mask = (logits > 0).cpu().numpy().astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    numbers = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:MOST]
    wanted = torch.from_numpy(numbers if len(numbers) else np.array([1])).to(logits.device)[:, None, None]
    return torch.where(torch.from_numpy(labels).to(logits.device) == wanted, _LIMIT, -_LIMIT)


def with_pieces(logits: Tensor, kept: Tensor) -> Tensor:
    """A mask ``logits [h, w]`` of which only the pieces ``kept [P, h, w]`` are left."""
    return torch.where((kept > 0).any(dim=0), logits, -logits.abs())


def without_strangers(
    config: ModelConfig,
    decoded: Decoded,
    best: Tensor | None,
    features: ImageFeatures,
    marked: Sequence[Sequence[Marks]],
) -> Decoded:
    """The offer, whose masks ``best [B]`` have lost the pieces that are not like what was ``marked`` of their object.

    ``best`` are by default the masks of best predicted IoU. Absent objects and those without marks stay as they are; so
    does all that is offered by a network whose ``recognition`` is not set. Else the device is waited for.
    """
    if config.recognition is None:
        return decoded
    believed = decoded.iou.argmax(dim=1) if best is None else best
    logits = decoded.logits.clone()
    for row, present in enumerate((decoded.score[:, 0] > 0).tolist()):
        if present and marked[row]:
            mask = logits[row, believed[row]]
            logits[row, believed[row]] = _kin(config.recognition, mask, features, marked[row])
    return decoded._replace(logits=logits)


def _kin(recognition: Sequence[float], mask: Tensor, features: ImageFeatures, marked: Sequence[Marks]) -> Tensor:
    """A mask ``logits [h, w]`` with its largest piece, and those that are as good as alike."""
    found = pieces(mask)
    if len(found) == 1:
        return mask
    alike = likeness(recognition, found, features, marked)
    kept = alike >= KINSHIP * alike[0]
    kept[0] = True
    return with_pieces(mask, found[kept])
