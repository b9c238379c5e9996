"""Where the footage lies in the picture that a filter of the clip sees.

MLT fits a clip into the project's picture, with bars beside it where the shapes differ, before the clip's filters run.
Filters that transform (``qtblend``, ``affine``) and the ``composite`` transition ask for the clip as it is, without
bars. A mask is stretched over whatever the filter sees, so it must be made for one or the other (seen in MLT 7.12).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from host_adapters.mlt.document import Element
from host_adapters.mlt.timeline import Clip
from host_adapters.mlt.times import Profile
from sam2_roto.mattes.shapes import Spline

Alpha = NDArray[np.float32]

_TRANSFORMS = ("qtblend", "affine")


@dataclass(frozen=True)
class Canvas:
    """A matte's picture, ``width`` by ``height``; the footage fills ``box`` (left, top, width, height) of it.

    ``seen`` is the size of the picture that the clip's filters see.
    """

    width: int
    height: int
    box: tuple[int, int, int, int]
    seen: tuple[int, int]

    def place(self, alpha: NDArray[Any]) -> Alpha:
        """A matte of the footage, ``[h, w]`` from 0 to 1, on the canvas ``[height, width]``; empty beside it."""
        left, top, width, height = self.box
        shrinks = width * height < alpha.shape[0] * alpha.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        small = np.asarray(alpha, np.float32)
        if small.shape != (height, width):
            small = np.asarray(cv2.resize(small, (width, height), interpolation=method), np.float32)
        if (width, height) == (self.width, self.height):
            return small
        full = np.zeros((self.height, self.width), np.float32)
        full[top : top + height, left : left + width] = small
        return full

    def seen_spline(self, spline: Spline) -> Spline:
        """A spline of the canvas in pixels of what the filters see."""
        scale = np.array(self.seen) / (spline.width, spline.height)
        shapes = tuple(
            replace(shape, keys={frame: points * scale for frame, points in shape.keys.items()})
            for shape in spline.shapes
        )
        return replace(spline, width=self.seen[0], height=self.seen[1], shapes=shapes)


def canvas_of(clip: Clip, profile: Profile, size: tuple[int, int], aspect: float) -> Canvas:
    """The canvas for mattes of a clip.

    Args:
        size: width and height of the footage in pixels.
        aspect: its shape as shown, width over height.
    """
    width, height = fitted(profile, aspect)
    native = bool(transforms(clip)) or clip.composite == "composite"
    if native or (width, height) == (profile.width, profile.height):
        return Canvas(*size, (0, 0, *size), size if native else (profile.width, profile.height))
    left, top = (profile.width - width) // 2, (profile.height - height) // 2
    seen = profile.width, profile.height
    return Canvas(*seen, (left - left % 2, top, width, height), seen)


def fitted(profile: Profile, aspect: float) -> tuple[int, int]:
    """Width and height of a clip of that shape inside the project's picture (``filter_resize.c``)."""
    width, height = round(aspect * profile.width / profile.aspect), profile.height
    if width > profile.width:
        width, height = profile.width, round(profile.aspect * profile.height / aspect)
    return width, height


def transforms(clip: Clip) -> list[Element]:
    """The clip's filters that ask for it without bars."""
    holders = [clip.holder] if clip.holder is clip.producer else [clip.producer, clip.holder]
    filters = [one for holder in holders for one in holder.all("filter")]
    return [one for one in filters if one.property("mlt_service") in _TRANSFORMS and one.property("disable") != "1"]
