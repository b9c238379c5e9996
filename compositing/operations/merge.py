"""Merges of a foreground A with a background B, both premultiplied: Porter and Duff's, and those of compositors.

In the formulas A and B stand for every channel, alpha too, and a and b for the alphas. Porter & Duff, "Compositing
Digital Images", 1984; the others as the manuals of node compositors give them. Nothing is clipped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations.alpha import premultiply, ratio
from compositing.operations.bands import band_rows, bands
from compositing.operations.pairs import check_premultiplied, nothing, pair, part, pieces, target
from compositing.operations.stream import lay

Formula = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
Alone = Literal["kept", "dropped", "computed"]


@dataclass(frozen=True, slots=True)
class Merge:
    """One merge. ``compute`` takes A, B ``[C, h, w]`` and a, b ``[1, h, w]`` and gives ``[C, h, w]``.

    ``a_alone`` and ``b_alone`` say what becomes of a pixel that only one of the images has: it is kept as it is, it
    is dropped (so that the result's data window need not hold it), or the formula is computed with zeros. ``step`` is
    a function of A and B that is the whole formula and takes ``out``, which saves a pass over memory.
    """

    formula: str
    compute: Formula
    a_alone: Alone = "kept"
    b_alone: Alone = "kept"
    step: Callable[..., Tensor] | None = None

    def window(self, a: Window, b: Window) -> Window | None:
        """The data window of the result, or None where it is empty."""
        if self.a_alone != "dropped" and self.b_alone != "dropped":
            return a.union(b)
        if self.a_alone != "dropped":
            return a
        return b if self.b_alone != "dropped" else a.intersection(b)


def merge(operation: str, a: Image, b: Image, *, out: Tensor | None = None) -> Image:
    """A merged with B by one of ``MERGES``, on the data window that the operation demands.

    Both must be premultiplied (``matte`` multiplies a straight A itself), of one colour space, one display window
    and the same channels; an image without alpha is opaque in its data window. ``out``, a float32 tensor of the
    result's shape, receives the pixels; it may be the pixels of A or B themselves.

    Raises ImageError or ColorError where the images do not go together, ImageError for an unknown operation.
    """
    if operation not in MERGES:
        raise ImageError(f"There is no merge {operation!r}; there are {', '.join(MERGES)}.")
    if operation == "matte":
        a = premultiply(a)
    check_premultiplied(a)
    check_premultiplied(b)
    return combine(MERGES[operation], a, b, out)


def over(a: Image, b: Image, *, out: Tensor | None = None) -> Image:
    """A over B, ``A + B(1 - a)``; see ``merge``. With ``out=b.pixels``, only the data window of A is touched."""
    return merge("over", a, b, out=out)


def combine(operation: Merge, a: Image, b: Image, out: Tensor | None = None) -> Image:
    """Both images through a formula, piece by piece of the result's data window."""
    a, b = pair(a, b)
    window = operation.window(a.data, b.data)
    if window is None:
        return nothing(b, b.data)
    result = replace(b, pixels=target(out, window, b), data=window, premultiplied=True)
    for piece, in_a, in_b in pieces(window, a.data, b.data):
        if in_a and not in_b and operation.a_alone == "kept":
            _copy(a, result, piece)
        elif in_b and not in_a and operation.b_alone == "kept":
            _copy(b, result, piece)
        elif in_a or in_b:
            _compute(operation, a if in_a else None, b if in_b else None, result, piece)
        else:
            part(result, piece).zero_()
    return result


def _copy(source: Image, result: Image, piece: Window) -> None:
    here, there = part(source, piece), part(result, piece)
    if here.data_ptr() != there.data_ptr():
        there.copy_(here)


def _compute(operation: Merge, a: Image | None, b: Image | None, result: Image, piece: Window) -> None:
    if operation.compute is _over and a is not None and b is not None:
        _lay(part(a, piece), part(b, piece), _alpha(a, piece), part(result, piece))
        return
    for band in bands(piece, len(result.channels), result.pixels.device):
        there = part(result, band)
        colour_a, alpha_a = _operand(a, band, there)
        colour_b, alpha_b = _operand(b, band, there)
        if operation.step is not None:
            operation.step(colour_a, colour_b, out=there)
        else:
            there.copy_(operation.compute(colour_a, colour_b, alpha_a, alpha_b))


def _lay(a: Tensor, b: Tensor, alpha: Tensor, out: Tensor) -> None:
    """``over`` in one pass over memory: the one merge that every composite is made of."""
    if lay(a, b, alpha, out):
        return
    channels, height, width = out.shape
    count = math.ceil(height / band_rows(channels, width, out.device, height))
    parts = zip(a.chunk(count, 1), b.chunk(count, 1), alpha.chunk(count, 1), out.chunk(count, 1), strict=True)
    spare, one = alpha.new_empty(1, math.ceil(height / count), width), alpha.new_ones(())
    for front, back, cover, there in parts:
        clear = spare[:, : cover.shape[1]]
        torch.sub(one, cover, out=clear)
        torch.addcmul(front, back, clear, out=there)


def _operand(image: Image | None, band: Window, like: Tensor) -> tuple[Tensor, Tensor]:
    """Colour ``[C, h, w]`` and alpha ``[1, h, w]``; zeros for no image."""
    if image is None:
        zero = like.new_zeros(1, 1, 1)
        return zero.expand_as(like), zero.expand(1, *like.shape[1:])
    return part(image, band), _alpha(image, band)


def _alpha(image: Image, window: Window) -> Tensor:
    """``[1, h, w]`` as a view; 1 where the image has no alpha."""
    pixels = part(image, window)
    if "A" not in image.channels:
        return pixels.new_ones(1, 1, 1).expand(1, *pixels.shape[1:])
    first = image.channels.index("A")
    return pixels[first : first + 1]


def _over(a: Tensor, b: Tensor, alpha: Tensor, _: Tensor) -> Tensor:
    return torch.addcmul(a, b, 1 - alpha)


def _conjoint(a: Tensor, b: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return torch.where(alpha > beta, a, a + b * (1 - ratio(alpha, beta)))


def _disjoint(a: Tensor, b: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return torch.where(alpha + beta < 1, a + b, a + ratio(b * (1 - alpha), beta))


def _screen(a: Tensor, b: Tensor) -> Tensor:
    return torch.where((a > 1) | (b > 1), torch.maximum(a, b), a + b - a * b)


def _hard_light(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a < 0.5, 2 * a * b, 1 - 2 * (1 - a) * (1 - b))


def _soft_light(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a * b < 1, b * (2 * a + b * (1 - a * b)), 2 * a * b)


def _plain(compute: Callable[[Tensor, Tensor], Tensor]) -> Formula:
    """A formula that looks at no alpha."""
    return lambda a, b, _alpha, _beta: compute(a, b)


def _single(formula: str, step: Callable[..., Tensor], a_alone: Alone = "kept", b_alone: Alone = "kept") -> Merge:
    """A merge that is one function of torch."""
    return Merge(formula, _plain(step), a_alone, b_alone, step)


MERGES: dict[str, Merge] = {
    "over": Merge("A + B(1 - a)", _over),
    "under": Merge("A(1 - b) + B", lambda a, b, _, beta: torch.addcmul(b, a, 1 - beta)),
    "atop": Merge("Ab + B(1 - a)", lambda a, b, alpha, beta: a * beta + b * (1 - alpha), a_alone="dropped"),
    "in": Merge("Ab", lambda a, _b, _, beta: a * beta, "dropped", "dropped"),
    "out": Merge("A(1 - b)", lambda a, _b, _, beta: a * (1 - beta), b_alone="dropped"),
    "mask": Merge("Ba", lambda _a, b, alpha, _: b * alpha, "dropped", "dropped"),
    "stencil": Merge("B(1 - a)", lambda _a, b, alpha, _: b * (1 - alpha), a_alone="dropped"),
    "xor": Merge("A(1 - b) + B(1 - a)", lambda a, b, alpha, beta: a * (1 - beta) + b * (1 - alpha)),
    "matte": Merge("Aa + B(1 - a), A not premultiplied, its alpha a + b(1 - a)", _over),
    "conjoint-over": Merge("A where a > b, else A + B(1 - a/b)", _conjoint),
    "disjoint-over": Merge("A + B where a + b < 1, else A + B(1 - a)/b", _disjoint, b_alone="computed"),
    "copy": Merge("A", lambda a, _b, _, _beta: a, b_alone="dropped"),
    "plus": _single("A + B", torch.add),
    "minus": _single("A - B", torch.sub, b_alone="computed"),
    "from": Merge("B - A", _plain(lambda a, b: b - a), a_alone="computed"),
    "difference": Merge("abs(A - B)", _plain(lambda a, b: (a - b).abs_()), "computed", "computed"),
    "multiply": _single("AB", torch.mul, "dropped", "dropped"),
    "screen": Merge("max(A, B) where A > 1 or B > 1, else A + B - AB", _plain(_screen)),
    "divide": Merge("A/B, 0 where B is 0", _plain(ratio), "dropped", "dropped"),
    "average": Merge("(A + B)/2", _plain(lambda a, b: (a + b).mul_(0.5)), "computed", "computed"),
    "exclusion": Merge("A + B - 2AB", _plain(lambda a, b: a + b - 2 * a * b)),
    "geometric": Merge(
        "2AB/(A + B), 0 where A + B is 0", _plain(lambda a, b: ratio(2 * a * b, a + b)), "dropped", "dropped"
    ),
    "hypot": _single("sqrt(A^2 + B^2)", torch.hypot, "computed", "computed"),
    "min": _single("min(A, B)", torch.minimum, "computed", "computed"),
    "max": _single("max(A, B)", torch.maximum, "computed", "computed"),
    "hard-light": Merge(
        "2AB where A < 1/2, else 1 - 2(1 - A)(1 - B)", _plain(_hard_light), a_alone="computed", b_alone="dropped"
    ),
    "overlay": Merge(
        "2AB where B < 1/2, else 1 - 2(1 - A)(1 - B)", _plain(lambda a, b: _hard_light(b, a)), "dropped", "computed"
    ),
    "soft-light-2ab": Merge("B(2A + B(1 - AB)) where AB < 1, else 2AB", _plain(_soft_light), "dropped", "computed"),
}
