"""A sample clip that the project rendered itself, with its true mattes, to try everything on.

A carp of painted cloth swims through a misty wood: 60 frames of 960x540 at 24 frames per second, H.264.
`python -m sam2_roto.demo.make` renders it anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, FRAMES, RATE = 960, 540, 60, 24

CLICK = (352, 285)
"""A pixel x, y of frame 0 that lies on the carp."""


def demo_clip() -> Path:
    """Path of the movie."""
    return Path(__file__).with_name("demo.mp4")


def demo_truth() -> npt.NDArray[Any]:
    """Where the carp is visible: bool [60, 540, 960]."""
    with np.load(Path(__file__).with_name("truth.npz")) as packed:
        return np.unpackbits(packed["bits"], axis=-1, count=int(packed["width"])).astype(bool)
