"""Packed: many small arrays of different sizes in two files, mapped into memory rather than read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Packed:
    """Records of bytes, each with a few whole numbers that say what it is.

    data: uint8 [bytes]. index: int64 [N, 2 + k], first and one-past-last byte of each record, then its k numbers.
    """

    data: Array
    index: Array

    def __len__(self) -> int:
        return len(self.index)

    def record(self, number: int) -> tuple[Array, list[int]]:
        """A record's bytes, uint8, and its numbers."""
        first, stop, *numbers = self.index[number].tolist()
        return np.asarray(self.data[first:stop]), numbers

    @classmethod
    def of(cls, records: Iterable[tuple[Array, list[int]]], numbers: int) -> Packed:
        """Pack records of bytes (uint8) and `numbers` whole numbers each."""
        pieces, rows, place = [np.zeros(0, np.uint8)], [], 0
        for piece, row in records:
            pieces.append(piece.ravel())
            rows.append([place, place + piece.size, *row])
            place += piece.size
        return cls(np.concatenate(pieces), np.array(rows, np.int64).reshape(-1, 2 + numbers))

    def save(self, folder: Path, name: str) -> None:
        """Write `<name>_data.npy` and `<name>_index.npy`."""
        np.save(folder / f"{name}_data.npy", self.data)
        np.save(folder / f"{name}_index.npy", self.index)

    @classmethod
    def load(cls, folder: Path, name: str) -> Packed:
        """Open what `save` wrote; the bytes stay on disk."""
        return cls(np.load(folder / f"{name}_data.npy", mmap_mode="r"), np.load(folder / f"{name}_index.npy"))


def pack_mask(mask: Array) -> Array:
    """A mask of 0 and 1 as bits: uint8 [ceil(h * w / 8)]."""
    return np.packbits(mask > 0)


def unpack_mask(bits: Array, height: int, width: int) -> Array:
    """A mask from its bits: uint8 [height, width] of 0 and 255."""
    return np.unpackbits(bits, count=height * width).reshape(height, width) * np.uint8(255)
