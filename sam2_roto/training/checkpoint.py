"""Checkpoints of a training run, and the export of its averaged weights."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from sam2_roto.errors import CheckpointError


@dataclass(frozen=True)
class State:
    """What a run needs to go on exactly: all of its randomness follows from the recipe's seed and ``step``.

    Attributes:
        step: optimiser steps done.
        digest: of the recipe that the run follows.
        model: state dict of the weights.
        average: state dict of their moving average.
        optimiser: state dict of the optimiser; empty where it starts afresh.
        moments: of the features that a teacher taught, if one did.
    """

    step: int
    digest: str
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    moments: Tensor | None = None


def save_state(state: State, path: Path) -> None:
    """Write a checkpoint; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    torch.save(vars(state), draft)
    os.replace(draft, path)


def load_state(path: Path) -> State:
    """Read a checkpoint. Raises CheckpointError where it is absent or damaged."""
    try:
        return State(**torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is not there; give the folder of a run that has been started.") from error
    except (RuntimeError, EOFError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} is no checkpoint of a training run; remove it or name another run.") from error


def restore(state: State, model: nn.Module, optimiser: Optimizer, path: Path) -> None:
    """Put a state's weights and optimiser into place. Raises CheckpointError where they are another run's."""
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    wrong = [name for name in {**shapes, **state.model} if name not in state.model or name not in shapes]
    wrong += [name for name, value in state.model.items() if name in shapes and value.shape != shapes[name]]
    if wrong:
        raise CheckpointError(
            f"{path} holds the run of another model ({wrong[0]} differs); resume with the recipe that it was started "
            "with, or name another --out."
        )
    model.load_state_dict(state.model)
    if not state.optimiser:
        return
    try:
        optimiser.load_state_dict(state.optimiser)
    except ValueError as error:
        raise CheckpointError(
            f"{path} is of a run that froze other parts or decayed otherwise; resume with that run's recipe."
        ) from error


def export_weights(
    weights: dict[str, Tensor], path: Path, metadata: dict[str, str], types: Mapping[str, torch.dtype] | None = None
) -> None:
    """Write weights as safetensors with metadata (all strings); the file appears whole or not at all.

    Floating-point tensors are stored as float16, or as ``types`` has it by name.
    """
    types = types or {}
    stored = {
        name: value.to(types.get(name, torch.float16)) if value.is_floating_point() else value
        for name, value in weights.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(save({name: value.cpu().contiguous() for name, value in stored.items()}, metadata))
    os.replace(draft, path)
