"""SA-V annotations: one JSON file per movie, masks every fourth frame of 24 (6 per second), as published with SA-V."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sam2_roto.errors import DatasetError
from sam2_roto.export.annotations import Annotations, read_json, write_json
from sam2_roto.export.rle import Rle

RATE = 6
"""Annotated frames per second."""


def read_sav(path: Path) -> Annotations:
    """Read ``<video>_manual.json`` or ``<video>_auto.json``; objects are named by their masklet's number.

    Frames are numbered as the movie's, from 0. Raises DatasetError where the file is not such annotations.
    """
    data = read_json(path)
    try:
        height, width = round(data["video_height"]), round(data["video_width"])
        names = [str(number) for number in data["masklet_id"]]
        rows = data["masklet"]
        step = _step(round(data["video_frame_count"]), len(rows))
        annotations = Annotations(width, height, names, attributes={k: v for k, v in data.items() if k != "masklet"})
        for index, row in enumerate(rows):
            packed = {name: Rle.from_json(entry) for name, entry in zip(names, row, strict=True)}
            _check_sizes(path, packed, annotations)
            annotations.masks[index * step] = {name: rle for name, rle in packed.items() if rle.area()}
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path} is not SA-V's layout ({type(error).__name__}: {error}); export it again."
        ) from error
    return annotations


def write_sav(path: Path, annotations: Annotations, *, video: str, rate: float, frame_count: int) -> None:
    """Write annotations in SA-V's layout; every object has a mask on every frame, empty where it is absent.

    Args:
        path: the JSON file.
        annotations: their frames are those of the movie that SA-V would annotate (see :func:`sav_frames`); what
            :func:`read_sav` found beside the masks is written as it was.
        video: name of the movie, without its suffix.
        rate: frames per second of the movie.
        frame_count: frames of the movie.
    """
    empty = Rle.encode(np.zeros((annotations.height, annotations.width), np.bool_)).to_json()
    masklet = [
        [masks[name].to_json() if name in masks else empty for name in annotations.objects]
        for masks in (annotations.masks[frame] for frame in annotations.frames)
    ]
    found = _video_attributes(annotations, video, rate, frame_count) | _masklet_attributes(annotations)
    write_json(path, found | _kept(annotations) | {"masklet": masklet})


def sav_frames(frame_count: int, rate: float) -> range:
    """The frames, counted from 0, that SA-V annotates of a movie: six per second, the first among them."""
    return range(0, frame_count, max(1, round(rate / RATE)))


def _kept(annotations: Annotations) -> dict[str, Any]:
    """What was read beside the masks, less what speaks of masklets that are no longer the same ones."""
    kept = annotations.attributes
    if [str(number) for number in kept.get("masklet_id", ())] == annotations.objects:
        return kept
    return {key: value for key, value in kept.items() if not key.startswith("masklet")}


def _step(frame_count: int, annotated: int) -> int:
    return max(1, -(-frame_count // max(1, annotated)))


def _check_sizes(path: Path, packed: dict[str, Rle], annotations: Annotations) -> None:
    for name, rle in packed.items():
        if (rle.height, rle.width) != (annotations.height, annotations.width):
            raise DatasetError(f"{path} has a mask of object {name} that is not of the movie's size; export it again.")


def _video_attributes(annotations: Annotations, video: str, rate: float, frame_count: int) -> dict[str, Any]:
    return {
        "video_id": video,
        "video_duration": frame_count / rate,
        "video_frame_count": frame_count,
        "video_height": annotations.height,
        "video_width": annotations.width,
        "video_resolution": annotations.height * annotations.width,
    }


def _masklet_attributes(annotations: Annotations) -> dict[str, Any]:
    """The figures that SA-V gives of every masklet, computed from the masks."""
    rows = [annotations.masks[frame] for frame in annotations.frames]
    areas = {name: [row[name].area() if name in row else 0 for row in rows] for name in annotations.objects}
    means = [sum(area) / max(1, sum(value > 0 for value in area)) for area in areas.values()]
    count = len(annotations.objects)
    return {
        "masklet_id": list(range(count)),
        "masklet_size_rel": [mean / (annotations.height * annotations.width) for mean in means],
        "masklet_size_abs": means,
        "masklet_size_bucket": [_bucket(mean) for mean in means],
        "masklet_visibility_changes": [_visibility_changes(area) for area in areas.values()],
        "masklet_first_appeared_frame": [_first(area) for area in areas.values()],
        "masklet_frame_count": [len(annotations.masks)] * count,
        "masklet_edited_frame_count": [0] * count,
        "masklet_type": ["auto"] * count,
        "masklet_stability_score": [None] * count,
        "masklet_num": count,
    }


def _bucket(area: float) -> str:
    """COCO's sizes: small below 32² pixels, large from 96²."""
    return "small" if area < 32**2 else "medium" if area < 96**2 else "large"


def _first(areas: list[int]) -> int:
    """Index of the first annotated frame on which the object is seen; 0 where it never is."""
    return next((index for index, area in enumerate(areas) if area), 0)


def _visibility_changes(areas: list[int]) -> int:
    seen = [area > 0 for area in areas[_first(areas) :]]
    return sum(before != after for before, after in pairwise(seen))
