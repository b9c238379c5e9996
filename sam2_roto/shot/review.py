"""Review of a shot: which frames to look at, where one more click helps most, and a timeline that shows it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from compositing.footage import Footage
from compositing.footage.frames import FrameRange
from sam2_roto.errors import ShotError
from sam2_roto.export.contact import spread
from sam2_roto.export.files import replacing
from sam2_roto.job import Progress, silent
from sam2_roto.tracking.evidence import Evidence, gather
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.review import Suspect, confidence, expected_gains, rank, suggest

from .results import Results

_PAPER, _INK, _FAINT, _EMPTY = (22, 23, 26), (236, 237, 240), (150, 153, 160), (44, 46, 52)
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _BAR, _FOOT = 1200, 170, 30, 60, 56, 26, 46


class Fix(NamedTuple):
    """Where one more click is expected to help most."""

    name: str
    frame: int
    gain: float
    """What the click is expected to add to the sum of J over the shot."""


@dataclass(frozen=True)
class Review:
    """Evidence of every object, and what follows from it."""

    evidence: Mapping[str, Sequence[Evidence]]
    takes: Sequence[FrameRange]
    """No click reaches beyond its take."""
    untracked: Sequence[str] = ()
    """Names of the objects of which nothing is tracked yet."""

    def suspects(self, most: int | None = 20) -> list[Suspect]:
        """Frames to look at, worst first."""
        return rank(self.evidence, most)

    def fix(self, tried: Collection[int] = ()) -> Fix | None:
        """Where one more click helps most, over all objects; ``None`` where every frame is a keyframe.

        ``tried`` are frames where a click did not help.
        """
        fixes = []
        for name, found in self.evidence.items():
            for take in self.takes:
                part = [item for item in found if item.frame in take]
                frame = suggest(part, tried)
                if frame is not None:
                    gains = {item.frame: gain for item, gain in zip(part, expected_gains(part), strict=True)}
                    fixes.append(Fix(name, frame, gains[frame]))
        return max(fixes, key=lambda fix: fix.gain, default=None)


def review(results: Results, footage: Footage | None, progress: Progress = silent) -> Review:
    """Look at all that is tracked; the network is not needed. Raises ShotError where nothing is.

    Without ``footage`` the objects' colours are not compared, which finds fewer of the frames that went wrong.
    """
    evidence = {entry.name: _evidence(results, footage, entry.name, progress) for entry in results.document.objects}
    found = {name: items for name, items in evidence.items() if items}
    if not found:
        raise ShotError("nothing of the shot is tracked yet; give 'sam2-roto shot track' first")
    return Review(found, results.document.takes, [name for name, items in evidence.items() if not items])


def _evidence(results: Results, footage: Footage | None, name: str, progress: Progress) -> list[Evidence]:
    return gather(_tracked(results, name, progress), footage.view if footage else None)


def _tracked(results: Results, name: str, progress: Progress) -> Iterator[tuple[int, ObjectFrame, float | None]]:
    """Results with the disagreement of their passes, of the frames that have any."""
    frames = results.document.range
    for done, frame in enumerate(frames):
        result = results.read(name, frame)
        if result is not None:
            yield frame, result, results.disagreement(name, frame)
        progress(f"review {name}", done + 1, len(frames))


def write_timeline(path: Path, results: Results, found: Review) -> None:
    """Draw confidence by object and frame, keyframes, cuts and suspects as a PNG. Raises OutputError."""
    rows = len(found.evidence)
    page = Image.new("RGB", (_WIDTH, _TOP + rows * _ROW + _FOOT), _PAPER)
    draw = ImageDraw.Draw(page)
    scale = _Scale(results.document.range.first, results.document.range.last)
    _write_head(draw, results)
    for row, (name, items) in enumerate(found.evidence.items()):
        _draw_object(draw, scale, _TOP + row * _ROW, results, name, items)
    for suspect in found.suspects(12):
        row = list(found.evidence).index(suspect.name)
        _draw_suspect(draw, scale, _TOP + row * _ROW, suspect.frame)
    _draw_cuts(draw, scale, results, _TOP + rows * _ROW)
    _draw_numbers(draw, scale, _TOP + rows * _ROW)
    with replacing(path) as hidden:
        page.save(hidden, format="PNG", optimize=True)


class _Scale(NamedTuple):
    """Frames to pixels of the page."""

    first: int
    last: int

    def left(self, frame: int) -> float:
        """The left edge of a frame's cell."""
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (frame - self.first) / (self.last - self.first + 1)

    def middle(self, frame: int) -> float:
        """The middle of a frame's cell."""
        return (self.left(frame) + self.left(frame + 1)) / 2


