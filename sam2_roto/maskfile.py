"""A mask prompt from a picture file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from sam2_roto.errors import PromptError


def read_mask(path: Path) -> NDArray[np.bool_]:
    """The mask ``[H, W]`` in a picture of any kind that OpenImageIO reads: true where it is over half.

    An alpha channel is read where there is one that is not opaque everywhere, else the brightest of the others, so that
    gray, palette and RGB pictures all work; the small integers of an identity map are a mask too, every number above 0.
    Pixels of the display window outside the data window are no part of the object.

    Raises PromptError where the file is absent, no picture, empty, or holds the mattes of several objects.
    """
    if not path.is_file():
        raise PromptError(f"there is no mask file {path}; check the path")
    picture = oiio.ImageBuf(str(path))
    pixels = None if picture.has_error else picture.get_pixels(oiio.FLOAT, picture.roi_full)
    if pixels is None or picture.has_error:
        picture.geterror()
        raise PromptError(f"{path} is not a picture that can be read; give a PNG, TIFF or EXR of the plate's size")
    mask = _cut(np.asarray(pixels, dtype=np.float32), picture.spec().channelnames, path)
    if not mask.any():
        raise PromptError(f"the mask {path} is black everywhere; give one that is white on the object")
    return mask


def _cut(values: NDArray[np.float32], channels: tuple[str, ...], path: Path) -> NDArray[np.bool_]:
    names = [name.rsplit(".", 1)[-1] for name in channels]
    if names.count("A") > 1:
        raise PromptError(f"{path} holds mattes of several objects ({', '.join(channels)}); give a file with one")
    if "A" in names:
        alpha = values[..., names.index("A")]
        if len(names) == 1 or alpha.min() < 1:
            return np.asarray(alpha > 0.5)
        values = np.delete(values, names.index("A"), axis=-1)
    brightest: NDArray[Any] = values.max(axis=-1)
    return np.asarray(brightest > (0.5 if brightest.max() > 0.5 else 0.0))
