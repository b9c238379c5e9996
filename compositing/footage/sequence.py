"""Image sequences and stills as footage, read by OpenImageIO."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from compositing import primaries
from compositing.color import CAMERA, CINEON, LINEAR, SRGB, display_view, is_monitor_space, resolve
from compositing.errors import ColorError, FootageError
from compositing.footage import numbering, timecode
from compositing.footage.footage import ColorInfo, Footage, View, prefetch
from compositing.footage.frames import gaps, spell
from compositing.footage.orientation import Turn, from_exif, turn
from compositing.footage.picture import Layer, Part, choose_layer, load, read_parts
from compositing.footage.rates import exact_rate
from compositing.image import Image, Window, paste
from compositing.primaries import Chromaticities

_RECENT = 2

# DPX transfer characteristics (SMPTE 268M, table 5A) that name a curve.
_DPX_TRANSFERS = {"Printing density": CINEON, "Linear": LINEAR} | dict.fromkeys(
    ("SMPTE 274M", "ITU-R 709-4", "ITU-R 601-5 system B or G", "ITU-R 601-5 system M"), CAMERA
)


class SequenceFootage(Footage):
    """One picture per file; the numbers in the files' names are the frame numbers, unless ``start`` renumbers them.

    Raises FootageError where there are no files, or they hold nothing that can be taken as a plate.
    """

    def __init__(
        self,
        path: Path,
        *,
        start: int | None = None,
        color_space: str | None = None,
        rate: Fraction | None = None,
        layer: str | None = None,
    ) -> None:
        self.path = path
        self.notes = []
        self._wanted = layer
        self._recent: OrderedDict[int, Image] = OrderedDict()
        self._lock = threading.Lock()
        self._number(numbering.find(path), start)
        self._describe(color_space, rate)

    def _number(self, sequence: numbering.Sequence, start: int | None) -> None:
        files = _same_sized(self.path, sequence, self.notes)
        offset = 0 if start is None else start - next(iter(files))
        self._files = {frame + offset: file for frame, file in files.items()}
        self.frames = tuple(self._files)
        if offset:
            self.notes.append(f"Frame {next(iter(files))} of {sequence.name} is numbered {self.first} here.")
        if left_out := gaps(self.frames):
            self.notes.append(f"The numbering has gaps: {spell(left_out)} missing.")

    def _describe(self, color_space: str | None, rate: Fraction | None) -> None:
        layer, note = self._layer(self.first)
        attributes = layer.part.attributes
        self.metadata = attributes
        self._turn = from_exif(attributes.get("Orientation"))
        width, height = layer.part.display.width, layer.part.display.height
        self.width, self.height = (height, width) if self._turn.swaps else (width, height)
        self.rate = rate or _rate(attributes)
        self.pixel_aspect = _positive(attributes.get("PixelAspectRatio")) or 1.0
        self.chromaticities = _chromaticities(attributes)
        self.color = _color(layer.part, self._files[self.first], self.chromaticities, color_space)
        if color_space is None and self.chromaticities and _known_space(self.chromaticities) is None:
            self.to_rec709 = primaries.to_rec709(self.chromaticities)
        notes = [note, self.color.reason if self.color.guessed or self.to_rec709 is not None else None]
        self.notes.extend(text for text in notes if text)
        if self.pixel_aspect != 1.0:
            self.notes.append(f"Pixels are not square ({self.pixel_aspect:.4g} wide); they are kept as stored.")

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(self._files.values())

    def read(self, frame: int) -> Image:
        self.check(frame)
        with self._lock:
            if frame not in self._recent:
                self._recent[frame] = self._load(frame)
                while len(self._recent) > _RECENT:
                    self._recent.popitem(last=False)
            return self._recent[frame]

    def view(self, frame: int) -> View:
        self.check(frame)
        layer, _ = self._layer(frame)
        self._check_size(frame, layer.part.display)
        if layer.part.depth == "uint8" and is_monitor_space(self.color.space):
            return self._eight_bit(frame, layer)
        image = self._recent.get(frame) or self._load(frame)
        color = image.rgb()
        if image.alpha is not None and not image.premultiplied:
            color = color * image.alpha
        return display_view(paste(color, image.data, image.display), self.color.space, self.to_rec709)

    def views(self, frames: Iterable[int], look_ahead: int = 4) -> Iterator[tuple[int, View]]:
        return prefetch(self.view, frames, look_ahead, workers=2)

    def timecode(self, frame: int) -> str | None:
        self.check(frame)
        layer, _ = self._layer(frame)
        told = layer.part.attributes.get("smpte:TimeCode")  # the word and its user bits
        return timecode.unpack(told[0], self.rate) if isinstance(told, tuple) else None

    def close(self) -> None:
        with self._lock:
            self._recent.clear()

    def _layer(self, frame: int) -> tuple[Layer, str | None]:
        file = self._files[frame]
        return choose_layer(file, read_parts(file), self._wanted)

    def _load(self, frame: int) -> Image:
        layer, _ = self._layer(frame)
        pixels = turn(np.asarray(load(self._files[frame], layer), dtype=np.float32), self._turn)
        part = layer.part
        data, display = (_turned(window, self._turn, part.display) for window in (part.data, part.display))
        straight = bool(layer.part.attributes.get("oiio:UnassociatedAlpha")) and "A" in layer.names
        tensor = torch.from_numpy(np.ascontiguousarray(pixels))
        return Image(tensor, layer.names, data, display, not straight, self.color.space)

    def _eight_bit(self, frame: int, layer: Layer) -> View:
        """Eight-bit files for a monitor are shown code by code, over black where they have alpha."""
        codes = np.asarray(load(self._files[frame], layer, "uint8"), dtype=np.uint8)
        color = codes[:3] if layer.colored else codes[[0, 0, 0]]
        if "A" in layer.names and layer.part.attributes.get("oiio:UnassociatedAlpha"):
            alpha = codes[layer.names.index("A")].astype(np.uint16)
            color = ((color * alpha + 127) // 255).astype(np.uint8)
        if layer.part.data != layer.part.display:
            color = paste(torch.from_numpy(color), layer.part.data, layer.part.display).numpy()
        return np.ascontiguousarray(turn(color, self._turn).transpose(1, 2, 0))

    def _check_size(self, frame: int, display: Window) -> None:
        size = (display.height, display.width) if self._turn.swaps else (display.width, display.height)
        if size != (self.width, self.height):
            raise FootageError(
                f"{self._files[frame].name} is {size[0]}x{size[1]} but the footage is {self.width}x{self.height}; "
                "all frames of a sequence need one display window."
            )


def _same_sized(path: Path, sequence: numbering.Sequence, notes: list[str]) -> dict[int, Path]:
    """The files to take: one file alone where its numbered neighbours have another size and so are no sequence."""
    files = sequence.files
    if not path.is_file() or len(files) == 1:
        return files
    frame = next(number for number, file in files.items() if file.name == path.name)
    ends = {min(files), max(files)} - {frame}
    here = _display_size(path)
    if all(_display_size(files[end]) in (here, None) for end in ends):
        return files
    notes.append(f"The numbered files beside {path.name} have other sizes, so it was opened as a still.")
    return {frame: path}


def _display_size(file: Path) -> tuple[int, int] | None:
    """Width and height, or None for a file that cannot be read, such as one that is still being rendered."""
    try:
        display = read_parts(file)[0].display
    except FootageError:
        return None
    return display.width, display.height


def _turned(window: Window, how: Turn, frame: Window) -> Window:
    """Where a window comes to lie when the picture in ``frame`` is turned; the frame's corner stays where it is."""
    x0, x1 = window.x0 - frame.x0, window.x1 - frame.x0
    y0, y1 = window.y0 - frame.y0, window.y1 - frame.y0
    width, height = frame.width, frame.height
    if how.mirrored:
        x0, x1 = width - x1, width - x0
    for _ in range(how.quarters):
        x0, y0, x1, y1 = height - y1, x0, height - y0, x1
        width, height = height, width
    return Window(x0 + frame.x0, y0 + frame.y0, x1 + frame.x0, y1 + frame.y0)


