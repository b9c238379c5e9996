"""Artwork: cut-out pictures and photographs from a folder, for more kinds of things than the footage shows.

Any folder serves. A picture with a transparent ground and one whole thing on it becomes a sprite; an opaque picture
becomes a still. Pictures inside of colour-bitmap fonts (.ttf) and Qt resources (.rcc) are found as well. Pack a folder
once with `python -m sam2_roto.training.clips.artwork FOLDER OUT.npz`; put into the cache folder as `artwork.npz`, the
texture library finds it.

The embedded model was trained with the contents of these Debian packages, unpacked into one folder:
tuxpaint-stamps-default, openclipart-png, fonts-noto-color-emoji, gcompris-qt-data, mate-backgrounds,
gnome-backgrounds, plasma-workspace-wallpapers, lomiri-wallpapers, lomiri-wallpapers-16.04, lomiri-wallpapers-20.04,
ukui-wallpapers, propaganda-debian.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from sam2_roto.errors import DatasetError
from sam2_roto.training.clips.footage import HEIGHT, WIDTH
from sam2_roto.training.clips.packed import Packed

Array = npt.NDArray[Any]

SPRITE_SIDE = 176
_PICTURES = {".png", ".jpg", ".jpeg", ".webp"}
_CONTAINERS = {".ttf", ".rcc"}
_UNSUITED = (
    "alphabet",
    "math",
    "flag",
    "font",
    "letter",
    "puzzle",
    "screenshot",
    "sign",
    "money",
    "symbol",
    "doc",
    "icons",
)
_QUALITY = 88


@dataclass
class Artwork:
    """Sprites as WebP bytes (uint8 arrays), the group each belongs to, and stills as uint8 [288, 512, 3] RGB.

    A group is one folder of the first level, so that a large collection does not drown a small one.
    """

    sprites: list[Array] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    stills: list[Array] = field(default_factory=list)


def collect_artwork(folder: Path) -> Artwork:
    """Everything usable in a folder and below it, in the order of names."""
    found = Artwork()
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _PICTURES | _CONTAINERS)
    groups = sorted({path.relative_to(folder).parts[0] for path in files})
    for path in tqdm(files, desc="artwork", unit="file"):
        inner = path.relative_to(folder).as_posix().lower()
        if path.suffix.lower() in _PICTURES and any(word in inner for word in _UNSUITED):
            continue
        for data in _pictures_in(path):
            _sort_in(found, data, groups.index(path.relative_to(folder).parts[0]))
    return found


def _pictures_in(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    if path.suffix.lower() in _PICTURES:
        yield data
        return
    place = 0
    while (place := data.find(b"\x89PNG\r\n\x1a\n", place)) >= 0:
        stop = data.find(b"IEND", place) + 8
        yield data[place:stop]
        place = max(stop, place + 8)
    place = 0
    while (place := data.find(b"RIFF", place)) >= 0:
        stop = place + 8 + int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place + 8 : place + 12] == b"WEBP":
            yield data[place:stop]
        place += 4


def _sort_in(found: Artwork, data: bytes, group: int) -> None:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint8 or picture.ndim != 3 or min(picture.shape[:2]) < 48:
        return
    if picture.shape[2] == 4 and (picture[..., 3] < 128).mean() > 0.05:
        sprite = whole_sprite(picture)
        if sprite is not None:
            found.sprites.append(sprite)
            found.groups.append(group)
    elif min(picture.shape[:2]) >= 200 and picture[..., :3].std() > 15:
        still = _covering(picture[..., :3], WIDTH, HEIGHT)
        if not any(_alike(still, other) for other in found.stills):
            found.stills.append(still)


def whole_sprite(picture: Array) -> Array | None:
    """A cut-out BGRA picture as WebP bytes, cropped and scaled; None where it is not one whole, opaque thing."""
    alpha = (picture[..., 3] > 127).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(alpha)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, wide, tall = (int(value) for value in stats[largest, :4])
    if stats[largest, cv2.CC_STAT_AREA] < 0.85 * alpha.sum() or min(wide, tall) < 16:
        return None
    crop = np.ascontiguousarray(picture[y : y + tall, x : x + wide])
    crop[labels[y : y + tall, x : x + wide] != largest, 3] = 0
    if (crop[..., 3] > 127).mean() < 0.15 or crop[crop[..., 3] > 127, :3].std() < 12:
        return None
    scale = SPRITE_SIDE / max(wide, tall)
    if scale < 1:
        crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    done, packed = cv2.imencode(".webp", crop, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    return np.asarray(packed).ravel() if done else None


def _covering(picture: Array, width: int, height: int) -> Array:
    """The middle of a BGR picture, cropped to the proportions asked for and scaled: uint8 RGB [height, width, 3]."""
    rows, columns = picture.shape[:2]
    tall, wide = min(rows, columns * height // width), min(columns, rows * width // height)
    top, left = (rows - tall) // 2, (columns - wide) // 2
    crop = np.ascontiguousarray(picture[top : top + tall, left : left + wide, ::-1])
    return cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)


def _alike(one: Array, other: Array) -> bool:
    """Whether two stills are the same picture at different sizes."""
    return float(np.abs(one[::16, ::16].astype(np.int16) - other[::16, ::16]).mean()) < 6


def decode_sprite(packed: Array) -> tuple[Array, Array]:
    """A sprite from its WebP bytes: RGB uint8 [h, w, 3], not premultiplied, and alpha uint8 [h, w]."""
    picture = cv2.imdecode(packed, cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError("a sprite of the texture library is damaged: delete the library's folder and build it again")
    opaque = picture.shape[2] == 3  # WebP leaves out an alpha that is full everywhere
    alpha = np.full(picture.shape[:2], 255, np.uint8) if opaque else picture[..., 3]
    return picture[..., 2::-1], alpha


def save_artwork(artwork: Artwork, target: Path) -> None:
    """Write a pack of artwork, stills as JPEG, under a temporary name, then rename it."""
    stills = [cv2.imencode(".jpg", still[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1] for still in artwork.stills]
    sprites = Packed.of(zip(artwork.sprites, ([group] for group in artwork.groups), strict=True), 1)
    photos = Packed.of(((np.asarray(still), []) for still in stills), 0)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.part")
    with scratch.open("wb") as file:
        np.savez(file, sprites=sprites.data, sprite_index=sprites.index, stills=photos.data, still_index=photos.index)
    scratch.replace(target)


def load_artwork(pack: Path) -> Artwork:
    """Read a pack that `save_artwork` wrote; raises DatasetError where it is not one."""
    try:
        with np.load(pack) as file:
            sprites = Packed(file["sprites"], file["sprite_index"])
            photos = Packed(file["stills"], file["still_index"])
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{pack} is not a pack of artwork ({error}); pack the folder again.") from error
    records = [sprites.record(number) for number in range(len(sprites))]
    stills = [cv2.imdecode(photos.record(number)[0], cv2.IMREAD_COLOR) for number in range(len(photos))]
    if any(still is None for still in stills):
        raise DatasetError(f"{pack} holds a damaged picture; pack the folder again.")
    pictures = [np.ascontiguousarray(still[..., ::-1]) for still in stills if still is not None]
    return Artwork([data for data, _ in records], [numbers[0] for _, numbers in records], pictures)


def main(arguments: Sequence[str] | None = None) -> None:
    """Pack a folder of artwork: `FOLDER OUT.npz`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args(arguments)
    save_artwork(collect_artwork(options.folder), options.target)


if __name__ == "__main__":
    main()
