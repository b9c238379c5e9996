"""Mattes as OpenEXR: half, ``A`` or ``<object>.A``, with the identity of the plate in the header."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from compositing.footage import timecode
from compositing.image import Window
from sam2_roto.boxes import box_of_all
from sam2_roto.deliverables import check_compression
from sam2_roto.errors import ExportError
from sam2_roto.export.files import replacing
from sam2_roto.export.metadata import PlateMetadata
from sam2_roto.export.names import layer_names

Matte = NDArray[np.floating[Any]]

_QUANTISING = ("dwaa", "dwab")
_COLOR = ("R", "G", "B", "Y")  # by these last names the DWA coder knows what it may damage

_MARGIN = 2  # pixels of zero kept round a cropped matte, so that filters downstream see its edge end


def write_matte(
    path: Path,
    mattes: Mapping[str, Matte],
    *,
    metadata: PlateMetadata,
    crop: bool = True,
    compression: str = "zip:4",
) -> None:
    """Write one frame's mattes into one file, whole or not at all.

    Args:
        path: the file; its folder exists.
        mattes: object name to alpha ``[H, W]``, 0 to 1, of the size of ``metadata.display``. One object is written as
            channel ``A``, several as ``<object>.A``; an absent object is all zeros and keeps its channel.
        metadata: the identity of the plate's frame.
        crop: crop the data window to the mattes and two pixels round them; a frame without any has a window of 1×1.
        compression: one that ``Deliverables`` takes; each keeps a channel named ``A`` as it is.

    Raises:
        ExportError: names that clash, a matte of another size, or an unknown compression.
        OutputError: the file cannot be written.
    """
    channels = channel_names(tuple(mattes))
    check_compression(compression)
    check_sizes(mattes, metadata.display)
    box = data_window(list(mattes.values()), metadata.display) if crop else metadata.display
    pixels = matte_pixels(list(mattes.values()), metadata.display, box)
    spec = make_spec(channels, box, metadata, compression)
    with replacing(Path(path)) as hidden:
        write_pixels(hidden, "exr", spec, pixels)


def channel_names(objects: Sequence[str]) -> tuple[str, ...]:
    """``("A",)`` for a single object, else ``<object>.A`` for each."""
    layers = layer_names(objects)
    return ("A",) if len(layers) == 1 else tuple(f"{layer}.A" for layer in layers.values())


def write_pixels(path: Path, kind: str, spec: oiio.ImageSpec, pixels: NDArray[Any]) -> None:
    """Write ``[H, W, C]`` to ``path`` as the file type ``kind``, whatever the path ends in. Raises OSError."""
    output = oiio.ImageOutput.create(kind)
    if output is None:
        raise OSError(oiio.geterror())
    done = output.open(os.fspath(path), spec) and output.write_image(pixels)
    reason = output.geterror()
    closed = output.close()
    if not (done and closed):
        raise OSError(reason or output.geterror() or "the picture library gave no reason")


def compression_note(compression: str, channels: Sequence[str]) -> str | None:
    """One sentence for the user where the compression changes values of these half channels; None where it does not."""
    hurt = [name for name in channels if name.rsplit(".", 1)[-1] in _COLOR]
    if compression.split(":")[0] not in _QUANTISING or not hurt:
        return None
    return f"The compression '{compression}' is lossy on {', '.join(hurt)}; use zip where the values must stay."


def check_sizes(mattes: Mapping[str, Matte], display: Window) -> None:
    """Raises ExportError for a matte that does not cover the display window, pixel for pixel."""
    for name, matte in mattes.items():
        if matte.shape != (display.height, display.width):
            size = "×".join(str(length) for length in matte.shape[::-1])
            raise ExportError(
                f"The matte of '{name}' is {size} and the plate {display.width}×{display.height}; make them equal."
            )


def data_window(mattes: Sequence[Matte], display: Window) -> Window:
    """The box of all that is not zero, with a margin, within the display window."""
    box = box_of_all(mattes)
    if box is None:
        return Window.sized(1, 1, display.x0, display.y0)
    left, top, right, bottom = box
    return Window(
        display.x0 + max(0, left - _MARGIN),
        display.y0 + max(0, top - _MARGIN),
        display.x0 + min(display.width, right + _MARGIN),
        display.y0 + min(display.height, bottom + _MARGIN),
    )


def matte_pixels(mattes: Sequence[Matte], display: Window, box: Window) -> NDArray[np.float16]:
    """The mattes within ``box``, clipped to 0 to 1: ``[H, W, C]``. Raises ValueError where they are not finite."""
    part = display.slices(box)
    pixels = np.empty((box.height, box.width, len(mattes)), np.float16)
    for index, matte in enumerate(mattes):
        pixels[..., index] = np.clip(matte[part], 0.0, 1.0)
    if not np.isfinite(pixels).all():
        raise ValueError("a matte holds numbers that are not finite")
    return pixels


def make_spec(
    channels: Sequence[str], box: Window, metadata: PlateMetadata, compression: str, kind: str = "half"
) -> oiio.ImageSpec:
    """The header of a file or part whose data window is ``box``; ``kind`` is the channels' type."""
    spec = oiio.ImageSpec(box.width, box.height, len(channels), kind)
    spec.attribute("compression", compression)
    spec.channelnames = tuple(channels)
    spec.x, spec.y = box.x0, box.y0
    display = metadata.display
    spec.full_x, spec.full_y = display.x0, display.y0
    spec.full_width, spec.full_height = display.width, display.height
    spec.attribute("DateTime", "")  # else the moment of writing would be called that of capture, and no two files equal
    add_plate_attributes(spec, metadata)
    return spec


def add_plate_attributes(spec: oiio.ImageSpec, metadata: PlateMetadata) -> None:
    """Rate, timecode, pixel aspect, primaries and notes, as OpenEXR's standard attributes name them."""
    spec.attribute("PixelAspectRatio", float(metadata.pixel_aspect))
    if metadata.rate is not None:
        rate = Fraction(metadata.rate)
        spec.attribute("framesPerSecond", oiio.TypeDesc("rational"), [rate.numerator, rate.denominator])
    if metadata.timecode is not None and (word := _word(metadata)) is not None:
        spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), [word, 0])
    if metadata.chromaticities is not None and all(math.isfinite(value) for value in metadata.chromaticities):
        spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), list(metadata.chromaticities))
    for name, text in metadata.notes.items():
        spec.attribute(name, text)


def _word(metadata: PlateMetadata) -> int | None:
    """The timecode as a header holds it; None where it cannot, as at 120 frames per second."""
    try:
        return timecode.pack(metadata.timecode or "", metadata.rate)
    except ValueError:
        return None
