"""Checkpoints of a training run, and the export of its averaged weights."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from sam2_roto.errors import CheckpointError


@dataclass(frozen=True)
class State:
    """What a run needs to go on exactly: all of its randomness follows from the recipe's seed and ``step``.

    Attributes:
        step: optimiser steps done.
        digest: of the recipe that the run follows.
        model: state dict of the weights.
        average: state dict of their moving average.
        optimiser: state dict of the optimiser.
    """

    step: int
    digest: str
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]


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


def export_weights(weights: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write weights as float16 safetensors with metadata (all strings); the file appears whole or not at all."""
    half = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(save({name: value.cpu().contiguous() for name, value in half.items()}, metadata))
    os.replace(draft, path)
