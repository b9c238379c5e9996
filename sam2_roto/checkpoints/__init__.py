"""Weights files: which are published, where they lie on this machine, how they come here, and what is in them."""

from __future__ import annotations

from sam2_roto.checkpoints.cache import cache_folder, find, place
from sam2_roto.checkpoints.fetch import fetch
from sam2_roto.checkpoints.published import PUBLISHED, Published
from sam2_roto.checkpoints.verify import hash_file, verify

__all__ = ["PUBLISHED", "Published", "cache_folder", "fetch", "find", "hash_file", "place", "verify"]
