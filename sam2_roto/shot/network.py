"""Which network a shot is tracked with; its weights are loaded when they are needed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch

from sam2_roto.checkpoints.load import default_model, resolve
from sam2_roto.errors import ModelError, PromptError
from sam2_roto.job import Crop, Progress, check_image_size
from sam2_roto.loading import choose_device, load_file
from sam2_roto.model import CONFIGS, SAM2, ModelConfig
from sam2_roto.precision import choose_precision
from sam2_roto.tracking.policies import find_policy

from .document import Document, TrackingSettings


@dataclass(frozen=True)
class Network:
    """A model as a shot's settings name it, and the key of all that it decides."""

    name: str
    path: Path
    config: ModelConfig
    settings: TrackingSettings
    key: str
    """Digest of weights, size, policy, precision, windows and footage: answers and masklets of equal keys can be mixed.
    """

    @classmethod
    def of(cls, document: Document, progress: Progress | None = None) -> Network:
        """The network of a shot, found but not loaded. Raises ModelError, CheckpointError, PromptError."""
        settings = document.settings
        check(settings)
        name, path = resolve(settings.model or default_model(), progress)
        config = CONFIGS[name].with_image_size(settings.image_size)
        with path.open("rb") as file:
            weights = hashlib.file_digest(file, "sha256").hexdigest()
        decides = [weights, config.image_size, settings.policy, settings.precision, document.footage.identity]
        if settings.crop != "none":
            decides.append(settings.crop)
        key = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]
        return cls(name, path, config, settings, key)

    def load(self, device: str = "auto") -> SAM2:
        """The model with its weights, ready to run."""
        place = choose_device(device)
        precision = choose_precision(self.settings.precision, place)
        return load_file(self.name, self.path, self.config.image_size, place, precision)


def check(settings: TrackingSettings) -> None:
    """Raise PromptError for an unknown policy or crop, ModelError for a size or a precision that cannot be."""
    if settings.image_size is not None:
        check_image_size(settings.image_size)
    find_policy(settings.policy)
    if settings.crop not in get_args(Crop):
        raise PromptError(f"the crop '{settings.crop}' is not one of {', '.join(get_args(Crop))}")
    if settings.precision == "auto":
        raise ModelError("a shot has one precision on every machine; choose float32 or bfloat16")
    choose_precision(settings.precision, torch.device("cpu"))


def check_model(model: str) -> None:
    """Raise ModelError or CheckpointError for a model that is not known; nothing is downloaded."""
    if model not in CONFIGS:
        resolve(model)
