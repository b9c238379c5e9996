"""Mattes as grey pictures, PNG or TIFF, one object per file, 8 or 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from sam2_roto.errors import ExportError
from sam2_roto.export.exr import Matte, add_plate_attributes, write_pixels
from sam2_roto.export.files import replacing
from sam2_roto.export.metadata import PlateMetadata

_KINDS = {".png": "png", ".tif": "tiff", ".tiff": "tiff"}


def write_gray(path: Path, matte: Matte, *, metadata: PlateMetadata, bits: int = 16) -> None:
    """Write alpha ``[H, W]``, 0 to 1, as a grey picture of the plate's size, whole or not at all.

    Raises:
        ExportError: a name that ends in none of .png, .tif, .tiff, a depth other than 8 or 16, or not the plate's size.
        OutputError: the file cannot be written.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None or bits not in (8, 16):
        raise ExportError(f"{path.name} cannot hold a grey matte of {bits} bits; use .png or .tiff with 8 or 16.")
    display = metadata.display
    if matte.shape != (display.height, display.width):
        raise ExportError(f"The matte for {path.name} has not the plate's size, {display.width}×{display.height}.")
    spec = oiio.ImageSpec(display.width, display.height, 1, f"uint{bits}")
    spec.attribute("compression", "zip")
    add_plate_attributes(spec, metadata)
    with replacing(path) as hidden:
        write_pixels(hidden, kind, spec, quantise(matte, bits)[..., None])


def quantise(matte: Matte, bits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]]:
    """Alpha 0 to 1 as whole numbers of ``bits`` bits, rounded to the nearest."""
    top = (1 << bits) - 1
    whole = np.clip(matte, 0.0, 1.0).astype(np.float32) * top + 0.5
    return whole.astype(np.uint8 if bits == 8 else np.uint16)
