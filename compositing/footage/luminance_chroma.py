"""Luminance/chroma EXR: Y at full size, RY and BY at half size, as OpenEXR's ``ImfRgbaYca.h`` describes them.

OpenImageIO does not read subsampled channels; the OpenEXR package does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from compositing.errors import FootageError
from compositing.image import Window
from compositing.primaries import Chromaticities, luminance_weights

MARK = "compositing:luminance_chroma"


@dataclass(frozen=True, slots=True)
class Header:
    """Windows, attributes and the channels that the picture has once decoded."""

    data: Window
    display: Window
    channels: tuple[str, ...]
    attributes: dict[str, object]


def read_header(path: Path) -> Header:
    """The header of a file with subsampled channels. Raises FootageError where they are not Y, RY, BY."""
    file = _open(path, header_only=True)
    header = file.header()
    names = {channel.name for channel in header["channels"]}
    if not {"Y", "RY", "BY"} <= names:
        raise FootageError(f"{path.name} has subsampled channels that are not Y, RY, BY; write it with full channels.")
    attributes: dict[str, object] = {MARK: True, "PixelAspectRatio": float(header.get("pixelAspectRatio", 1.0))}
    if "chromaticities" in header:
        attributes["chromaticities"] = tuple(float(value) for value in header["chromaticities"])
    channels = ("R", "G", "B", "A") if "A" in names else ("R", "G", "B")
    return Header(_window(header["dataWindow"]), _window(header["displayWindow"]), channels, attributes)


def read(path: Path) -> NDArray[np.float32]:
    """R, G, B (and A) as float32 ``[C, H, W]``: R = (RY + 1) Y, B = (BY + 1) Y, and G from what is left of Y."""
    file = _open(path, header_only=False)
    channels = {name: np.asarray(channel.pixels, dtype=np.float32) for name, channel in file.channels().items()}
    luma = channels["Y"]
    size = (luma.shape[1], luma.shape[0])
    red, blue = ((_raise(channels[name], size) + 1.0) * luma for name in ("RY", "BY"))
    chromaticities: Chromaticities | None = file.header().get("chromaticities")
    of_red, of_green, of_blue = luminance_weights(chromaticities)
    green = (luma - of_red * red - of_blue * blue) / of_green
    return np.stack([red, green, blue, *([channels["A"]] if "A" in channels else [])]).astype(np.float32)


def _raise(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Samples sit on even rows and columns; between them they are interpolated."""
    sites = np.array([[0.5, 0, 0], [0, 0.5, 0]], dtype=np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    raised = cv2.warpAffine(plane, sites, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(raised, dtype=np.float32)


def _window(corners: Any) -> Window:
    (x0, y0), (x1, y1) = corners
    return Window(int(x0), int(y0), int(x1) + 1, int(y1) + 1)


def _open(path: Path, header_only: bool) -> Any:
    try:
        import OpenEXR
    except ImportError as error:
        raise FootageError(
            f"{path.name} is a luminance/chroma EXR, which needs the OpenEXR package; pip install OpenEXR."
        ) from error
    try:
        return OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
    except (RuntimeError, ValueError) as error:
        raise FootageError(f"{path} cannot be read as an EXR ({error}); check or replace it.") from error
