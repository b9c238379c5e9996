"""Times as editors write them."""

from __future__ import annotations

from fractions import Fraction


def clock_of(frame: int, rate: Fraction) -> str:
    """The frame as a clock with milliseconds."""
    thousandths = round(Fraction(frame * 1000) / rate)
    seconds, rest = divmod(thousandths, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