def _write_head(draw: ImageDraw.ImageDraw, results: Results) -> None:
    title = f"{results.folder.name.removesuffix('.roto')}   {results.document.range}"
    draw.text((16, 28), title, font=ImageFont.load_default(20), fill=_INK, anchor="lm")
    small = ImageFont.load_default(14)
    right = _WIDTH - _RIGHT - 330.0
    for word, value in (("doubtful", 0.3), ("", 0.6), ("sure", 1.0)):
        draw.rectangle((right, 21, right + 22, 35), fill=_heat(value))
        draw.text((right + 28, 28), word, font=small, fill=_FAINT, anchor="lm")
        right += 24 + (draw.textlength(word, font=small) + 16 if word else 0)
    draw.polygon(_diamond(right + 8, 28), fill=_INK)
    draw.text((right + 20, 28), "keyframe", font=small, fill=_FAINT, anchor="lm")


def _draw_object(
    draw: ImageDraw.ImageDraw, scale: _Scale, top: int, results: Results, name: str, items: Sequence[Evidence]
) -> None:
    entry = results.document.object(name)
    draw.rounded_rectangle((16, top + 6, 32, top + 22), 4, fill=entry.colour)
    draw.text((40, top + 14), _short(draw, name), font=ImageFont.load_default(16), fill=_INK, anchor="lm")
    draw.rectangle((scale.left(scale.first), top, scale.left(scale.last + 1), top + _BAR), fill=_EMPTY)
    for item in items:
        right = max(scale.left(item.frame + 1) - (scale.left(1) - scale.left(0) > 6), scale.left(item.frame) + 1)
        draw.rectangle((scale.left(item.frame), top, right, top + _BAR), fill=_heat(confidence(item)))
    for item in items:
        if item.prompted:
            draw.polygon(_diamond(scale.middle(item.frame), top + _BAR / 2), fill=_INK, outline=_PAPER)


def _draw_suspect(draw: ImageDraw.ImageDraw, scale: _Scale, top: int, frame: int) -> None:
    x, y = scale.middle(frame), top + _BAR + 3
    draw.polygon([(x, y), (x - 4, y + 7), (x + 4, y + 7)], fill=_INK)
    draw.text((x, y + 9), str(frame), font=ImageFont.load_default(12), fill=_INK, anchor="mt")


def _draw_cuts(draw: ImageDraw.ImageDraw, scale: _Scale, results: Results, bottom: int) -> None:
    for cut in results.document.cuts or ():
        if scale.first < cut.frame <= scale.last:
            x = scale.left(cut.frame)
            draw.line((x, _TOP - 12, x, bottom), fill=_FAINT if cut.open else _INK, width=1 if cut.open else 2)


def _draw_numbers(draw: ImageDraw.ImageDraw, scale: _Scale, top: int) -> None:
    for frame in spread(range(scale.first, scale.last + 1), 11):
        x = scale.middle(frame)
        draw.line((x, top, x, top + 6), fill=_FAINT)
        draw.text((x, top + 10), str(frame), font=ImageFont.load_default(13), fill=_FAINT, anchor="mt")


def _diamond(x: float, y: float) -> list[tuple[float, float]]:
    return [(x, y - 7), (x + 6, y), (x, y + 7), (x - 6, y)]


def _heat(value: float) -> tuple[int, int, int]:
    """Red where a frame is not to be trusted, through amber, to green."""
    share = min(max((value - 0.3) / 0.7, 0.0), 1.0)
    red, amber, green = (214, 69, 56), (232, 180, 64), (72, 168, 104)
    low, high, part = (red, amber, 2 * share) if share < 0.5 else (amber, green, 2 * share - 1)
    first, second, third = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    return first, second, third


def _short(draw: ImageDraw.ImageDraw, name: str) -> str:
    font = ImageFont.load_default(16)
    while len(name) > 3 and draw.textlength(name, font=font) > _LEFT - 52:
        name = name[:-2].rstrip("…") + "…"
    return name
