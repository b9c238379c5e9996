"""AdamW with layer decay on the trunk, the learning-rate schedule, and the moving average of the weights."""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor, nn

from sam2_roto.training.config import Optimisation

TRUNK = "image_encoder.trunk."


def trunk_depth(name: str, blocks: int) -> int:
    """Layers from a parameter to the trunk's end: 0 outside of it, ``blocks`` + 1 for the patch embedding."""
    if not name.startswith(TRUNK):
        return 0
    block = re.match(r"blocks\.(\d+)\.", name.removeprefix(TRUNK))
    return blocks - int(block.group(1)) if block else blocks + 1


def parameter_groups(model: nn.Module, settings: Optimisation) -> list[dict[str, object]]:
    """Parameters that need gradients, grouped by trunk depth and by whether weight decay applies to them.

    Each group carries ``factor``, its share of the learning rate. Vectors (biases, norms, embeddings of one token) are
    not decayed.
    """
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    found = [re.match(rf"{re.escape(TRUNK)}blocks\.(\d+)\.", name) for name in names]
    blocks = max((int(match.group(1)) + 1 for match in found if match), default=0)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decayed = parameter.squeeze().ndim > 1
            groups.setdefault((trunk_depth(name, blocks), decayed), []).append(parameter)
    return [
        {
            "params": parameters,
            "factor": settings.layer_decay**layers,
            "weight_decay": settings.weight_decay if decayed else 0.0,
        }
        for (layers, decayed), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]


def make_optimiser(model: nn.Module, settings: Optimisation) -> torch.optim.AdamW:
    """AdamW over the model's trainable parameters."""
    groups = parameter_groups(model, settings)
    return torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, settings.beta2), fused=True)


def rate_at(step: int, steps: int, settings: Optimisation) -> float:
    """Learning rate of a step: linear rise, plateau, half cosine down to zero at ``steps``."""
    rise = min(1.0, (step + 1) / max(settings.warmup, 1))
    left = (steps - step) / max(settings.decay, 1)
    fall = 1.0 if left >= 1.0 else 0.5 - 0.5 * math.cos(math.pi * max(left, 0.0))
    return settings.rate * rise * fall


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's learning rate to ``rate`` times its factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]


class MovingAverage:
    """Exponential moving average of a model's weights; it starts as a plain mean so that early values do not linger."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the model's weights after ``step``."""
        decay = min(self.decay, (step + 1) / (step + 10))
        for name, value in model.state_dict().items():
            average = self.weights[name]
            if average.is_floating_point():
                average.lerp_(value, 1.0 - decay)
            else:
                average.copy_(value)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Continue from stored weights."""
        for name, value in weights.items():
            self.weights[name].copy_(value)
