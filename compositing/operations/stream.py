"""``over`` of pictures larger than the cache, in a small compiled part that writes past it.

Any store reads the memory that it overwrites first, which is a quarter of the traffic; torch offers no other. The part
is built at installation where there is a C compiler. Without it, torch does the same a little slower.
"""

from __future__ import annotations

from threading import Thread

import torch
from torch import Tensor

try:
    from compositing.operations import _stream
except ImportError:
    _stream = None  # type: ignore[assignment]

# Values from which on a result is past the cache: below it, whoever reads it next finds it there.
_LARGE = 1 << 22


def lay(a: Tensor, b: Tensor, alpha: Tensor, out: Tensor) -> bool:
    """``a + b(1 - alpha)`` for ``[C, H, W]`` and alpha ``[1, H, W]`` into ``out``, where that is to be had here.

    Nothing is done, and the answer is False, for small pictures and in place, where nothing is gained, for other types
    and devices, and where the part was not built.
    """
    tensors = (a, b, alpha, out)
    in_place = out.data_ptr() in (a.data_ptr(), b.data_ptr())
    if _stream is None or in_place or out.numel() < _LARGE or not all(_plain(tensor) for tensor in tensors):
        return False
    bands = zip(*(tensor.chunk(torch.get_num_threads(), 1) for tensor in tensors), strict=True)
    first, *others = [Thread(target=_lay, args=band) for band in bands]
    for thread in others:
        thread.start()
    first.run()
    for thread in others:
        thread.join()
    return True


def _plain(tensor: Tensor) -> bool:
    """Whether it is float32 on the CPU with the columns of a row side by side."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and tensor.stride(2) == 1


def _lay(a: Tensor, b: Tensor, alpha: Tensor, out: Tensor) -> None:
    channels, height, width = out.shape
    _stream.over((channels, height, width), *(_place(tensor) for tensor in (a, b, alpha, out)))


def _place(tensor: Tensor) -> tuple[int, int, int]:
    return tensor.data_ptr(), tensor.stride(0), tensor.stride(1)
