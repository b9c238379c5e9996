"""Validation on held-out generated clips: the network tracks from one prompt, and J is measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.model import SAM2
from sam2_roto.training.config import Recipe
from sam2_roto.training.data import Batch, ClipOrder, ClipSource, choose_objects, rows_of, tensors_of
from sam2_roto.training.losses import mask_iou
from sam2_roto.training.plan import KINDS, Plan
from sam2_roto.training.preview import strip
from sam2_roto.training.rollout import Rollout
from sam2_roto.training.step import precision

CLIPS_AT_ONCE = 4


@dataclass(frozen=True)
class Validation:
    """J by kind of prompt, and strips of pictures.

    Attributes:
        region: for mask, click and box the mean J over objects and the frames after the first; ``first_click`` and
            ``first_box`` are J of the prompted frame itself.
        strips: uint8 [3, H, W], one per clip, of its first object prompted by a click.
    """

    region: dict[str, float]
    strips: list[Tensor]


def held_out_batches(recipe: Recipe, source: ClipSource, size: int) -> list[Batch]:
    """The validation clips, seeds 0 and up, a few at a time, one object each, unchanged by augmentation."""
    watching = recipe.watching
    made: list[tuple[Tensor, Tensor, list[int]]] = []
    for seed in range(watching.validation_clips):
        frames, labels = tensors_of(source(ClipOrder(seed, size, watching.validation_frames)))
        chosen = choose_objects(labels, 1, torch.Generator().manual_seed(seed))
        if chosen:
            made.append((frames, labels, chosen))
    groups = [made[start : start + CLIPS_AT_ONCE] for start in range(0, len(made), CLIPS_AT_ONCE)]
    held = [rows_of(*(list(part) for part in zip(*group, strict=True))) for group in groups]
    return [batch.guided() for batch in held] if recipe.guided else held


def predict(model: SAM2, batch: Batch, kind: str) -> Tensor:
    """Masks bool [R, T, S, S] of a batch tracked from one prompt of a kind on the first frame."""
    rows = len(batch.clip)
    plan = Plan(torch.full((rows,), KINDS[kind]))
    generator = torch.Generator(batch.clip.device).manual_seed(0)
    logits = torch.cat([answer.logits for answer in Rollout(model, batch, plan, generator).run()], dim=1)
    return F.interpolate(logits, size=batch.truth.shape[-2:], mode="bilinear", align_corners=False) > 0


@torch.no_grad()
def validate(model: SAM2, batches: list[Batch], recipe: Recipe) -> Validation:
    """Measure a model on held-out batches, which may be on another device than it."""
    device = next(model.parameters()).device
    model.eval()
    scores: dict[str, list[Tensor]] = {}
    strips: list[Tensor] = []
    for batch in (held.to(device) for held in batches):
        for kind in KINDS:
            with precision(device, recipe):
                predicted = predict(model, batch, kind)
            found = mask_iou(predicted, batch.truth)
            scores.setdefault(kind, []).append(found[:, 1:].mean(dim=1))
            scores.setdefault(f"first_{kind}", []).append(found[:, 0])
            if kind == "click":
                strips += [
                    strip(batch.frames[clip].cpu(), predicted[row].cpu(), batch.truth[row].cpu())
                    for row, clip in enumerate(batch.clip.tolist())
                ]
    model.train()
    means = {name: float(torch.cat(values).mean()) for name, values in scores.items() if name != "first_mask"}
    return Validation(means, strips)
