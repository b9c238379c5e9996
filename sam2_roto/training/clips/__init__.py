"""Training clips: short synthetic videos with the mask of every object, of great variety, made from a seed."""

from __future__ import annotations

from sam2_roto.training.clips.clip import HELD_OUT_SEEDS, Clip, generate_clip, held_out_set
from sam2_roto.training.clips.library import TextureLibrary
from sam2_roto.training.clips.scene import DIFFICULTIES

__all__ = ["DIFFICULTIES", "HELD_OUT_SEEDS", "Clip", "TextureLibrary", "generate_clip", "held_out_set"]
