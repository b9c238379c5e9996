"""Objects that come back: one that was out of sight for long is looked for by what shows it alone.

A memory of recent frames, all of them without the object, says that there is none; so they are left out, and the frames
that the artist settled are asked alone. The network then finds what is like the object, wherever it is, and with it
what is like it beside it: each piece of its mask has to be recognised by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from sam2_roto.model import SAM2, ImageFeatures, Memory
from sam2_roto.model.mask_decoder import Decoded

from .pieces import pieces, with_pieces
from .recognition import Marks, evidence, judged

if TYPE_CHECKING:
    from .objects import TrackedObject

SURE, SURER = 2.0, 3.5
"""How much surer one has to be of what comes back than of what was just there: where the memory of the latest frames
finds it, and where that of the marked ones alone does."""


def find_again(
    model: SAM2,
    entries: Sequence[TrackedObject],
    decoded: Decoded,
    features: ImageFeatures,
    shown: Callable[[TrackedObject], Memory],
) -> Decoded:
    """The offer for ``entries``, in which those that are not seen, or not surely, are looked for once more.

    ``shown`` is what is remembered of an object where it was seen. The device is waited for.
    """
    recognition = model.config.recognition
    if recognition is None:
        return decoded
    marked = [entry.memory.marked for entry in entries]
    verdict = judged(recognition, evidence(decoded, decoded.iou.argmax(dim=1), features, marked)) - SURE
    decoded = decoded._replace(score=torch.where(verdict < 0, torch.minimum(decoded.score, verdict), decoded.score))
    for row in (decoded.score[:, 0] <= 0).nonzero()[:, 0].tolist():
        offer = model.decode(model.condition(features.top, shown(entries[row])), features)
        found = returned(recognition, offer, features, marked[row])
        decoded = decoded if found is None else _with_row(decoded, row, found)
    return decoded


def returned(
    recognition: Sequence[float], offer: Decoded, features: ImageFeatures, marked: Sequence[Marks]
) -> Decoded | None:
    """Of an ``offer`` of one row the best mask, with the pieces alone that are recognised; None if none is."""
    best = offer.iou.argmax(dim=1)
    mask = Decoded(offer.logits[:, best], offer.iou[:, best], offer.score, offer.tokens[:, best])
    parts = pieces(mask.logits[0, 0])
    each = mask._replace(logits=parts[:, None], score=mask.score.expand(len(parts), 1))
    only = torch.zeros(len(parts), dtype=torch.int64, device=parts.device)
    known = judged(recognition, evidence(each, only, features, [marked] * len(parts)))[:, 0] >= SURER
    if float(mask.score) <= 0 or not bool(known.any()):
        return None
    return mask._replace(logits=with_pieces(mask.logits[0, 0], parts[known])[None, None])


def _with_row(decoded: Decoded, row: int, found: Decoded) -> Decoded:
    """The offer with all masks of a row replaced by the only one that was ``found``."""
    parts = [part.clone() for part in decoded]
    for part, new in zip(parts, found, strict=True):
        part[row] = new[0]
    return Decoded(*parts)
