"""Mattes from stored logits: alpha, edges and the recipe that names the steps between them."""

from sam2_roto.mattes.alpha import alpha_from_logits, mask_from_logits
from sam2_roto.mattes.distance import signed_distance
from sam2_roto.mattes.edges import choke, feather
from sam2_roto.mattes.recipe import Choke, Feather, MatteRecipe, Step

__all__ = [
    "Choke",
    "Feather",
    "MatteRecipe",
    "Step",
    "alpha_from_logits",
    "choke",
    "feather",
    "mask_from_logits",
    "signed_distance",
]
