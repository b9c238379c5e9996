"""Blend modes of W3C's "Compositing and Blending Level 1" and of paint programs, with its rule for alpha.

In the formulas s is the source (the layer above, A), b the backdrop (B), both straight colour. The modes are meant for
values of 0 to 1 in a display encoding; beyond that they follow their formulas, and those that clip there say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.alpha import faint, opaque, ratio, straight
from compositing.operations.merge import Merge, combine
from compositing.operations.pairs import check_premultiplied


@dataclass(frozen=True, slots=True)
class Blend:
    """One mode: ``compute(backdrop, source)`` on straight colour ``[3, h, w]``, or ``[1, h, w]`` where separable."""

    formula: str
    compute: Callable[[Tensor, Tensor], Tensor]
    separable: bool = True


def blend(mode: str, a: Image, b: Image, *, out: Tensor | None = None) -> Image:
    """A blended onto B by one of ``BLENDS``; premultiplied images, as in ``merge``; the result has alpha.

    Colour is ``A(1 - b) + B(1 - a) + ab Blend(B/b, A/a)``, alpha ``a + b - ab`` (W3C, section 5.1); light of A
    where its alpha is 0 is added. The modes that are not separable need the channels R, G and B.

    Raises ImageError or ColorError as ``merge`` does, ImageError for an unknown mode.
    """
    if mode not in BLENDS:
        raise ImageError(f"There is no blend mode {mode!r}; there are {', '.join(BLENDS)}.")
    check_premultiplied(a)
    check_premultiplied(b)
    chosen, b = BLENDS[mode], opaque(b)
    names = [name for name in b.channels if name != "A"]
    if not chosen.separable and names != ["R", "G", "B"]:
        raise ImageError(f"The blend mode {mode} needs the channels R, G and B in order, not {', '.join(b.channels)}.")
    if b.channels[-1] != "A":
        order = (*names, "A")
        b = replace(b, pixels=b.pixels[[b.channels.index(name) for name in order]], channels=order)
    return combine(Merge(chosen.formula, _with_alpha(chosen.compute)), a, b, out)


def _with_alpha(compute: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """The mode with W3C's rule for alpha, which is the last plane."""

    def combined(a: Tensor, b: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        mixed = a * torch.where(faint(alpha), torch.ones_like(beta), 1 - beta) + b * (1 - alpha)
        blended = compute(straight(b[:-1], beta), straight(a[:-1], alpha))
        mixed[:-1].add_(blended * (alpha * beta))
        mixed[-1:] = alpha + beta - alpha * beta
        return mixed

    return combined


def _screen(b: Tensor, s: Tensor) -> Tensor:
    return b + s - b * s


def _hard_light(b: Tensor, s: Tensor) -> Tensor:
    return torch.where(s <= 0.5, 2 * b * s, _screen(b, 2 * s - 1))


def _soft_light(b: Tensor, s: Tensor) -> Tensor:
    root = torch.where(b <= 0.25, ((16 * b - 12) * b + 4) * b, b.clamp_min(0).sqrt())
    return torch.where(s <= 0.5, b - (1 - 2 * s) * b * (1 - b), b + (2 * s - 1) * (root - b))


def _dodge(b: Tensor, s: Tensor) -> Tensor:
    lit = torch.where(s >= 1, torch.ones_like(b), ratio(b, 1 - s).clamp_max(1))
    return torch.where(b == 0, torch.zeros_like(b), lit)


def _burn(b: Tensor, s: Tensor) -> Tensor:
    burnt = torch.where(s <= 0, torch.zeros_like(b), 1 - ratio(1 - b, s).clamp_max(1))
    return torch.where(b == 1, torch.ones_like(b), burnt)


def _vivid_light(b: Tensor, s: Tensor) -> Tensor:
    return torch.where(s <= 0.5, _burn(b, 2 * s), _dodge(b, 2 * s - 1))


def _pin_light(b: Tensor, s: Tensor) -> Tensor:
    return torch.where(s <= 0.5, torch.minimum(b, 2 * s), torch.maximum(b, 2 * s - 1))


def _luma(color: Tensor) -> Tensor:
    """W3C's Lum, ``[1, h, w]``."""
    return 0.3 * color[0:1] + 0.59 * color[1:2] + 0.11 * color[2:3]


def _set_luma(color: Tensor, luma: Tensor) -> Tensor:
    """W3C's SetLum with its ClipColor: the colour moved to that luma, then towards grey until it is in 0..1."""
    moved = color + (luma - _luma(color))
    level = _luma(moved)
    low, high = moved.amin(0, keepdim=True), moved.amax(0, keepdim=True)
    moved = torch.where(low < 0, level + ratio((moved - level) * level, level - low), moved)
    return torch.where(high > 1, level + ratio((moved - level) * (1 - level), high - level), moved)


def _saturation(color: Tensor) -> Tensor:
    return color.amax(0, keepdim=True) - color.amin(0, keepdim=True)


def _set_saturation(color: Tensor, saturation: Tensor) -> Tensor:
    """W3C's SetSat: the smallest component at 0, the largest at ``saturation``, the middle one in proportion."""
    return ratio((color - color.amin(0, keepdim=True)) * saturation, _saturation(color).expand_as(color))


def _by_luma(brighter: bool) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda b, s: torch.where((_luma(s) > _luma(b)) == brighter, s, b)


BLENDS: dict[str, Blend] = {
    "normal": Blend("s", lambda _b, s: s),
    "multiply": Blend("bs", torch.mul),
    "screen": Blend("b + s - bs", _screen),
    "overlay": Blend("hard-light with b and s exchanged", lambda b, s: _hard_light(s, b)),
    "darken": Blend("min(b, s)", torch.minimum),
    "lighten": Blend("max(b, s)", torch.maximum),
    "color-dodge": Blend("0 where b = 0, else 1 where s >= 1, else min(1, b/(1 - s))", _dodge),
    "color-burn": Blend("1 where b = 1, else 0 where s <= 0, else 1 - min(1, (1 - b)/s)", _burn),
    "hard-light": Blend("2bs where s <= 1/2, else screen(b, 2s - 1)", _hard_light),
    "soft-light": Blend(
        "b - (1 - 2s)b(1 - b) where s <= 1/2, else b + (2s - 1)(D(b) - b); "
        "D(b) = ((16b - 12)b + 4)b where b <= 1/4, else sqrt(b)",
        _soft_light,
    ),
    "soft-light-pegtop": Blend("(1 - 2s)b^2 + 2bs", lambda b, s: (1 - 2 * s) * b * b + 2 * b * s),
    "difference": Blend("abs(b - s)", lambda b, s: (b - s).abs_()),
    "exclusion": Blend("b + s - 2bs", lambda b, s: b + s - 2 * b * s),
    "linear-burn": Blend("max(0, b + s - 1)", lambda b, s: (b + s - 1).clamp_min_(0)),
    "linear-dodge": Blend("b + s", torch.add),
    "vivid-light": Blend("color-burn(b, 2s) where s <= 1/2, else color-dodge(b, 2s - 1)", _vivid_light),
    "linear-light": Blend("min(1, max(0, b + 2s - 1))", lambda b, s: (b + 2 * s - 1).clamp_(0, 1)),
    "pin-light": Blend("min(b, 2s) where s <= 1/2, else max(b, 2s - 1)", _pin_light),
    "hard-mix": Blend("1 where b + s >= 1, else 0", lambda b, s: (b + s >= 1).to(b.dtype)),
    "subtract": Blend("max(0, b - s)", lambda b, s: (b - s).clamp_min_(0)),
    "divide": Blend("b/s, 0 where s is 0", ratio),
    "darker-color": Blend("whichever of b and s has the lower luma", _by_luma(brighter=False), separable=False),
    "lighter-color": Blend("whichever of b and s has the higher luma", _by_luma(brighter=True), separable=False),
    "hue": Blend(
        "SetLum(SetSat(s, Sat(b)), Lum(b))",
        lambda b, s: _set_luma(_set_saturation(s, _saturation(b)), _luma(b)),
        separable=False,
    ),
    "saturation": Blend(
        "SetLum(SetSat(b, Sat(s)), Lum(b))",
        lambda b, s: _set_luma(_set_saturation(b, _saturation(s)), _luma(b)),
        separable=False,
    ),
    "color": Blend("SetLum(s, Lum(b))", lambda b, s: _set_luma(s, _luma(b)), separable=False),
    "luminosity": Blend("SetLum(b, Lum(s))", lambda b, s: _set_luma(b, _luma(s)), separable=False),
}
