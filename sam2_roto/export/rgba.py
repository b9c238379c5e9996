"""The plate cut out by a matte: premultiplied RGBA in OpenEXR."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compositing.image import Image
from sam2_roto.deliverables import check_compression
from sam2_roto.export.exr import Matte, check_sizes, data_window, make_spec, write_pixels
from sam2_roto.export.files import replacing
from sam2_roto.export.metadata import PlateMetadata

_LARGEST = float(np.finfo(np.float16).max)


def premultiplied(plate: Image, matte: Matte) -> NDArray[np.float32]:
    """Colour times alpha, and alpha: float32 ``[H, W, 4]`` over the plate's display window.

    Args:
        plate: any image with colour; what lies outside its data window is black. An alpha of its own is multiplied in.
        matte: alpha ``[H, W]`` of the display window, 0 to 1.
    """
    framed = plate.on_display()
    alpha = np.clip(np.asarray(matte, np.float32), 0.0, 1.0)
    color = framed.rgb().numpy() * alpha
    if framed.alpha is not None:
        own = framed.alpha.numpy().clip(0.0, 1.0)
        color = color if framed.premultiplied else color * own
        alpha = alpha * own
    result = np.empty((*alpha.shape, 4), np.float32)
    result[..., :3], result[..., 3] = np.moveaxis(color, 0, -1), alpha
    return result


def write_rgba(
    path: Path,
    plate: Image,
    matte: Matte,
    *,
    metadata: PlateMetadata,
    crop: bool = True,
    compression: str = "zip:4",
) -> None:
    """Write the plate under one matte as half R, G, B, A, premultiplied, whole or not at all.

    Colour keeps the plate's own space, which is written as ``sam2_roto/color_space``; by the field's custom it is
    linear. Values beyond the range of half floats become its largest. ``crop`` and errors as of
    :func:`~sam2_roto.export.exr.write_matte`; ``compression_note`` tells which compressions change the colour.
    """
    check_compression(compression)
    check_sizes({path.name: matte}, metadata.display)
    box = data_window([matte], metadata.display) if crop else metadata.display
    pixels = premultiplied(plate, matte)[metadata.display.slices(box)]
    if not np.isfinite(pixels[..., 3]).all():
        raise ValueError("a matte holds numbers that are not finite")
    halves = np.clip(np.nan_to_num(pixels, posinf=_LARGEST, neginf=-_LARGEST), -_LARGEST, _LARGEST)
    spec = make_spec(("R", "G", "B", "A"), box, metadata, compression)
    spec.attribute("sam2_roto/color_space", plate.color_space)
    with replacing(Path(path)) as hidden:
        write_pixels(hidden, "exr", spec, np.ascontiguousarray(halves, np.float16))
