"""One picture file: its parts, its layers and their pixels, through OpenImageIO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import PIL.Image
from numpy.typing import NDArray

from compositing.errors import FootageError, ImageError
from compositing.footage import luminance_chroma
from compositing.image import Window

_COLORS = {"r": "R", "red": "R", "g": "G", "green": "G", "b": "B", "blue": "B", "a": "A", "alpha": "A", "y": "Y"}
_RANK = "RGBYA"


@dataclass(frozen=True, slots=True)
class Part:
    """One image inside a file. ``depth`` is the file's own number format: "uint8", "uint16", "half", "float", ..."""

    index: int
    name: str
    channels: tuple[str, ...]
    data: Window
    display: Window
    depth: str
    deep: bool
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Layer:
    """Channels of one part that belong together: where they are in the part, and their names without the layer's."""

    part: Part
    name: str
    indices: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def colored(self) -> bool:
        return set("RGB") <= set(self.names)

    @property
    def title(self) -> str:
        """What to call the layer by: its own name, its part's name, or its channels."""
        return self.name or self.part.name or ",".join(self.names)


def read_parts(path: Path) -> list[Part]:
    """What the file holds, from its headers alone. Raises FootageError where it is missing or no picture."""
    if not path.is_file():
        raise FootageError(f"There is no file {path}; check the path.")
    source = _open(path)
    if source is None:
        problem = oiio.geterror()
        if "ubsampled" in problem:
            return [_subsampled(path)]
        raise FootageError(f"{path} cannot be read as a picture ({_first_line(problem)}); check or replace it.")
    try:
        parts: list[Part] = []
        while source.seek_subimage(len(parts), 0):
            parts.append(_part(path, len(parts), source.spec()))
        source.geterror()
        return parts
    finally:
        source.close()


def choose_layer(path: Path, parts: list[Part], wanted: str | None) -> tuple[Layer, str | None]:
    """The layer to take as the plate, and a note where that was a choice.

    Without a wish that is the first with R, G, B and no layer name, then luminance, then the only layer with R, G, B
    that is no Cryptomatte. ``wanted`` names a layer, a part or one channel. Raises FootageError where none fits.
    """
    layers = [layer for part in parts if not part.deep for layer in _layers(part)]
    if not layers:
        raise FootageError(f"{path.name} is a deep image, which has no single value per pixel; flatten it first.")
    if wanted is not None:
        return _named(path, layers, wanted), None
    plain = [layer for layer in layers if layer.name == ""]
    for layer in plain:
        if layer.colored:
            others = [other.part.name for other in plain if other.colored and other is not layer]
            note = f"Part {layer.part.name} was taken; others are {', '.join(others)}." if others else None
            return layer, note
    for layer in plain:
        if "Y" in layer.names:
            return layer, None
    crypto = _cryptomattes(parts)
    colored = [layer for layer in layers if layer.colored and not layer.name.startswith(crypto)]
    if len(colored) == 1:
        return colored[0], f"There is no plain R, G, B; the layer {colored[0].title} was taken."
    if len(layers) == 1 and layers[0].names == ("A",):
        return layers[0], "The file holds a matte alone; it is shown as grey."
    titles = ", ".join(dict.fromkeys(layer.title for layer in layers))
    raise FootageError(f"{path.name} has no R, G, B or Y channels; choose one of its layers with layer=: {titles}.")


