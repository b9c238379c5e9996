"""Small line plots, drawn with PIL."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sam2_roto.export.files import replacing

SIZE = (760, 420)
FRAME = (70, 40, 730, 360)
"""Left, top, right and bottom of the plot's area."""

COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b")
TICKS = 5

Line = Sequence[tuple[float, float]]


def plot(path: Path, title: str, x_name: str, y_name: str, lines: Mapping[str, Line]) -> None:
    """Draw ``lines`` (points x, y by name) from zero upwards into a PNG. Raises OutputError where it cannot be kept."""
    points = [point for line in lines.values() for point in line]
    right, top = (_round_up(max(axis)) for axis in zip(*points, strict=True))
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    _axes(draw, title, x_name, y_name, right, top)
    for number, (name, line) in enumerate(lines.items()):
        color = COLORS[number % len(COLORS)]
        places = [_place(x / right, y / top) for x, y in line]
        draw.line(places, fill=color, width=2)
        for x, y in places if len(places) < 40 else ():
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=color)
        draw.text((FRAME[0] + 12, FRAME[1] + 8 + 16 * number), name, fill=color, font=_font(13))
    with replacing(path) as part:
        image.save(part, format="PNG", optimize=True)


def _round_up(value: float) -> float:
    """A round number not below ``value``, for the end of an axis; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return power * min(step for step in (1, 1.25, 1.5, 2, 2.5, 5, 7.5, 10) if step * power >= value)


def _place(x: float, y: float) -> tuple[float, float]:
    left, top, right, bottom = FRAME
    return left + x * (right - left), bottom - y * (bottom - top)


def _axes(draw: ImageDraw.ImageDraw, title: str, x_name: str, y_name: str, right: float, top: float) -> None:
    draw.text((FRAME[0], 12), title, fill="black", font=_font(15))
    draw.text((FRAME[2], SIZE[1] - 22), x_name, fill="black", font=_font(13), anchor="ra")
    draw.text((8, FRAME[1] - 18), y_name, fill="black", font=_font(13))
    for tick in range(TICKS + 1):
        x, bottom = _place(tick / TICKS, 0)
        left, y = _place(0, tick / TICKS)
        draw.line((left, y, FRAME[2], y), fill="#dddddd")
        draw.text((left - 6, y), f"{top * tick / TICKS:.3g}", fill="black", font=_font(12), anchor="rm")
        draw.text((x, bottom + 6), f"{right * tick / TICKS:.4g}", fill="black", font=_font(12), anchor="ma")
    draw.line((FRAME[0], FRAME[3], FRAME[2], FRAME[3]), fill="black")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
