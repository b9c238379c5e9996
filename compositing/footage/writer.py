"""Movies for previews and tests: 8-bit sRGB views in, an encoded movie with honest colour tags out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from compositing.footage.footage import View
from compositing.footage.moviefile import Encoder, MovieFile, coded

_BY_CRF = ("libx264", "libx265")


class MovieWriter(MovieFile):
    """Writes 8-bit RGB pictures ``[H, W, 3]`` of one size; the movie appears under its name once it is whole.

    BT.709 matrix, limited range, and tagged so. ``crf`` is the quality of x264 and x265 (lower is better); ``options``
    go to the encoder. An odd width or height is made even by repeating the last column or row, as 4:2:0 needs.

    Raises OutputError where the folder, the codec or a picture does not fit.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate: Fraction | float,
        *,
        codec: str = "libx264",
        crf: int = 18,
        pix_fmt: str = "yuv420p",
        options: Mapping[str, str] | None = None,
    ) -> None:
        quality = {"crf": str(crf)} if codec in _BY_CRF else {}
        self._coding = Encoder(codec, pix_fmt, {**quality, **(options or {})})
        super().__init__(Path(path), Fraction(rate).limit_denominator(100_000), self._coding)

    def write(self, view: View) -> None:
        """Append one picture."""
        self.add(coded(VideoFrame.from_ndarray(_even(view), format="rgb24"), self._coding))


def _even(view: View) -> View:
    height, width = view.shape[:2]
    return np.pad(view, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else view


def write_movie(path: str | os.PathLike[str], views: Iterable[View], rate: Fraction | float, **how: str | int) -> None:
    """Write all ``views`` as a movie; ``how`` is passed to MovieWriter."""
    with MovieWriter(path, rate, **how) as writer:  # type: ignore[arg-type]
        for view in views:
            writer.write(view)
