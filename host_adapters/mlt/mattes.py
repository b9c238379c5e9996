"""A clip's mattes as files for MLT: a movie with alpha, and a small project that puts it at the clip's positions.

FFV1 in BGRA is lossless and its alpha is read as it is; a luma matte is not, because MLT reads luma in video range. The
filter ``shape`` plays a file from the producer's position 0, whatever the clip's trim: the wrapping project leads in
with emptiness, so that the matte stays on the picture when the artist trims or moves the clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from compositing.footage.moviefile import Encoder, MovieFile
from host_adapters.mlt.document import row
from host_adapters.mlt.times import Profile
from sam2_roto.export.files import make_folder, replacing

MOVIE = ".mkv"
"""Ending of the movie beside a matte."""

_FFV1 = Encoder("ffv1", "bgra", {"level": "3", "slicecrc": "1"})


def write_matte(path: Path, mattes: Iterable[NDArray[Any]], profile: Profile, first: int, length: int) -> Path:
    """Write ``path`` (ending in ``.mlt``) and a movie of the same name beside it, ``.mkv``.

    Args:
        mattes: alpha ``[H, W]``, 0 to 1, at each position from ``first`` on.
        profile: of the project; the movie has its rate.
        first: the position of the first matte.
        length: positions that the producer has; beyond the mattes there is nothing.

    Returns ``path``. Raises OutputError where a file cannot be written.
    """
    make_folder(path.parent)
    movie = path.with_suffix(MOVIE)
    with MovieFile(movie, profile.rate, _FFV1) as file:
        for alpha in mattes:
            file.add(VideoFrame.from_ndarray(_grey(alpha), format="bgra"))
    with replacing(path) as hidden:
        hidden.write_text(_wrapper(movie.name, profile, first, file.count, length), encoding="utf-8")
    return path


def _grey(alpha: NDArray[Any]) -> NDArray[np.uint8]:
    """The matte as alpha, and as grey for whoever looks at the file."""
    codes = np.rint(np.clip(alpha, 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(codes[..., None], 4, axis=-1))


def _wrapper(movie: str, profile: Profile, first: int, count: int, length: int) -> str:
    """The project. It has no root, so that the movie is looked for beside it."""
    tail = max(length - first - count, 1)
    produced = {"mlt_service": "avformat", "resource": movie, "length": str(count), "audio_index": "-1"}
    parts = [_empty("before", first)] if first else []
    parts += [row("producer", {"id": "matte", "in": "0", "out": str(count - 1)}, produced), _empty("after", tail)]
    lengths = [*([("before", first)] if first else []), ("matte", count), ("after", tail)]
    entries = [f' <entry producer="{name}" in="0" out="{span - 1}"/>' for name, span in lengths]
    head = f'<mlt LC_NUMERIC="C" version="7.0.0" producer="positions">\n{_profile(profile)}'
    body = "\n".join([head, *parts, '<playlist id="positions">', *entries, "</playlist>", "</mlt>", ""])
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}'


def _empty(name: str, span: int) -> str:
    properties = {"mlt_service": "color", "resource": "#00000000", "mlt_image_format": "rgba", "length": str(span)}
    return row("producer", {"id": name, "in": "0", "out": str(span - 1)}, properties)


def _profile(profile: Profile) -> str:
    shape = profile.width * profile.pixel_aspect / profile.height
    words = {
        "width": profile.width,
        "height": profile.height,
        "frame_rate_num": profile.rate.numerator,
        "frame_rate_den": profile.rate.denominator,
        "sample_aspect_num": profile.pixel_aspect.numerator,
        "sample_aspect_den": profile.pixel_aspect.denominator,
        "display_aspect_num": shape.numerator,
        "display_aspect_den": shape.denominator,
        "progressive": 1,
        "colorspace": 709,
    }
    return "<profile " + " ".join(f'{name}="{value}"' for name, value in words.items()) + "/>"
