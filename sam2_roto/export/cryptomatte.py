"""Cryptomatte 1.2: all objects of a frame in one picture of ids and coverages, named by a manifest in the header.

After the specification "Cryptomatte" 1.2.0 (Friedman and Jones, Psyop 2015, 2018). The hash is MurmurHash3 for x86 in
32 bits (Austin Appleby, public domain), with seed 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compositing.image import Window
from sam2_roto.boxes import box_of_all
from sam2_roto.errors import ExportError
from sam2_roto.export.exr import Matte, check_sizes, make_spec, write_pixels
from sam2_roto.export.files import replacing
from sam2_roto.export.metadata import PlateMetadata

Float = NDArray[np.float32]

LAYER = "crypto_object"
"""The name of the layer, as the field calls mattes by object."""

LEVELS = 6
"""Objects that one pixel can name."""

_WORD = 0xFFFFFFFF
_LOSSLESS = ("none", "rle", "zips", "zip", "piz")


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """MurmurHash3_x86_32 of ``data``: 0 to 2³² - 1."""
    whole = len(data) & ~3
    state = seed
    for start in range(0, whole, 4):
        state ^= _scramble(int.from_bytes(data[start : start + 4], "little"))
        state = (_rotate(state, 13) * 5 + 0xE6546B64) & _WORD
    if len(data) > whole:
        state ^= _scramble(int.from_bytes(data[whole:], "little"))
    return _avalanche(state ^ len(data))


def name_id(name: str) -> int:
    """The id of a name: its hash, kept off the numbers whose bits are no ordinary float (zero, infinite, NaN)."""
    value = murmur3_32(name.encode("utf-8"))
    return value ^ 1 << 23 if value >> 23 & 255 in (0, 255) else value


def id_float(value: int) -> float:
    """The float whose bits are the id's."""
    return float(np.array(value, np.uint32).view(np.float32))


def layer_key(layer: str) -> str:
    """Seven hexadecimal digits under which the header holds what belongs to the layer."""
    return f"{name_id(layer):08x}"[:7]


def manifest(names: Sequence[str]) -> str:
    """Names and their ids as JSON. Raises ExportError where two names share an id."""
    ids: dict[str, str] = {}
    for name in names:
        digits = f"{name_id(name):08x}"
        clash = next((other for other, taken in ids.items() if taken == digits and other != name), None)
        if clash is not None:
            raise ExportError(f"The names '{clash}' and '{name}' have the same Cryptomatte id; rename one.")
        ids[name] = digits
    return json.dumps(ids, ensure_ascii=False, separators=(",", ":"))


def resolve_overlaps(mattes: Sequence[Matte]) -> Float:
    """Coverages ``[N, H, W]`` that sum to 1 or less: where objects overlap, all are scaled by the same factor."""
    stacked: Float = np.stack(mattes).astype(np.float32).clip(0.0, 1.0)
    stacked /= np.maximum(stacked.sum(axis=0), 1.0)
    return stacked


def ranks(coverage: Float, ids: Sequence[float], levels: int = LEVELS) -> Float:
    """Pairs of id and coverage by rank, the largest coverage first: ``[H, W, 2 * levels]``.

    Args:
        coverage: ``[N, H, W]``, summing to 1 or less. Of more than ``levels`` objects in a pixel the smallest go.
        ids: the float of each object's id. A rank without coverage has the id 0.
    """
    order = np.argsort(-coverage, axis=0, kind="stable")[:levels]
    sorted_coverage = np.take_along_axis(coverage, order, axis=0)
    sorted_ids = np.where(sorted_coverage > 0, np.array(ids, np.float32)[order], np.float32(0))
    result = np.zeros((*coverage.shape[1:], 2 * levels), np.float32)
    result[..., 0 : 2 * len(order) : 2] = np.moveaxis(sorted_ids, 0, -1)
    result[..., 1 : 2 * len(order) : 2] = np.moveaxis(sorted_coverage, 0, -1)
    return result


def write_cryptomatte(
    path: Path,
    mattes: Mapping[str, Matte],
    *,
    metadata: PlateMetadata,
    layer: str = LAYER,
    compression: str = "zip:4",
) -> None:
    """Write one frame's objects as a Cryptomatte, whole or not at all.

    Args:
        path: an EXR; its folder exists.
        mattes: object name, in any script, to alpha ``[H, W]``, 0 to 1; the manifest names absent objects too.
        metadata: the identity of the plate's frame. The data window is the display window, as decoders expect.
        compression: one that keeps floats as they are: none, rle, zips, zip, piz.

    Raises ExportError for a matte of another size, no object, or a lossy compression; OutputError where the file
    cannot be written.
    """
    if not mattes:
        raise ExportError("There is no object to export; mark at least one.")
    if compression.split(":")[0] not in _LOSSLESS:
        raise ExportError(f"The compression '{compression}' would spoil the ids; use one of {', '.join(_LOSSLESS)}.")
    check_sizes(mattes, metadata.display)
    channels = [f"{layer}{index:02}.{channel}" for index in range(LEVELS // 2) for channel in "RGBA"]
    spec = make_spec(channels, metadata.display, metadata, compression, "float")
    head = f"cryptomatte/{layer_key(layer)}"
    spec.attribute(f"{head}/name", layer)
    spec.attribute(f"{head}/hash", "MurmurHash3_32")
    spec.attribute(f"{head}/conversion", "uint32_to_float32")
    spec.attribute(f"{head}/manifest", manifest(list(mattes)))
    pixels = _pixels(mattes, metadata.display)
    with replacing(Path(path)) as hidden:
        write_pixels(hidden, "exr", spec, pixels)


def _pixels(mattes: Mapping[str, Matte], display: Window) -> Float:
    """Ranks over the frame; only the rows and columns that some matte covers are sorted."""
    pixels = np.zeros((display.height, display.width, 2 * LEVELS), np.float32)
    arrays = list(mattes.values())
    if not all(np.isfinite(matte).all() for matte in arrays):
        raise ValueError("a matte holds numbers that are not finite")
    covered = box_of_all(arrays)
    if covered is not None:
        left, top, right, bottom = covered
        box = slice(top, bottom), slice(left, right)
        coverage = resolve_overlaps([matte[box] for matte in arrays])
        pixels[box] = ranks(coverage, [id_float(name_id(name)) for name in mattes])
    return pixels


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> 32 - bits) & _WORD


def _scramble(block: int) -> int:
    return _rotate(block * 0xCC9E2D51 & _WORD, 15) * 0x1B873593 & _WORD


def _avalanche(value: int) -> int:
    value = (value ^ value >> 16) * 0x85EBCA6B & _WORD
    value = (value ^ value >> 13) * 0xC2B2AE35 & _WORD
    return value ^ value >> 16
