"""What passes over one clip have in common, computed once: for benchmarks that track the same pictures many times."""

from __future__ import annotations

from torch import Tensor

from sam2_roto.model import SAM2, ImageFeatures


def remember_encodings(model: SAM2) -> dict[int, ImageFeatures]:
    """Have ``model`` encode every picture once; clear what is returned between clips."""
    known: dict[int, ImageFeatures] = {}
    encode = model.encode_image

    def remembered(images: Tensor) -> ImageFeatures:
        key = hash(images.cpu().numpy().tobytes())
        if key not in known:
            known[key] = encode(images)
        return known[key]

    model.encode_image = remembered  # type: ignore[method-assign]
    return known
