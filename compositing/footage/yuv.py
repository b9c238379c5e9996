"""Decoded video planes to R'G'B': ranges and matrices of ITU-T H.273, chroma interpolated where it is sited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from compositing.errors import FootageError

Plane = NDArray[np.float32]
Codes = NDArray[np.integer[Any] | np.floating[Any]]

# Weights of red and blue in luma, H.273 table 4; green has the rest.
LUMA_WEIGHTS: dict[str, tuple[float, float]] = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
    "bt2020": (0.2627, 0.0593),
}


@dataclass(frozen=True, slots=True)
class Coding:
    """How a movie codes colour: ``matrix`` is "rgb" or a key of LUMA_WEIGHTS; chroma is sited left or in the centre."""

    matrix: str
    full_range: bool
    centred_chroma: bool = False


def yuv_to_rgb_matrix(coding: Coding, bits: int) -> NDArray[np.float64]:
    """``[3, 4]``: code values Y, Cb, Cr, 1 to R'G'B' with black at 0 and white at 1 (H.273, equations 8.3)."""
    red, blue = LUMA_WEIGHTS[coding.matrix]
    green = 1.0 - red - blue
    to_rgb = np.array(
        [
            [1.0, 0.0, 2.0 * (1.0 - red)],
            [1.0, -2.0 * blue * (1.0 - blue) / green, -2.0 * red * (1.0 - red) / green],
            [1.0, 2.0 * (1.0 - blue), 0.0],
        ]
    )
    black, luma, chroma = levels(coding.full_range, bits)
    scale = to_rgb / np.array([luma, chroma, chroma])
    offset = scale @ np.array([black, 1 << (bits - 1), 1 << (bits - 1)])
    return np.column_stack([scale, -offset])


def levels(full_range: bool, bits: int) -> tuple[float, float, float]:
    """Code value of black, and the excursions of luma and chroma (H.273, equations 8.1 and 8.2)."""
    if full_range:
        top = float((1 << bits) - 1)
        return 0.0, top, top
    unit = float(1 << (bits - 8))
    return 16.0 * unit, 219.0 * unit, 224.0 * unit


def decode_planes(frame: VideoFrame, coding: Coding) -> tuple[Plane, tuple[str, ...]]:
    """R'G'B' (and alpha) as float32 ``[C, H, W]`` with the names of its channels; nothing is clipped."""
    frame = _planar(frame)
    components = frame.format.components
    bits = components[0].bits
    planes = [np.asarray(raw_plane(frame, index), dtype=np.float32) for index in range(len(components))]
    has_alpha = len(planes) in (2, 4)
    alpha = [_unit(planes.pop(), True, bits)] if has_alpha else []
    if len(planes) == 1:
        grey = _unit(planes[0], coding.full_range, bits)
        return np.stack([grey, *alpha]), ("Y", "A")[: 1 + len(alpha)]
    if frame.format.is_rgb:
        color = [_unit(plane, True, bits) for plane in planes]
    else:
        color = list(_mix(planes, yuv_to_rgb_matrix(coding, bits), coding.centred_chroma))
    return np.stack([*color, *alpha]), ("R", "G", "B", "A")[: 3 + len(alpha)]


def decode_view(frame: VideoFrame, coding: Coding) -> NDArray[np.uint8]:
    """R'G'B' in 8 bit ``[H, W, 3]``: within one code of the rounded float route."""
    if frame.format.name in ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"):
        luma, *chroma = (raw_plane(frame, index) for index in range(3))
        shape = (frame.width, frame.height)
        raised = [_upsample_8_bit(plane, shape, coding.centred_chroma) for plane in chroma]
        codes = cv2.transform(cv2.merge([luma, *raised]), 255.0 * yuv_to_rgb_matrix(coding, 8))
        return np.asarray(codes, dtype=np.uint8)
    pixels, names = decode_planes(frame, coding)
    color = pixels[:3] if "R" in names else np.repeat(pixels[:1], 3, axis=0)
    return np.ascontiguousarray(np.rint(np.clip(color, 0.0, 1.0) * 255.0).astype(np.uint8).transpose(1, 2, 0))


