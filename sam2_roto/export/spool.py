"""Mattes kept on disk while a shot is worked on, for what is made of all of its frames at once."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sam2_roto.export.exr import Matte
from sam2_roto.export.png import quantise


class MatteSpool:
    """Mattes of one object in order, in a temporary file of 8 bits a pixel, packed; memory does not grow with them."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the spool
        self._entries: list[tuple[int, tuple[int, ...]]] = []

    def add(self, matte: Matte) -> None:
        """Append alpha ``[H, W]``, 0 to 1."""
        packed = zlib.compress(quantise(matte, 8).tobytes(), level=1)
        self._file.write(packed)
        self._entries.append((len(packed), matte.shape))

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """The mattes in the order in which they were added, float32 ``[H, W]``."""
        place = 0
        for length, shape in self._entries:
            self._file.seek(place)
            codes = np.frombuffer(zlib.decompress(self._file.read(length)), np.uint8)
            place += length
            yield np.multiply(codes.reshape(shape), 1 / 255, dtype=np.float32)

    def __len__(self) -> int:
        return len(self._entries)

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
