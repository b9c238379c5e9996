"""Frame rates in exact numbers."""

from __future__ import annotations

from fractions import Fraction

from compositing.errors import FootageError

# Rates that cameras and editors use; a container's rounding (59.94 for 60000/1001) is undone within the tolerance.
_RATES = [Fraction(n) for n in (24, 25, 30, 48, 50, 60, 120)] + [
    Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)
]
_TOLERANCE = 4e-4


def exact_rate(told: Fraction) -> Fraction:
    """The rate in use that ``told`` is a rounding of (23.976, 59.94), or ``told`` itself."""
    near = min(_RATES, key=lambda rate: abs(rate - told))
    return near if abs(near - told) <= _TOLERANCE * near else told


def parse_rate(rate: Fraction | float | str | None) -> Fraction | None:
    """Frames per second as a user gives them: ``24``, ``23.976``, ``"24000/1001"``.

    Raises FootageError for anything else.
    """
    if rate is None:
        return None
    try:
        value = Fraction(rate)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise FootageError(f"{rate!r} is not a frame rate; write it as 24, 23.976 or 24000/1001.") from error
    if value <= 0:
        raise FootageError(f"A frame rate of {rate} is not possible; it must be above zero.")
    return exact_rate(value)
