"""Recognition: whether what a tracked mask covers looks like what the artist marked.

A small network that loses an object, to what passes before it or to the edge of the picture, takes up what is there
instead, remembers that, and is surer of it from frame to frame: of the frames on which an object is gone it calls few
empty. So the features under each tracked mask are compared with those under the masks that the artist settled, by what
makes these stand out from their surroundings. Together with the network's own score of presence that decides whether
the object is still there. Where it is not, the frame is remembered as one without it, and memory may find it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.model import ImageFeatures, ModelConfig
from sam2_roto.model.mask_decoder import Decoded

if TYPE_CHECKING:
    from .objects import ObjectFrame

RIDGE = 0.003
"""Variance that is added to every direction of the features, in parts of the mean one: what varies less is noise."""

_LEAST = 1e-3


class Mark(NamedTuple):
    """What a prompted frame shows of an object at one stride, as something that stands out.

    Features ``x [C]`` become ``(x - middle) @ whitener``: there the picture, all of it, has no preferred direction
    (Mahalanobis 1936), so that what tells the object from the rest counts, and what both share does not.
    """

    middle: Tensor
    """``[C]``, mean of the features."""
    whitener: Tensor
    """``[C, C]``."""
    look: Tensor
    """``[C]``, the object's mean as it becomes."""


Marks = tuple[Mark, ...]
"""One for each of strides 4, 8 and 16."""


def covered(features: ImageFeatures, logits: Tensor) -> list[Tensor]:
    """Means of the features under masks ``logits [B, h, w]``, ``[B, C]`` for each stride.

    ``features`` may have one row for all.
    """
    coverage = logits.float().sigmoid()[:, None]
    found = []
    for level in features:
        weight = F.interpolate(coverage, size=level.shape[-2:], mode="area")[:, 0]
        weight = weight / weight.sum(dim=(1, 2), keepdim=True).clamp(min=_LEAST)
        found.append(torch.einsum("bhw,bchw->bc", weight, level.float().expand(len(weight), -1, -1, -1)))
    return found


def marks_of(config: ModelConfig, features: ImageFeatures, answer: ObjectFrame) -> Marks | None:
    """What a prompted frame, seen as ``features`` of one row, shows of its object.

    None where it shows none, on other frames, and for a network that is believed as it is.
    """
    if config.recognition is None or not (answer.prompted and answer.present):
        return None
    inside = covered(features, answer.logits.to(features.top.device)[None])
    return tuple(_mark(level[0].float(), mean[0]) for level, mean in zip(features, inside, strict=True))


def _mark(level: Tensor, inside: Tensor) -> Mark:
    places = level.flatten(1)
    middle = places.mean(dim=1)
    away = places - middle[:, None]
    spreads, directions = _axes(away @ away.T / away.shape[1])
    whitener = directions / (spreads.clamp(min=0) + RIDGE * spreads.mean() + _LEAST**2).sqrt()
    return Mark(middle, whitener, (inside - middle) @ whitener)


def _axes(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues ``[C]``, ascending, and eigenvectors ``[C, C]``, on the device of ``covariance``."""
    if covariance.device.type != "mps":
        return tuple(torch.linalg.eigh(covariance))
    spreads, directions = torch.linalg.eigh(covariance.cpu())  # Metal has no kernel for it
    return spreads.to(covariance.device), directions.to(covariance.device)


def evidence(decoded: Decoded, best: Tensor, features: ImageFeatures, marked: Sequence[Sequence[Marks]]) -> Tensor:
    """What speaks for each row's object being there: the network's score, and likeness at three strides: ``[B, 4]``.

    Args:
        decoded: what the decoder offers.
        best: ``[B]``, the masks that are believed.
        features: of the frame; they may have one row for all.
        marked: for each row, the marks of prompted frames, of which the most alike counts; where there are none,
            everything is alike.
    """
    logits = decoded.logits[torch.arange(len(best), device=best.device), best]
    return torch.cat((decoded.score.float(), _alikes(logits, features, marked)), dim=1)


def likeness(recognition: Sequence[float], logits: Tensor, features: ImageFeatures, marked: Sequence[Marks]) -> Tensor:
    """How like what was ``marked`` of one object masks ``logits [P, h, w]`` are: ``[P]``, in the verdict's units."""
    _, _, *weights = recognition
    alike = _alikes(logits, features, [marked] * len(logits))
    return alike @ torch.tensor(weights, device=alike.device)


def _alikes(logits: Tensor, features: ImageFeatures, marked: Sequence[Sequence[Marks]]) -> Tensor:
    """Likeness of each mask ``logits [B, h, w]`` to its own marks at three strides: ``[B, 3]``."""
    seen = zip(*covered(features, logits), strict=True)
    return torch.stack([_most_alike(row, known) for row, known in zip(seen, marked, strict=True)])


def _most_alike(seen: Sequence[Tensor], marked: Sequence[Marks]) -> Tensor:
    """Likeness -1..1 at three strides ``[3]``, of what is seen to the marks that are most alike in all."""
    if not marked:
        return torch.ones(len(seen), device=seen[0].device)
    found = torch.stack([torch.stack([_alike(x, m) for x, m in zip(seen, marks, strict=True)]) for marks in marked])
    return found.index_select(0, found.sum(dim=1).argmax()[None])[0]  # an index would be waited for


def _alike(seen: Tensor, marked: Mark) -> Tensor:
    return F.cosine_similarity((seen - marked.middle) @ marked.whitener, marked.look, dim=0)


def judged(recognition: Sequence[float], found: Tensor) -> Tensor:
    """What the ``evidence [B, 4]`` comes to: ``[B, 1]``, below 0 where the object is gone."""
    bias, *weights = recognition
    parts = [weight * part for weight, part in zip(weights, found.unbind(dim=1), strict=True)]
    return torch.stack(parts, dim=1).sum(dim=1, keepdim=True).add(bias)


def recognised(
    config: ModelConfig,
    decoded: Decoded,
    best: Tensor | None,
    features: ImageFeatures,
    marked: Sequence[Sequence[Marks]],
) -> Decoded:
    """The offer with a negative score where ``evidence`` says that the object is gone.

    ``best`` are by default the masks of best predicted IoU. A network whose ``recognition`` is not set is believed.
    """
    if config.recognition is None:
        return decoded
    believed = decoded.iou.argmax(dim=1) if best is None else best
    verdict = judged(config.recognition, evidence(decoded, believed, features, marked)).to(decoded.score.dtype)
    return decoded._replace(score=torch.where(verdict < 0, torch.minimum(decoded.score, verdict), decoded.score))
