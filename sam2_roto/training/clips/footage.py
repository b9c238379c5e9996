"""Footage for textures: real clips decoded at a reduced size, cut into shots, and searched for regions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.errors import DatasetError
from sam2_roto.training.clips.follow import followed, outlines_of
from sam2_roto.training.clips.packed import pack_mask
from sam2_roto.training.clips.regions import central, clear_edge, colored_regions, components, moving_mask, snapped

Array = npt.NDArray[Any]

WIDTH, HEIGHT = 512, 288
_EVERY = 2
_REGIONS_EVERY = 8
_REGIONS_MOST = 4


def find_clips(clip_dir: Path | None) -> list[Path]:
    """Movies of the folder and of its `more` folder, by name; none where there is no folder."""
    if clip_dir is None or not clip_dir.is_dir():
        return []
    return sorted([*clip_dir.glob("*.mp4"), *(clip_dir / "more").glob("*.mp4")], key=lambda movie: movie.name)


def decode_footage(movie: Path) -> Array:
    """Every second frame of a movie at the library's size: uint8 [F, 288, 512, 3] RGB.

    Raises DatasetError where the file cannot be decoded.
    """
    frames = []
    try:
        with av.open(str(movie)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % _EVERY == 0:
                    picture = frame.to_ndarray(format="rgb24")
                    frames.append(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    except (av.FFmpegError, IndexError) as error:
        raise DatasetError(f"{movie} cannot be decoded ({error}); remove it from the folder of clips.") from error
    if not frames:
        raise DatasetError(f"{movie} has no pictures; remove it from the folder of clips.")
    return np.stack(frames)


def split_shots(footage: Array, threshold: float = 45.0) -> list[tuple[int, int]]:
    """Uncut pieces of footage, by jumps of the mean absolute difference: pairs of first and one-past-last frame."""
    small = footage[:, ::8, ::8].astype(np.int16)
    jumps = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3)) > threshold
    cuts = [0, *(np.flatnonzero(jumps) + 1).tolist(), len(footage)]
    return [(first, stop) for first, stop in itertools.pairwise(cuts) if stop - first >= 4]


Record = tuple[Array, list[int]]
"""A region: its mask's bits within its bounding box, and picture, x, y, width, height, kind."""

FOLLOWED, MOVING, CENTRAL, COLORED = range(4)
"""How a region was found: from an outline drawn by hand, by motion, as a photograph's middle, by colour alone."""


def _records(masks: list[Array], picture: int, kind: int) -> list[Record]:
    records = []
    for mask in masks:
        x, y, wide, tall = cv2.boundingRect(mask)
        records.append((pack_mask(mask[y : y + tall, x : x + wide]), [picture, x, y, wide, tall, kind]))
    return records


def footage_regions(footage: Array) -> list[Record]:
    """Regions of a clip's frames, every eighth, numbered within the clip: moving things, and things of one colour."""
    records: list[Record] = []
    for index in range(0, len(footage) - 1, _REGIONS_EVERY):
        picture = footage[index]
        cut = [snapped(picture, mask) for mask in components(moving_mask(picture, footage[index + 1]))]
        moving = [mask for mask in cut if mask is not None and clear_edge(picture, mask) > 0.6]
        records += _records(moving, index, MOVING)
        records += _records(colored_regions(picture, _REGIONS_MOST), index, COLORED)
    return records


def still_regions(still: Array) -> list[Record]:
    """Regions of a single picture, numbered 0: the thing in its middle, and things of one colour."""
    cv2.setNumThreads(1)
    middle = central(still)
    found = [] if middle is None else [middle]
    return _records(found, 0, CENTRAL) + _records(colored_regions(still, _REGIONS_MOST), 0, COLORED)


@dataclass(frozen=True)
class ClipSources:
    """What a clip gives: footage uint8 [F, 288, 512, 3], shots, regions, and tracks (regions of one thing in order)."""

    footage: Array
    shots: list[tuple[int, int]]
    regions: list[Record]
    tracks: list[list[Record]]


def read_clip(movie: Path) -> ClipSources:
    """Decode and search a movie; raises DatasetError where it cannot be decoded."""
    cv2.setNumThreads(1)
    footage = decode_footage(movie)
    seen = [followed(footage, entry) for entry in outlines_of(movie.stem)]
    tracks = [[record for index, mask in track for record in _records([mask], index, FOLLOWED)] for track in seen]
    return ClipSources(footage, split_shots(footage), footage_regions(footage), [track for track in tracks if track])
