"""TextureLibrary: real footage, artwork and procedural fields that clips are made from, prepared once, kept on disk.

Two pools are kept apart: what training draws from, and what only the held-out clips see. The clips on which models
are measured by eye are in the held-out pool alone.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from sam2_roto.training.clips.artwork import Artwork, load_artwork
from sam2_roto.training.clips.fields import draw_fields
from sam2_roto.training.clips.footage import HEIGHT, WIDTH, Record, find_clips, read_clip, still_regions
from sam2_roto.training.clips.masklets import read_masklets
from sam2_roto.training.clips.packed import Packed, pack_mask

Array = npt.NDArray[Any]

HELD_OUT_CLIPS = ("bedroom", "default_juggle", "dog")
_LAYOUT = 5
_SHORTEST_TRACK = 4
_FIELD_ROUNDS = {"training": 8, "held_out": 3}
_FIELD_SEEDS = {"training": 1, "held_out": 2}
_ARRAYS = ("footage", "shots", "stills", "fields", "tracks")
_PACKED = {"regions": 6, "sprites": 1, "masklets": 3}


@dataclass(frozen=True)
class Pool:
    """Sources that clips of one kind (training, or held out) draw from; all but the fields may be empty.

    footage: uint8 [F, 288, 512, 3] RGB, every second frame of all clips.
    shots: int64 [S, 2], first and one-past-last frame of each uncut piece of footage.
    stills: uint8 [P, 288, 512, 3] RGB, single pictures.
    fields: uint8 [K, h, w] grey patterns.
    tracks: int64 [M, 2], first and one-past-last region of each thing that was followed through footage.
    regions: mask bits; numbers: picture (frames of footage first, then stills), x, y, width, height, kind.
    sprites: WebP bytes of cut-out pictures; number: the group (source) it came from.
    masklets: mask bits of moving shapes, frame by frame; numbers: masklet, width, height.
    """

    footage: Array
    shots: Array
    stills: Array
    fields: Array
    tracks: Array
    regions: Packed
    sprites: Packed
    masklets: Packed

    def picture(self, number: int) -> Array:
        """A real picture by its number, frames of footage first, then stills: uint8 [288, 512, 3]."""
        footage = len(self.footage)
        return np.asarray(self.footage[number] if number < footage else self.stills[number - footage])

    @property
    def pictures(self) -> int:
        """How many real pictures there are."""
        return len(self.footage) + len(self.stills)


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
    def build(
        cls, clip_dir: Path | None = None, *, artwork: Path | None = None, cache_dir: Path | None = None
    ) -> TextureLibrary:
        """Open the library of a folder of real clips, preparing it first where the cache does not hold it.

        clip_dir: a folder with `*.mp4`, `more/*.mp4` and `sav/*.json`; None, or a folder that does not exist, gives a
        procedural library. artwork: a file that `python -m sam2_roto.training.clips.artwork` packed; by default, where
        there are clips, `artwork.npz` in the cache folder, if it exists. cache_dir: by default $SAM2_ROTO_CACHE, else
        ~/.cache/sam2-roto. Raises DatasetError where a clip, an annotation or the artwork cannot be read.
        """
        cache = cache_dir or default_cache()
        packed = artwork or cache / "artwork.npz"
        sources = find_clips(clip_dir)
        annotations = sorted((clip_dir / "sav").glob("*.json")) if clip_dir else []
        art = [packed] if artwork or (sources and packed.is_file()) else []
        if not sources and not art:
            return procedural_library()
        folder = cache / f"textures-{_fingerprint([*sources, *annotations, *art])}"
        if not folder.exists():
            _write_library(sources, annotations, art, folder)
        return load_library(folder)


def default_cache() -> Path:
    """The cache folder: $SAM2_ROTO_CACHE, else ~/.cache/sam2-roto."""
    named = os.environ.get("SAM2_ROTO_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "sam2-roto"


def _fingerprint(files: Sequence[Path]) -> str:
    names = "".join(f"{file.name}:{file.stat().st_size};" for file in files if file.exists())
    return hashlib.sha256(f"{_LAYOUT}/{names}".encode()).hexdigest()[:16]


def _write_library(clips: Sequence[Path], annotations: Sequence[Path], art: Sequence[Path], folder: Path) -> None:
    """Prepare both pools in a folder of a temporary name, then rename it."""
    artwork = load_artwork(art[0]) if art else Artwork()
    masklets = [masklet for annotation in annotations for masklet in read_masklets(annotation)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        # Forked workers inherit libraries whose threads stay behind: they wait for them for ever, or crash.
        with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as workers:
            for name in ("training", "held_out"):
                chosen = [movie for movie in clips if (movie.stem in HELD_OUT_CLIPS) == (name == "held_out")]
                pool = _prepare(name, chosen, artwork if name == "training" else Artwork(), workers)
                held = [masklet for i, masklet in enumerate(masklets) if (i % 4 == 3) == (name == "held_out")]
                _save(pool, _pack_masklets(held), scratch, name)
        if not folder.exists():  # else another process was faster
            os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _prepare(name: str, clips: Sequence[Path], artwork: Artwork, workers: ProcessPoolExecutor) -> Pool:
    pieces: list[Array] = []
    shots: list[tuple[int, int]] = []
    records: list[Record] = []
    tracks: list[tuple[int, int]] = []
    start = 0
    for clip in tqdm(workers.map(read_clip, clips), total=len(clips), desc=f"{name} footage", unit="clip"):
        pieces.append(clip.footage)
        shots += [(start + first, start + stop) for first, stop in clip.shots]
        for track in clip.tracks:
            if len(track) >= _SHORTEST_TRACK:
                tracks.append((len(records), len(records) + len(track)))
            records += _numbered(track, start)
        records += _numbered(clip.regions, start)
        start += len(clip.footage)
    found = workers.map(still_regions, artwork.stills, chunksize=8)
    for regions in tqdm(found, total=len(artwork.stills), desc=f"{name} stills", unit="still"):
        records += _numbered(regions, start)
        start += 1
    sprites = [(data, [group]) for data, group in zip(artwork.sprites, artwork.groups, strict=True)]
    return Pool(
        _stacked(pieces),
        np.array(shots, np.int64).reshape(-1, 2),
        _stacked([still[None] for still in artwork.stills]),
        draw_fields(np.random.default_rng(_FIELD_SEEDS[name]), _FIELD_ROUNDS[name]),
        np.array(tracks, np.int64).reshape(-1, 2),
        Packed.of(records, _PACKED["regions"]),
        Packed.of(sprites, _PACKED["sprites"]),
        Packed.of([], _PACKED["masklets"]),
    )


def _numbered(regions: Iterable[Record], start: int) -> list[Record]:
    return [(bits, [start + picture, *box]) for bits, (picture, *box) in regions]


def _stacked(pieces: Sequence[Array]) -> Array:
    return np.concatenate([np.zeros((0, HEIGHT, WIDTH, 3), np.uint8), *pieces])


def _pack_masklets(masklets: Sequence[Sequence[Array]]) -> Packed:
    rows = []
    for number, masks in enumerate(masklets):
        rows += [(pack_mask(mask), [number, mask.shape[1], mask.shape[0]]) for mask in masks]
    return Packed.of(rows, _PACKED["masklets"])


def _save(pool: Pool, masklets: Packed, folder: Path, name: str) -> None:
    for part in _ARRAYS:
        np.save(folder / f"{name}_{part}.npy", getattr(pool, part))
    pool.regions.save(folder, f"{name}_regions")
    pool.sprites.save(folder, f"{name}_sprites")
    masklets.save(folder, f"{name}_masklets")


def load_library(folder: Path) -> TextureLibrary:
    """Open a library that `TextureLibrary.build` wrote; arrays stay on disk and are mapped into memory."""

    def pool(name: str) -> Pool:
        arrays = [np.load(folder / f"{name}_{part}.npy", mmap_mode="r") for part in _ARRAYS]
        return Pool(*arrays, *(Packed.load(folder, f"{name}_{part}") for part in _PACKED))

    return TextureLibrary(pool("training"), pool("held_out"), folder)


def procedural_library() -> TextureLibrary:
    """A library without real pictures."""

    def pool(name: str) -> Pool:
        fields = draw_fields(np.random.default_rng(_FIELD_SEEDS[name]), _FIELD_ROUNDS[name])
        packed = [Packed.of([], numbers) for numbers in _PACKED.values()]
        none = np.zeros((0, 2), np.int64)
        return Pool(_stacked([]), none, _stacked([]), fields, none, *packed)

    return TextureLibrary(pool("training"), pool("held_out"))
