"""A mask prompt from a picture file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from sam2_roto.errors import PromptError


def read_mask(path: Path) -> NDArray[np.bool_]:
    """The mask ``[H, W]`` in a picture of any kind that OpenImageIO reads: true where it is over half.

    The channel ``A`` is read where there is one that is not all opaque, else the brightest of the others, so that gray,
    palette and RGB pictures all work; a palette's or map's small integers are masks too, every number above 0.
    """
    if not path.is_file():
        raise PromptError(f"there is no mask file {path}; check the path")
    picture = oiio.ImageBuf(str(path))
    pixels = picture.get_pixels(oiio.FLOAT) if picture.init_spec(str(path), 0, 0) else None
    if pixels is None or picture.has_error:
        raise PromptError(f"{path} is not a picture that can be read; give a PNG, TIFF or EXR of the plate's size")
    names = [name.rsplit(".", 1)[-1] for name in picture.spec().channelnames]
    values = np.asarray(pixels, dtype=np.float32)
    if "A" in names:
        alpha = values[..., names.index("A")]
        if len(names) == 1 or alpha.min() < 1:
            return np.asarray(alpha > 0.5)
        values = np.delete(values, names.index("A"), axis=-1)
    brightest = values.max(axis=-1)
    highest = float(brightest.max())
    return np.asarray(brightest > (0.5 if highest > 0.5 else 0.0))
