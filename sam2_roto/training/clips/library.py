"""TextureLibrary: real footage and procedural fields that clips are made from, decoded once and kept on disk.

Two pools are kept apart: what training draws from, and what only the held-out clips see. Footage on which we measure
enters neither of the two (the chair) or the held-out pool alone.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.errors import DatasetError
from sam2_roto.training.clips.fields import draw_fields

Array = npt.NDArray[Any]

HELD_OUT_CLIPS = ("bedroom", "default_juggle", "dog")
FOOTAGE_WIDTH, FOOTAGE_HEIGHT = 512, 288
_EVERY = 2
_LAYOUT = 1
_FIELD_ROUNDS = {"training": 8, "held_out": 3}
_FIELD_SEEDS = {"training": 1, "held_out": 2}


@dataclass(frozen=True)
class Pool:
    """Sources that clips of one kind (training, or held out) draw from.

    footage: uint8 [F, 288, 512, 3] RGB, every second frame of all clips; F is 0 without real footage.
    shots: int [S, 2], first and one-past-last frame of each uncut piece of footage.
    fields: uint8 [K, h, w] grey patterns.
    """

    footage: Array
    shots: Array
    fields: Array


@dataclass(frozen=True)
class TextureLibrary:
    """The two pools. Pickles as its folder's name where it has one, so that worker processes share the disk's cache."""

    training: Pool
    held_out: Pool
    folder: Path | None = None

    def __reduce__(self) -> tuple[Callable[..., TextureLibrary], tuple[Any, ...]]:
        if self.folder is None:
            return procedural_library, ()
        return load_library, (self.folder,)

    @classmethod
    def build(cls, clip_dir: Path | None = None, *, cache_dir: Path | None = None) -> TextureLibrary:
        """Open the library of a folder of real clips, decoding it first where the cache does not hold it.

        clip_dir: a folder with `*.mp4` and `more/*.mp4`; None or a folder that does not exist gives procedural
        textures alone. cache_dir: default $SAM2_ROTO_CACHE, else ~/.cache/sam2-roto. Raises DatasetError where a clip
        cannot be decoded.
        """
        clips = find_clips(clip_dir)
        if not clips:
            return procedural_library()
        folder = (cache_dir or default_cache()) / f"textures-{_fingerprint(clips)}"
        if not folder.exists():
            _write_library(clips, folder)
        return load_library(folder)


def default_cache() -> Path:
    """The cache folder: $SAM2_ROTO_CACHE, else ~/.cache/sam2-roto."""
    named = os.environ.get("SAM2_ROTO_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "sam2-roto"


def find_clips(clip_dir: Path | None) -> list[Path]:
    """Movies of the folder and of its `more` folder, by name; none where there is no folder."""
    if clip_dir is None or not clip_dir.is_dir():
        return []
    return sorted([*clip_dir.glob("*.mp4"), *(clip_dir / "more").glob("*.mp4")], key=lambda movie: movie.name)


def _fingerprint(clips: Sequence[Path]) -> str:
    names = "".join(f"{movie.name}:{movie.stat().st_size};" for movie in clips)
    return hashlib.sha256(f"{_LAYOUT}/{names}".encode()).hexdigest()[:16]


def decode_footage(movie: Path) -> Array:
    """Every second frame of a movie at the library's size: uint8 [F, 288, 512, 3] RGB.

    Raises DatasetError where the file cannot be decoded.
    """
    frames = []
    try:
        with av.open(str(movie)) as container:
            container.streams.video[0].thread_type = "AUTO"
            for index, frame in enumerate(container.decode(video=0)):
                if index % _EVERY == 0:
                    picture = frame.to_ndarray(format="rgb24")
                    frames.append(cv2.resize(picture, (FOOTAGE_WIDTH, FOOTAGE_HEIGHT), interpolation=cv2.INTER_AREA))
    except (av.FFmpegError, IndexError) as error:
        raise DatasetError(f"{movie} cannot be decoded ({error}); remove it from the folder of clips.") from error
    return np.stack(frames)


def split_shots(footage: Array, threshold: float = 45.0) -> list[tuple[int, int]]:
    """Uncut pieces of footage, by jumps of the mean absolute difference: pairs of first and one-past-last frame."""
    small = footage[:, ::8, ::8].astype(np.int16)
    jumps = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3)) > threshold
    cuts = [0, *(np.flatnonzero(jumps) + 1).tolist(), len(footage)]
    return [(first, stop) for first, stop in itertools.pairwise(cuts) if stop - first >= 4]


def _write_library(clips: Sequence[Path], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    for pool in ("training", "held_out"):
        chosen = [movie for movie in clips if (movie.stem in HELD_OUT_CLIPS) == (pool == "held_out")]
        pieces = [decode_footage(movie) for movie in chosen]
        shots, start = [], 0
        for piece in pieces:
            shots += [(start + first, start + stop) for first, stop in split_shots(piece)]
            start += len(piece)
        empty = np.zeros((0, FOOTAGE_HEIGHT, FOOTAGE_WIDTH, 3), np.uint8)
        np.save(scratch / f"{pool}_footage.npy", np.concatenate([empty, *pieces]))
        np.save(scratch / f"{pool}_shots.npy", np.array(shots, np.int64).reshape(-1, 2))
        np.save(scratch / f"{pool}_fields.npy", _fields(pool))
    try:
        os.replace(scratch, folder)
    except OSError:
        if not folder.exists():
            raise
        shutil.rmtree(scratch)


def _fields(pool: str) -> Array:
    return draw_fields(np.random.default_rng(_FIELD_SEEDS[pool]), _FIELD_ROUNDS[pool])


def load_library(folder: Path) -> TextureLibrary:
    """Open a library that `TextureLibrary.build` wrote; arrays stay on disk and are mapped into memory."""

    def pool(name: str) -> Pool:
        arrays = [np.load(folder / f"{name}_{part}.npy", mmap_mode="r") for part in ("footage", "shots", "fields")]
        return Pool(*arrays)

    return TextureLibrary(pool("training"), pool("held_out"), folder)


def procedural_library() -> TextureLibrary:
    """A library without real footage."""

    def pool(name: str) -> Pool:
        footage = np.zeros((0, FOOTAGE_HEIGHT, FOOTAGE_WIDTH, 3), np.uint8)
        return Pool(footage, np.zeros((0, 2), np.int64), _fields(name))

    return TextureLibrary(pool("training"), pool("held_out"))
