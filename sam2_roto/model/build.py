"""Building a network by name."""

from __future__ import annotations

from .config import CONFIGS
from .sam2 import SAM2


def build_model(name: str, image_size: int | None = None) -> SAM2:
    """Build the model called ``name`` for a square input of ``image_size`` pixels (native where ``None``).

    The weights are random. Raises ``KeyError`` for an unknown name and ``ValueError`` for a size that the network
    cannot take; ``sam2_roto.build_model`` turns both into a ``ModelError`` for the user.
    """
    config = CONFIGS[name].with_image_size(image_size)
    if config.image_size < 64 or config.image_size % 32:
        raise ValueError(f"image size {config.image_size} of model {name} is not a multiple of 32, 64 or more")
    return SAM2(config)
