"""Run-length masks as COCO writes them: column by column, the run lengths packed into a short string.

A string holds each run length less the one two runs before (from the fourth run on), in groups of five bits, the
lowest first, the sixth bit telling that more follow; 48 is added to make each group a printable character.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sam2_roto.boxes import box_of
from sam2_roto.errors import DatasetError

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Rle:
    """A bool mask of ``height`` × ``width`` pixels; ``counts`` is COCO's compressed string."""

    height: int
    width: int
    counts: str

    @classmethod
    def encode(cls, mask: Mask) -> Rle:
        """Pack a bool mask ``[H, W]``."""
        flat = np.asarray(mask, np.bool_).ravel(order="F")
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        ends = np.concatenate((changes, [flat.size]))
        counts = np.diff(ends, prepend=0)
        if flat.size and flat[0]:
            counts = np.concatenate(([0], counts))
        height, width = mask.shape
        return cls(height, width, pack_counts(counts))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rle:
        """Read ``{"size": [H, W], "counts": ...}``; the counts are a string, or a plain list. Raises DatasetError."""
        try:
            height, width = (int(length) for length in data["size"])
            counts = data["counts"]
            packed = counts if isinstance(counts, str) else pack_counts(np.asarray(counts, np.int64))
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError("A run-length mask lacks its size or counts; export the file again.") from error
        rle = cls(height, width, packed)
        rle.runs()
        return rle

    def to_json(self) -> dict[str, Any]:
        """``{"size": [H, W], "counts": string}``."""
        return {"size": [self.height, self.width], "counts": self.counts}

    def runs(self) -> Counts:
        """Lengths of the runs, the first of zeros. Raises DatasetError where they do not fill the picture."""
        counts = unpack_counts(self.counts)
        if counts.min(initial=0) < 0 or counts.sum() != self.height * self.width:
            raise DatasetError(
                f"A run-length mask does not fill its {self.width}×{self.height} pixels; export the file again."
            )
        return counts

    def decode(self) -> Mask:
        """The bool mask ``[H, W]``."""
        counts = self.runs()
        flat = np.repeat(np.arange(counts.size) % 2 == 1, counts)
        return np.asfortranarray(flat.reshape((self.height, self.width), order="F"))

    def area(self) -> int:
        """Number of pixels in the mask."""
        return int(self.runs()[1::2].sum())

    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the mask, in pixels; all 0 where it is empty."""
        left, top, right, bottom = box_of(self.decode()) or (0, 0, 0, 0)
        return left, top, right - left, bottom - top


def pack_counts(counts: Counts) -> str:
    """COCO's string for run lengths."""
    values = counts.astype(np.int64)
    values[3:] -= counts[1:-2]
    digits = np.ones(values.size, np.int64)
    while (short := ~_fits(values, digits)).any():
        digits += short
    starts = np.cumsum(digits) - digits
    text = np.zeros(int(digits.sum()), np.uint8)
    for place in range(int(digits.max(initial=0))):
        held = digits > place
        more = digits[held] > place + 1
        text[starts[held] + place] = ((values[held] >> 5 * place) & 31) + 32 * more + 48
    return text.tobytes().decode("ascii")


def unpack_counts(text: str) -> Counts:
    """Run lengths of COCO's string. Raises DatasetError where a character is foreign or the string ends too early."""
    groups = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if groups.size == 0:
        return groups
    if groups.min() < 0 or groups.max() > 63 or groups[-1] & 32:
        raise DatasetError("A run-length mask is damaged; export the file again.")
    ends = np.flatnonzero(groups & 32 == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    place = np.arange(groups.size) - np.repeat(starts, ends - starts + 1)
    if place.max() > 11:
        raise DatasetError("A run-length mask is damaged; export the file again.")
    values = np.add.reduceat((groups & 31) << 5 * place, starts)
    values -= np.where(groups[ends] & 16, np.left_shift(1, 5 * (ends - starts + 1)), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _fits(values: Counts, digits: Counts) -> NDArray[np.bool_]:
    """Whether each value is held by that many groups of five bits, the highest bit being the sign."""
    limit = np.left_shift(1, 5 * digits - 1)
    return np.asarray((values >= -limit) & (values < limit), np.bool_)