def raw_plane(frame: VideoFrame, component: int) -> Codes:
    """Code values ``[H, W]`` of one component of a planar frame; a view into the frame's own memory."""
    description = frame.format.components[component]
    kind = "f" if description.bits == 32 else "u"
    size = 1 if description.bits <= 8 else 4 if description.bits == 32 else 2
    order = ">" if frame.format.is_big_endian else "<"
    plane = frame.planes[description.plane]
    rows: Codes = np.frombuffer(memoryview(plane), dtype=f"{order}{kind}{size}")
    return rows.reshape(plane.height, plane.line_size // size)[: description.height, : description.width]


def upsample(plane: Codes, size: tuple[int, int], centred: bool) -> Codes:
    """Chroma interpolated to ``size`` (width, height): left-sited across unless ``centred``, centred down.

    H.273 figure 1: in 4:2:0 of type 0 a chroma sample stands beside the even column and between two rows.
    """
    width, height = size
    rows, columns = plane.shape
    across, down = _step(columns, width), _step(rows, height)
    if across == 2 and not centred:
        following = np.concatenate([plane[:, 1:], plane[:, -1:]], axis=1)
        between = cv2.addWeighted(plane, 0.5, following, 0.5, 0.0)
        plane = cv2.merge([plane, between]).reshape(rows, 2 * columns)
    elif across > 1:
        plane = cv2.resize(plane, (across * columns, rows))
    if down > 1:
        plane = cv2.resize(plane, (plane.shape[1], down * rows))
    return plane[:height, :width]


def _upsample_8_bit(plane: Codes, size: tuple[int, int], centred: bool) -> Codes:
    """Interpolated in 12 bit, so that two steps are rounded but once."""
    if (plane.shape[1], plane.shape[0]) == size:
        return plane
    return cv2.convertScaleAbs(upsample(plane.astype(np.uint16) << 4, size, centred), alpha=1 / 16)


def _step(samples: int, pixels: int) -> int:
    """1, 2 or 4: how many pixels share a sample; the last one may serve fewer."""
    return next(step for step in (1, 2, 4) if samples * step >= pixels)


def _mix(planes: list[Plane], matrix: NDArray[np.float64], centred: bool) -> Plane:
    luma, *chroma = planes
    height, width = luma.shape
    raised = [upsample(plane, (width, height), centred) for plane in chroma]
    mixed = cv2.transform(cv2.merge([luma, *raised]), matrix)
    return np.asarray(mixed, dtype=np.float32).transpose(2, 0, 1)


def _unit(plane: Plane, full_range: bool, bits: int) -> Plane:
    if bits == 32:
        return plane
    black, luma, _ = levels(full_range, bits)
    return (plane - np.float32(black)) / np.float32(luma)


def _planar(frame: VideoFrame) -> VideoFrame:
    """The frame with one component per plane; packed and interleaved layouts are taken apart without loss."""
    layout = frame.format
    parts = layout.components
    if layout.name.startswith("xyz"):
        raise FootageError(
            f"The pixel layout {layout.name} is not supported; convert the movie to RGB or Y'CbCr first."
        )
    if len({part.plane for part in parts}) == len(parts) and not layout.has_palette and parts[0].bits >= 8:
        return frame
    bits = max(part.bits for part in parts)
    depth = "" if bits <= 8 else f"{bits}le"
    if bits < 8 and len(parts) == 1:
        return frame.reformat(format="gray")
    alpha = "a" if len(parts) in (2, 4) or layout.has_palette else ""
    if layout.is_rgb or layout.has_palette or len(parts) == 2:
        return frame.reformat(format=f"gbr{alpha}p{depth}")
    across, down = _step(parts[1].width, parts[0].width), _step(parts[1].height, parts[0].height)
    sampling = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411"}[across, down]
    return frame.reformat(format=f"yuv{alpha}{sampling}p{depth}")
