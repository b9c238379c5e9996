"""Training and fine-tuning of SAM 2 models on generated clips or on a user's own masks."""

from __future__ import annotations
