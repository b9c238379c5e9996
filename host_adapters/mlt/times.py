"""Times as MLT writes them, and the profile that they count in.

A time is a number of frames (``104``), a clock (``00:00:04.160``) or SMPTE timecode (``00:00:04:04``, with a semicolon
for drop frame). The rules are those of ``mlt_property.c``: a clock is rounded to the nearest frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from host_adapters.mlt.document import Element
from host_adapters.mlt.errors import ProjectError

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?)")
_SMPTE = re.compile(r"(?:(?:(?:(\d+):)?(\d+):)?(\d+)([:;]))(\d+)")


@dataclass(frozen=True)
class Profile:
    """The picture that a project makes: size in pixels, frames per second, a pixel's width over its height."""

    width: int
    height: int
    rate: Fraction
    pixel_aspect: Fraction

    @property
    def aspect(self) -> float:
        """The shape of the picture as shown, width over height."""
        return float(self.width * self.pixel_aspect / self.height)

    @classmethod
    def of(cls, element: Element | None, name: str) -> Profile:
        """Read a ``<profile>``. Raises ProjectError where it is absent or makes no sense."""
        if element is None:
            raise ProjectError(f"{name} has no <profile>, which gives size and rate; save it in its editor once")
        try:
            size = int(element.attributes["width"]), int(element.attributes["height"])
            rate = _ratio(element, "frame_rate")
            profile = cls(*size, rate, _ratio(element, "sample_aspect"))
        except (KeyError, ValueError, ZeroDivisionError) as error:
            raise ProjectError(
                f"the <profile> of {name} lacks a number ({error}); save it in its editor once"
            ) from error
        if min(profile.width, profile.height) <= 0 or profile.rate <= 0 or profile.pixel_aspect <= 0:
            raise ProjectError(f"the <profile> of {name} holds a number that is not above 0; choose another profile")
        return profile


def frames_of(text: str, rate: Fraction) -> int:
    """The frame that a time means. Raises ProjectError where it is none."""
    word = text.strip()
    if re.fullmatch(r"-?\d+", word):
        return int(word)
    if (smpte := _SMPTE.fullmatch(word)) and "." not in word and "," not in word:
        return _smpte(smpte, rate)
    if (clock := _CLOCK.fullmatch(word)) and ":" in word:
        hours, minutes, seconds = clock.groups()
        return round(float(rate) * (int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds.replace(",", "."))))
    raise ProjectError(f"'{text}' is not a time that MLT writes; save the project in its editor once")


def _smpte(found: re.Match[str], rate: Fraction) -> int:
    hours, minutes, seconds, mark, frames = found.groups()
    whole = round(rate)
    total_minutes = int(hours or 0) * 60 + int(minutes or 0)
    count = (total_minutes * 60 + int(seconds)) * whole + int(frames)
    if mark == ":":
        return count
    dropped = whole // 15  # two of 30 and four of 60 in every minute that ten does not divide (SMPTE ST 12-1)
    return count - dropped * (total_minutes - total_minutes // 10)


def _ratio(element: Element, name: str) -> Fraction:
    return Fraction(int(element.attributes[f"{name}_num"]), int(element.attributes[f"{name}_den"]))