def load(path: Path, layer: Layer, kind: str = "float") -> NDArray[np.generic]:
    """Pixels ``[C, H, W]`` of the layer's data window: float32, integers at full scale 1; or raw with "uint8"."""
    if layer.part.attributes.get(luminance_chroma.MARK):
        return luminance_chroma.read(path)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        _check_jpeg(path)
    source = _open(path)
    if source is None:
        raise FootageError(f"{path} cannot be read as a picture ({_first_line(oiio.geterror())}); replace it.")
    try:
        low, high = min(layer.indices), max(layer.indices) + 1
        pixels = source.read_image(layer.part.index, 0, low, high, kind)
        if pixels is None:
            raise FootageError(f"{path} is damaged ({_first_line(source.geterror())}); render or copy it again.")
    finally:
        source.close()
    if layer.indices != tuple(range(low, high)):
        pixels = pixels[:, :, [index - low for index in layer.indices]]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _open(path: Path) -> oiio.ImageInput | None:
    """Straight alpha is left straight: multiplying eight-bit colour by it would lose what is under it."""
    hints = oiio.ImageSpec()
    hints.attribute("oiio:UnassociatedAlpha", 1)
    return oiio.ImageInput.open(str(path), hints)


def _part(path: Path, index: int, spec: oiio.ImageSpec) -> Part:
    try:
        data = Window.sized(spec.width, spec.height, spec.x, spec.y)
        display = Window.sized(spec.full_width, spec.full_height, spec.full_x, spec.full_y)
    except ImageError as error:
        raise FootageError(f"{path.name} has an empty window; write it again.") from error
    attributes = {attribute.name: attribute.value for attribute in spec.extra_attribs}
    name = str(attributes.get("oiio:subimagename") or "")
    return Part(index, name, tuple(spec.channelnames), data, display, str(spec.format), bool(spec.deep), attributes)


def _subsampled(path: Path) -> Part:
    header = luminance_chroma.read_header(path)
    return Part(0, "", header.channels, header.data, header.display, "half", False, header.attributes)


def _layers(part: Part) -> list[Layer]:
    """Channels grouped by what stands before their last dot, colour in the order R, G, B, Y, A first."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for index, channel in enumerate(part.channels):
        group, _, name = channel.rpartition(".")
        groups.setdefault(group, []).append((index, _COLORS.get(name.lower(), name)))
    return [_layer(part, group, entries) for group, entries in groups.items()]


def _layer(part: Part, group: str, entries: list[tuple[int, str]]) -> Layer:
    """Where a layer has colour, its colour and alpha are the layer; otherwise all of its channels are."""
    picked = [entry for name in _RANK for entry in entries if entry[1] == name]
    if {"R", "G", "B"} <= {name for _, name in picked}:
        picked = [entry for entry in picked if entry[1] != "Y"]
    elif not any(name == "Y" for _, name in picked):
        picked = entries
    return Layer(part, group, tuple(index for index, _ in picked), tuple(name for _, name in picked))


def _named(path: Path, layers: list[Layer], wanted: str) -> Layer:
    for layer in layers:
        if wanted in (layer.name, layer.part.name) and wanted:
            return layer
    for layer in layers:
        if wanted in layer.part.channels:
            return Layer(layer.part, wanted, (layer.part.channels.index(wanted),), (wanted.rpartition(".")[2],))
    titles = ", ".join(dict.fromkeys(layer.title for layer in layers))
    raise FootageError(f"{path.name} has no layer {wanted!r}; it has {titles}.")


def _cryptomattes(parts: list[Part]) -> tuple[str, ...]:
    """Names that Cryptomatte layers begin with (Cryptomatte 1.2: ``cryptomatte/<key>/name``)."""
    return tuple(
        str(value)
        for part in parts
        for key, value in part.attributes.items()
        if key.startswith("cryptomatte/") and key.endswith("/name")
    )


def _check_jpeg(path: Path) -> None:
    """JPEG readers fill what is missing with grey and say nothing. Raises FootageError where the file is cut off."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 32))
        if file.read().rstrip(b"\0").endswith(b"\xff\xd9"):
            return
    try:
        with PIL.Image.open(path) as picture:
            picture.load()
    except (OSError, SyntaxError) as error:
        raise FootageError(f"{path} is damaged ({_first_line(str(error))}); render or copy it again.") from error


def _first_line(problem: str) -> str:
    lines = [line.strip() for line in problem.splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else "no reason was given"
