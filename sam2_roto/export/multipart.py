"""Mattes as a multi-part OpenEXR: one part per object, each with a data window of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import OpenImageIO as oiio
from numpy.typing import NDArray

from sam2_roto.deliverables import check_compression
from sam2_roto.export.exr import Matte, check_sizes, data_window, make_spec, matte_pixels
from sam2_roto.export.files import replacing
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.names import layer_names


def write_parts(
    path: Path, mattes: Mapping[str, Matte], *, metadata: PlateMetadata, crop: bool = True, compression: str = "zip:4"
) -> None:
    """Write one frame's mattes into one file of several parts, whole or not at all.

    A part is named after its object and holds the channel ``<object>.A``, so that names stay apart in readers that
    throw all parts together. Arguments and errors as of :func:`~sam2_roto.export.exr.write_matte`.
    """
    layers = layer_names(mattes)
    check_compression(compression)
    check_sizes(mattes, metadata.display)
    specs, pictures = [], []
    for name, layer in layers.items():
        box = data_window([mattes[name]], metadata.display) if crop else metadata.display
        spec = make_spec([f"{layer}.A"], box, metadata, compression)
        spec.attribute("oiio:subimagename", layer)
        specs.append(spec)
        pictures.append(matte_pixels([mattes[name]], metadata.display, box))
    with replacing(Path(path)) as hidden:
        _write(hidden, specs, pictures)


def _write(path: Path, specs: Sequence[oiio.ImageSpec], pictures: Sequence[NDArray[Any]]) -> None:
    output = oiio.ImageOutput.create("exr")
    if output is None:
        raise OSError(oiio.geterror())
    done = output.open(os.fspath(path), tuple(specs))
    for index, (spec, pixels) in enumerate(zip(specs, pictures, strict=True)):
        done = done and (index == 0 or output.open(os.fspath(path), spec, "AppendSubimage"))
        done = done and output.write_image(pixels)
    reason = output.geterror()
    closed = output.close()
    if not (done and closed):
        raise OSError(reason or output.geterror() or "the picture library gave no reason")
