"""Identity maps as DAVIS keeps them: palette PNG, one per frame, pixel value = number of the object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from compositing.errors import FootageError
from compositing.footage import numbering
from sam2_roto.errors import DatasetError, ExportError
from sam2_roto.export.annotations import Annotations, identity_map
from sam2_roto.export.files import make_folder, replacing


def read_indexed(folder: Path) -> Annotations:
    """Read a folder of palette or grey PNG identity maps; objects are named by their numbers.

    Frames are numbered by the files' names. Raises DatasetError where a file is no identity map or the sizes differ.
    """
    try:
        files = numbering.find(folder).files
    except FootageError as error:
        raise DatasetError(f"The folder {folder} holds no identity maps ({error})") from error
    annotations: Annotations | None = None
    for frame, path in sorted(files.items()):
        ids = read_ids(path)
        if annotations is None:
            annotations = Annotations(ids.shape[1], ids.shape[0])
        if ids.shape != (annotations.height, annotations.width):
            raise DatasetError(f"{path} has another size than the files before it; give masks of one size.")
        annotations.add(frame, {str(number): ids == number for number in np.unique(ids) if number})
    if annotations is None:
        raise DatasetError(f"The folder {folder} holds no identity maps; give one PNG per frame.")
    annotations.objects.sort(key=int)
    return annotations


def read_ids(path: Path) -> NDArray[np.int64]:
    """Object numbers ``[H, W]`` of one palette or grey picture.

    A grey picture with full white in it is a matte: its lighter half is object 1. Raises DatasetError for colours.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as a mask ({error}); replace the file.") from error
    if picture.mode in ("RGB", "RGBA", "LA"):
        planes = np.asarray(picture.convert("RGB"))
        if (planes != planes[..., :1]).any():
            raise DatasetError(f"{path} is a coloured picture; save the masks as palette or grey PNG.")
        return _unless_matte(planes[..., 0])
    if picture.mode in ("P", "1"):
        return np.asarray(picture).astype(np.int64)
    if picture.mode == "L" or picture.mode.startswith("I"):
        return _unless_matte(np.asarray(picture))
    raise DatasetError(f"{path} holds pixels of the kind '{picture.mode}'; save the masks as palette or grey PNG.")


def _unless_matte(values: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Grey values as object numbers, or 0 and 1 where the lightest is white and so they are coverage."""
    lightest = int(values.max(initial=0))
    if lightest in (255, 65535):
        return (values > lightest // 2).astype(np.int64)
    return values.astype(np.int64)


def write_indexed(folder: Path, annotations: Annotations) -> list[Path]:
    """Write ``00000.png`` and so on, one per annotated frame; where objects overlap, the later one is seen.

    An object whose name is a number from 1 to 255 keeps it; where any is not, they are numbered in their order.
    Raises ExportError for more than 255 objects, OutputError where a file cannot be written.
    """
    numbers = object_numbers(annotations.objects)
    make_folder(folder)
    table = np.zeros(len(annotations.objects) + 1, np.uint8)
    table[1:] = list(numbers.values())
    paths = []
    for frame in annotations.frames:
        picture = Image.fromarray(table[identity_map(annotations, frame)]).convert("P")
        picture.putpalette(palette().tobytes())
        path = folder / f"{frame:05d}.png"
        with replacing(path) as hidden:
            picture.save(hidden, format="PNG")
        paths.append(path)
    return paths


def object_numbers(objects: list[str]) -> dict[str, int]:
    """Object name to its number in an identity map."""
    if len(objects) > 255:
        raise ExportError(f"An identity map holds 255 objects, not {len(objects)}; export them in parts.")
    if all(name.isdecimal() and 0 < int(name) < 256 and str(int(name)) == name for name in objects):
        return {name: int(name) for name in objects}
    return {name: index for index, name in enumerate(objects, start=1)}


def palette() -> NDArray[np.uint8]:
    """The colours ``[256, 3]`` of PASCAL VOC and DAVIS: each bit of a number lights one bit of red, green or blue."""
    numbers = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((numbers >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return colors
