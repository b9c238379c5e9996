"""One optimiser step, and the randomness that belongs to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sam2_roto.model import SAM2
from sam2_roto.precision import multiplies_bfloat16
from sam2_roto.training.attention import PlainAttention
from sam2_roto.training.config import Recipe
from sam2_roto.training.data import Batch
from sam2_roto.training.distil import Distillation
from sam2_roto.training.optimiser import rate_at, set_rate
from sam2_roto.training.plan import draw_plan
from sam2_roto.training.rollout import Rollout


@dataclass(frozen=True)
class StepReport:
    """What one step showed: loss terms summed over its decodes, gradient norm, and seconds spent.

    On CUDA ``forward_s`` and ``backward_s`` are the time that it took to launch the work, not to do it. ``untold`` is
    the part of a teacher's features that ours do not tell, 0..1; 0 without a teacher.
    """

    loss: float
    focal: float
    dice: float
    iou: float
    presence: float
    untold: float
    decodes: int
    gradient: float
    forward_s: float
    backward_s: float
    update_s: float


def step_generator(seed: int, step: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator whose draws follow from the run's seed and the step alone."""
    state = np.random.SeedSequence([seed, step]).generate_state(2, np.uint32)
    return torch.Generator(device).manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


@contextmanager
def precision(device: torch.device, recipe: Recipe) -> Iterator[None]:
    """Mixed precision as the recipe asks and the device can, and on a CPU the attention that is fast there."""
    mixed = recipe.optimisation.bfloat16 and multiplies_bfloat16(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=mixed), ExitStack() as stack:
        if device.type == "cpu":
            stack.enter_context(PlainAttention())
        yield


def clip_gradients(model: SAM2, most: float) -> Tensor:
    """Limit the gradient's norm, that of the image encoder apart from the rest; gives the norm of all."""
    encoder: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (encoder if name.startswith("image_encoder.") else others).append(parameter)
    # Where all of a group is frozen, its norm is a zero on the CPU.
    norms = [nn.utils.clip_grad_norm_(group, most).to(others[0].device) for group in (encoder, others)]
    return torch.stack(norms).square().sum().sqrt()


def train_step(
    model: SAM2,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    recipe: Recipe,
    step: int,
    distillation: Distillation,
) -> StepReport:
    """Roll out one batch, go back through time, and update the weights."""
    device, settings = batch.clip.device, recipe.optimisation
    stage = recipe.stage_at(step)
    generator = step_generator(recipe.seed, step)
    plan = draw_plan(len(batch.clip), batch.frames.shape[1], recipe.prompting_of(stage), generator)
    plan = plan.without_clicks(batch.unclicked)
    began = time.perf_counter()
    with precision(device, recipe):
        rollout = Rollout(
            model, batch, plan, step_generator(recipe.seed, step, device), recipe.loss, settings.loss_scale
        )
        rollout.run()
        loss = rollout.loss()
        top, taught = rollout.features[0].top, batch.taught if recipe.lessons.weight > 0 else None
        untold = top.new_zeros(()) if taught is None else distillation.loss(top, taught)
    forwarded = time.perf_counter()
    optimiser.zero_grad(set_to_none=True)
    (loss.total + recipe.lessons.weight * untold).backward()  # type: ignore[no-untyped-call]
    returned = time.perf_counter()
    norm = clip_gradients(model, settings.clip)
    if torch.isfinite(norm):
        set_rate(optimiser, rate_at(step, recipe.steps, settings) * stage.rate)
        optimiser.step()
    terms = [term.float() for term in (*vars(loss).values(), untold)]
    total, focal, dice, iou, presence, missed = torch.stack(terms).tolist()
    return StepReport(
        loss=total,
        focal=focal,
        dice=dice,
        iou=iou,
        presence=presence,
        untold=missed,
        decodes=len(rollout.losses),
        gradient=float(norm),
        forward_s=forwarded - began,
        backward_s=returned - forwarded,
        update_s=time.perf_counter() - returned,
    )