def _color(part: Part, file: Path, chromaticities: Chromaticities | None, wanted: str | None) -> ColorInfo:
    """The colour space of a plate: what the user says, else what the header says, else what such files usually are."""
    if wanted is not None:
        return ColorInfo(resolve(wanted), False, f"The colour space was given as {wanted}.")
    kind = file.suffix[1:].upper()
    if (transfer := part.attributes.get("dpx:Transfer")) is not None:
        told = f"The DPX header says {str(transfer).lower()}"
        if transfer == "Logarithmic":
            return ColorInfo(CINEON, True, f"{told}, taken as {CINEON}; name the camera's log if it is another.")
        if space := _DPX_TRANSFERS.get(str(transfer)):
            return ColorInfo(space, False, f"{told}.")
        return ColorInfo(SRGB, True, f"{told}, taken as {SRGB}; name Cineon or a camera's log if it is one.")
    if file.suffix.lower() == ".cin":
        return ColorInfo(CINEON, False, "Cineon files hold printing density.")
    if chromaticities is not None:
        known = _known_space(chromaticities)
        told = (
            f"The header's chromaticities are those of {known or f'no named space; a matrix takes them to {LINEAR}'}."
        )
        return ColorInfo(known or LINEAR, False, told)
    if (tagged := part.attributes.get("colorInteropID") or part.attributes.get("oiio:ColorSpace")) is not None:
        with suppress(ColorError):
            return ColorInfo(resolve(str(tagged)), False, f"The file is tagged {tagged}.")
    if part.depth in ("half", "float", "double"):
        return ColorInfo(LINEAR, True, f"{kind} without a colour tag, taken as {LINEAR} because it holds floats.")
    return ColorInfo(SRGB, True, f"{kind} without a colour tag, taken as {SRGB} because it holds integers.")


def _known_space(chromaticities: Chromaticities) -> str | None:
    """The config's linear space with these chromaticities, or None where it has none."""
    name = primaries.name_of(chromaticities)
    with suppress(ColorError):
        return resolve(name) if name else None
    return None


def _chromaticities(attributes: Mapping[str, object]) -> Chromaticities | None:
    told = attributes.get("chromaticities")
    if not isinstance(told, (tuple, list)) or len(told) != 8:
        return None
    red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y = (float(value) for value in told)
    return red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y


def _rate(attributes: Mapping[str, object]) -> Fraction | None:
    """Frames per second from an EXR's rational or a DPX header's float, or None."""
    told = attributes.get("framesPerSecond")
    if isinstance(told, (tuple, list)) and len(told) == 2 and told[0] > 0 and told[1] > 0:
        return Fraction(int(told[0]), int(told[1]))
    for name in ("framesPerSecond", "dpx:FrameRate", "dpx:TemporalFrameRate"):
        if rate := _positive(attributes.get(name)):
            return exact_rate(Fraction(rate).limit_denominator(1001))
    return None


def _positive(value: object) -> float | None:
    return value if isinstance(value, float) and 0.0 < value < float("inf") else None
