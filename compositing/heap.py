"""Heap: how the C library keeps memory that was given back.

Pictures and features are made and dropped many times a second. By default glibc gives large pieces back to the kernel
at once, and each new one is then mapped page by page; that can take as long as what is computed in it.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)

LARGEST = (256 << 20, 32 << 20)
"""Bytes of the largest piece that is kept: a picture of 4K in float32 with four channels; older glibc takes less."""

KEPT = 512 << 20
"""Bytes at the end of the heap that are kept while nothing uses them."""


def keep_freed_memory() -> bool:
    """From now on keep what this process frees for what it asks for next; False where the C library is another one.

    Whoever has set ``MALLOC_TRIM_THRESHOLD_`` or ``MALLOC_MMAP_THRESHOLD_`` is not overruled: False, too.
    """
    told = any(name in os.environ for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"))
    if told or not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT)) and any(mallopt(_MMAP_THRESHOLD, size) for size in LARGEST)
