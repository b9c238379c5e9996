"""SAM 2 for rotoscoping: mattes of the objects that an artist marks in a clip.

Names are imported when they are first used, so that ``sam2-roto --help`` and a host's Python stay light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sam2_roto.image import ImagePredictor
    from sam2_roto.job import Box, Click, MaskFile, RotoscopeJob, RotoscopeResult
    from sam2_roto.loading import build_model, load_model
    from sam2_roto.masklets import MaskletStore
    from sam2_roto.mattes import MatteRecipe
    from sam2_roto.rotoscoping import rotoscope
    from sam2_roto.shot import Shot
    from sam2_roto.tracking import FramePrompt, Tracker

__version__ = "0.1.0"

_HOMES = {
    "Box": "sam2_roto.job",
    "Click": "sam2_roto.job",
    "FramePrompt": "sam2_roto.tracking",
    "ImagePredictor": "sam2_roto.image",
    "MaskFile": "sam2_roto.job",
    "MaskletStore": "sam2_roto.masklets",
    "MatteRecipe": "sam2_roto.mattes",
    "RotoscopeJob": "sam2_roto.job",
    "RotoscopeResult": "sam2_roto.job",
    "Shot": "sam2_roto.shot",
    "Tracker": "sam2_roto.tracking",
    "build_model": "sam2_roto.loading",
    "load_model": "sam2_roto.loading",
    "rotoscope": "sam2_roto.rotoscoping",
}

__all__ = [
    "Box",
    "Click",
    "FramePrompt",
    "ImagePredictor",
    "MaskFile",
    "MaskletStore",
    "MatteRecipe",
    "RotoscopeJob",
    "RotoscopeResult",
    "Shot",
    "Tracker",
    "__version__",
    "build_model",
    "load_model",
    "rotoscope",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'sam2_roto' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # a submodule of the same name must not hide it
    return value
