"""The contact sheet: a few frames of a shot on one page, with their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sam2_roto.export.files import replacing
from sam2_roto.export.preview import View, object_color

_PAPER, _INK, _FAINT = (22, 23, 26), (236, 237, 240), (150, 153, 160)
_GAP = 10


def spread(frames: Sequence[int], count: int) -> list[int]:
    """At most ``count`` of the frames, evenly chosen, the first and the last among them."""
    if len(frames) <= count:
        return list(frames)
    places = np.linspace(0, len(frames) - 1, max(count, 1)).round().astype(int)
    return [frames[place] for place in places]


@dataclass
class ContactSheet:
    """Collects small pictures and lays them out on one page.

    Attributes:
        title: written at the top.
        objects: names of the objects, written at the top in their colours.
        cell_width: width of a picture on the page, in pixels.
        pixel_aspect: width of a plate's pixel over its height; pictures are shown as they look.
    """

    title: str
    objects: Sequence[str] = ()
    cell_width: int = 480
    pixel_aspect: float = 1.0
    cells: list[tuple[str, View]] = field(default_factory=list, init=False)

    def add(self, label: str, picture: View) -> None:
        """Keep a small copy of the picture, uint8 ``[H, W, 3]``, under a label (a frame number)."""
        height, width = picture.shape[:2]
        cell_height = max(1, round(self.cell_width * height / (width * self.pixel_aspect)))
        method = cv2.INTER_AREA if self.cell_width < width else cv2.INTER_CUBIC
        small = cv2.resize(picture, (self.cell_width, cell_height), interpolation=method)
        self.cells.append((label, np.asarray(small, np.uint8)))

    def page(self) -> View:
        """The sheet as uint8 ``[H, W, 3]``."""
        columns = max(1, math.ceil(math.sqrt(len(self.cells) * 1.2))) if self.cells else 1
        cell_height = max((picture.shape[0] for _, picture in self.cells), default=1)
        rows = math.ceil(len(self.cells) / columns)
        header = 56
        width = columns * (self.cell_width + _GAP) + _GAP
        page = Image.new("RGB", (width, header + rows * (cell_height + _GAP)), _PAPER)
        draw = ImageDraw.Draw(page, "RGBA")
        self._write_header(draw, width, header)
        for index, (label, picture) in enumerate(self.cells):
            row, column = divmod(index, columns)
            place = (_GAP + column * (self.cell_width + _GAP), header + row * (cell_height + _GAP))
            page.paste(Image.fromarray(picture), place)
            _write_label(draw, (place[0] + 8, place[1] + picture.shape[0] - 8), label)
        return np.asarray(page, np.uint8)

    def write(self, path: Path) -> None:
        """Write the page as PNG, whole or not at all. Raises OutputError where that is impossible."""
        with replacing(path) as hidden:
            Image.fromarray(self.page()).save(hidden, format="PNG")

    def _write_header(self, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
        font = ImageFont.load_default(22)
        draw.text((_GAP + 2, height / 2), self.title, font=font, fill=_INK, anchor="lm")
        small = ImageFont.load_default(18)
        right = width - _GAP - 2
        for index in reversed(range(len(self.objects))):
            name = self.objects[index]
            draw.text((right, height / 2), name, font=small, fill=_FAINT, anchor="rm")
            right -= round(draw.textlength(name, font=small)) + 24
            draw.rounded_rectangle((right, height / 2 - 8, right + 16, height / 2 + 8), 4, fill=object_color(index))
            right -= 18


def _write_label(draw: ImageDraw.ImageDraw, corner: tuple[int, int], label: str) -> None:
    """The label on a dark plate whose lower left corner is given."""
    font = ImageFont.load_default(18)
    width = round(draw.textlength(label, font=font)) + 14
    left, bottom = corner
    draw.rounded_rectangle((left, bottom - 26, left + width, bottom), 5, fill=(0, 0, 0, 160))
    draw.text((left + 7, bottom - 13), label, font=font, fill=_INK, anchor="lm")
