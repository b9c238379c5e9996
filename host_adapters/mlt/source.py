"""What a clip plays: the file behind a producer, with its speed, its time remapping and its proxy looked through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from compositing.footage import Footage, open_footage
from host_adapters.mlt.document import Element
from host_adapters.mlt.errors import ProjectError
from host_adapters.mlt.times import frames_of
from host_adapters.mlt.timing import TimeMap, Timing

_MOVIES = ("avformat", "avformat-novalidate")
_PICTURES = ("qimage", "pixbuf")
_SPEED = re.compile(r"(-?\d+(?:[.,]\d+)?):(.+)", re.DOTALL)
_NUMBER = re.compile(r"%[.]?0?(\d*)d|#+")
_BEGIN = re.compile(r"\?begin[=:](\d+)$")


@dataclass(frozen=True)
class Source:
    """The footage of a producer.

    Attributes:
        path: a movie, or a picture of a sequence as ``open_footage`` takes it.
        speed: 1 as recorded, 2 twice as fast, below 0 backwards.
        last: the producer's last position, from which it runs backwards.
        remap: a time remapping.
        rate: frames per second that the project forces on the movie.
        aspect: a pixel's width over its height that the project forces on the movie.
        begin: number of a sequence's first picture, and ``hold`` the positions that each is shown; None for movies.
        offset: the producer's own in point.
    """

    path: Path
    speed: float = 1.0
    last: int = 0
    remap: TimeMap | None = None
    rate: Fraction | None = None
    aspect: float | None = None
    begin: int | None = None
    hold: int = 1
    offset: int = 0

    def open(self) -> Footage:
        """The footage. Raises FootageError where the file is absent or cannot be read."""
        return open_footage(self.path)

    def timing(self, project: Fraction, footage: Footage) -> Timing:
        """How positions become frames, counted from the footage's first."""
        rate = None if self.begin is not None else self.rate or footage.rate
        return Timing(project, rate, self.speed, self.last, self.remap, self.hold, self.offset)

    def aspect_of(self, footage: Footage) -> float:
        """The shape of the picture as shown, width over height."""
        pixel = self.aspect or footage.pixel_aspect
        return footage.width * pixel / footage.height


def is_footage(producer: Element) -> bool:
    """Whether a producer plays a movie or pictures, with anything to see."""
    service = producer.property("mlt_service") or ""
    silent = producer.property("set.test_image") == "1" or producer.property("video_index") == "-1"
    return service in (*_MOVIES, *_PICTURES, "timewarp") and not silent and bool(producer.property("resource"))


def source_of(producer: Element, root: Path, rate: Fraction) -> Source:
    """Read a producer or chain of footage.

    Args:
        producer: for which ``is_footage`` holds.
        root: the folder that relative names start from.
        rate: of the project.

    Raises ProjectError for what is not followed here.
    """
    resource, speed = _resource(producer)
    remap = _remap(producer, rate)
    offset, last = span_of(producer, rate)
    if offset and (remap or speed != 1.0):
        raise ProjectError(f"the producer '{producer.id}' is trimmed and changes speed; trim its clip instead")
    if producer.property("mlt_service") in _PICTURES:
        return _pictures(producer, root / resource, offset)
    forced = producer.property("force_fps")
    aspect = producer.property("force_aspect_ratio")
    return Source(
        root / resource,
        speed,
        last,
        remap,
        Fraction(forced).limit_denominator(100_000) if forced and float(forced) > 0 else None,
        float(aspect) if aspect and float(aspect) > 0 else None,
        offset=offset,
    )


def span_of(producer: Element, rate: Fraction) -> tuple[int, int]:
    """First and last position of a producer. Raises ProjectError where it does not say how long it is."""
    first, last, length = producer.get("in"), producer.get("out"), producer.property("length")
    if last is None and length is None:
        raise ProjectError(f"the producer '{producer.id}' has no length; save the project in its editor once")
    return (
        frames_of(first, rate) if first else 0,
        frames_of(last, rate) if last else frames_of(length or "1", rate) - 1,
    )


def _resource(producer: Element) -> tuple[str, float]:
    """The file as named, and the speed. A proxy's original stands for it."""
    resource, speed = producer.property("resource") or "", 1.0
    if producer.property("mlt_service") == "timewarp":
        found = _SPEED.fullmatch(resource)
        if found is None:
            raise ProjectError(f"the producer '{producer.id}' warps time, but its resource '{resource}' has no speed")
        speed, resource = float(found[1].replace(",", ".")), found[2]
    original = producer.property("kdenlive:originalurl")
    proxied = producer.property("kdenlive:proxy") not in (None, "", "-")
    return (original if proxied and original else resource), speed


def _remap(producer: Element, rate: Fraction) -> TimeMap | None:
    """The time remapping of a chain; other links leave time alone."""
    for link in producer.all("link"):
        if link.property("mlt_service") == "timeremap" and link.property("disable") != "1":
            text = link.property("map") or link.property("time_map")
            if text and link.property("image_mode") == "blend":
                raise ProjectError(
                    f"the time remapping of '{producer.id}' blends frames; set its image mode to nearest"
                )
            if text:
                return TimeMap.parse(text, rate)
    return None


def _pictures(producer: Element, path: Path, offset: int) -> Source:
    """A numbered sequence, or a single picture."""
    name = path.name
    begin = _BEGIN.search(name)
    name = name[: begin.start()] if begin else name
    number = _NUMBER.search(name)
    hold = int(float(producer.property("ttl") or 25)) if number else 1 << 30
    if number is None:
        return Source(path, begin=0, hold=hold, offset=offset)
    first = int(begin[1]) if begin else _lowest(path.with_name(name), number)
    width = int(number[1] or 1) if number[1] is not None else len(number[0])
    spelled = name[: number.start()] + str(first).zfill(width) + name[number.end() :]
    return Source(path.with_name(spelled), begin=first, hold=hold, offset=offset)


def _lowest(path: Path, number: re.Match[str]) -> int:
    """The lowest number for which there is a picture, as MLT looks for it."""
    pattern = re.compile(re.escape(path.name[: number.start()]) + r"(\d+)" + re.escape(path.name[number.end() :]))
    found = [int(match[1]) for file in path.parent.glob("*") if (match := pattern.fullmatch(file.name))]
    if not found:
        raise ProjectError(f"there are no pictures {path}; link them anew in the project's editor")
    return min(found)
