"""Mattes from stored logits: alpha, edges and the recipe that names the steps between them."""

from sam2_roto.mattes.alpha import alpha_from_logits, mask_from_logits
from sam2_roto.mattes.coverage import fractional_alpha
from sam2_roto.mattes.distance import signed_distance
from sam2_roto.mattes.edges import choke, feather, soften
from sam2_roto.mattes.guided import guided_filter
from sam2_roto.mattes.overlap import without_overlap
from sam2_roto.mattes.recipe import PRESETS, MatteRecipe
from sam2_roto.mattes.scene import Picture
from sam2_roto.mattes.steps import (
    Choke,
    Clean,
    Feather,
    Hair,
    MotionBlur,
    Refine,
    SeeThrough,
    Shape,
    Soften,
    Stabilise,
    Step,
    Strands,
)

__all__ = [
    "PRESETS",
    "Choke",
    "Clean",
    "Feather",
    "Hair",
    "MatteRecipe",
    "MotionBlur",
    "Picture",
    "Refine",
    "SeeThrough",
    "Shape",
    "Soften",
    "Stabilise",
    "Step",
    "Strands",
    "alpha_from_logits",
    "choke",
    "feather",
    "fractional_alpha",
    "guided_filter",
    "mask_from_logits",
    "signed_distance",
    "soften",
    "without_overlap",
]
