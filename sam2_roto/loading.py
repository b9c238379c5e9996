"""From a model's name to a network ready to run."""

from __future__ import annotations

from pathlib import Path

import torch

from compositing.device import usable
from compositing.errors import CompositingError
from compositing.heap import keep_freed_memory
from sam2_roto import model as network
from sam2_roto.checkpoints.load import default_model, load_weights, resolve
from sam2_roto.errors import ModelError
from sam2_roto.job import Progress, check_image_size
from sam2_roto.model import CONFIGS, SAM2
from sam2_roto.precision import choose_precision, set_precision


def build_model(name: str, image_size: int | None = None) -> SAM2:
    """A network of the named size with random weights; its state dict has the published names and shapes.

    ``image_size`` is the side of the square input in pixels, a multiple of 32 (``None``: the model's own). Raises
    ModelError for an unknown name or an impossible size.
    """
    if name not in CONFIGS:
        raise ModelError(f"no model is called '{name}'; the models are {', '.join(CONFIGS)}")
    if image_size is not None:
        check_image_size(image_size)
    return network.build_model(name, image_size)


def load_model(
    name_or_path: str | None = None,
    device: str = "auto",
    image_size: int | None = None,
    progress: Progress | None = None,
    precision: str = "auto",
) -> SAM2:
    """A network filled with weights, in evaluation mode, on ``device``.

    ``name_or_path`` is a model's name, or a ``.pt`` or ``.safetensors`` file; ``None`` takes the best that is on this
    machine. ``precision`` is float32, bfloat16, or auto: bfloat16 on CUDA, else float32. Raises ModelError or
    CheckpointError.
    """
    place = choose_device(device)
    dtype = choose_precision(precision, place)
    name, path = resolve(name_or_path or default_model(), progress)
    return load_file(name, path, image_size, place, dtype)


def load_file(name: str, path: Path, image_size: int | None, place: torch.device, dtype: torch.dtype) -> SAM2:
    """The model called ``name`` with weights from a file, ready to run at ``place``.

    Raises ModelError or CheckpointError.
    """
    if place.type == "cpu":
        keep_freed_memory()
    model = build_model(name, image_size)
    load_weights(model, path, name)
    return set_precision(model.eval().requires_grad_(False).to(place), dtype)


def choose_device(word: str = "auto") -> torch.device:
    """The device that ``word`` names; ``auto`` takes CUDA, then MPS, then the CPU. Raises ModelError."""
    if word == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return usable(word)
    except CompositingError as error:
        raise ModelError(f"the device '{word}' cannot be used here; give cpu, cuda, mps or auto") from error
