"""The network as published: SAM 2 in torch, all sizes, without state between calls.

``build_model(name, image_size)`` gives a network with random weights whose state dict has the published names and
shapes; ``sam2_roto.load_model`` fills it.
"""

from __future__ import annotations

from .build import build_model
from .config import CONFIGS, DEFAULT_MODEL, NANO, PUBLISHED, ModelConfig
from .mask_decoder import Decoded
from .memory import Memory
from .prompt_encoder import PointLabel
from .sam2 import ABSENT_LOGIT, REFINE_CLAMP, SAM2, ImageFeatures, Prediction

__all__ = [
    "ABSENT_LOGIT",
    "CONFIGS",
    "DEFAULT_MODEL",
    "NANO",
    "PUBLISHED",
    "REFINE_CLAMP",
    "SAM2",
    "Decoded",
    "ImageFeatures",
    "Memory",
    "ModelConfig",
    "PointLabel",
    "Prediction",
    "build_model",
]
