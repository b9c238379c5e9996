"""Foreground estimation: the object's own colour where its matte is soft, without the old background in it.

Germer, Uelwer, Conrad & Harmeling, "Fast Multi-Level Foreground Estimation", 2020: minimise
``(a F + (1 - a) B - I)^2`` plus a smoothness of F and B that is weaker where alpha is flat, level by level from a few
pixels up. Unlike the paper, only pixels that are neither covered nor clear are solved for: a covered pixel is
foreground and a clear one background as it stands, and neither says anything of the other layer. Each sweep updates
the two colours of a chessboard in turn and over-relaxes (Young, "Iterative Solution of Large Linear Systems", 1971).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image, Window
from compositing.operations.alpha import color_planes, matte_plane, unpremultiply, with_alpha

_SMALL, _SMALL_SWEEPS, _SWEEPS, _RELAXATION = 32, 10, 2, 1.5
_SMOOTHNESS, _ALPHA_WEIGHT = 1e-5, 1.0
# Alpha nearer than this to 0 or 1 counts as that: the steps of half floats below 1 are half as large.
_KNOWN = 2.0**-10
# What the coarse levels see round the soft pixels.
_MARGIN = 16
# Cells solved at once: what one step keeps stays in cache.
_CELLS = 1 << 13


def estimate_foreground(plate: Image, matte: Image) -> Image:
    """The plate's colour with the background taken out of it, straight, with the matte as its alpha.

    ``plate`` is opaque colour (its own alpha is not looked at), ``matte`` has channel A or one channel. Premultiply
    the result before merging it. Raises ImageError where the two differ in size.
    """
    cut = with_alpha(replace(plate, premultiplied=True) if "A" not in plate.channels else unpremultiply(plate), matte)
    color = color_planes(cut)
    pixels = cut.pixels.clone()
    pixels[color] = foreground_and_background(cut.pixels[color], matte_plane(cut))[0]
    return replace(cut, pixels=pixels)


def foreground_and_background(image: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Both layers ``[C, H, W]`` of an image ``[C, H, W]`` under an alpha ``[H, W]`` of 0 to 1.

    The layers stay within the range of values that the image has (at least 0 to 1), so that highlights are kept. Far
    from soft pixels both layers are the image; there, one of the two is not seen.
    """
    if alpha.shape != image.shape[-2:]:
        raise ImageError(f"The matte is {tuple(alpha.shape)} pixels, the plate {tuple(image.shape[-2:])}.")
    cover = _settled(alpha)
    foreground, background = image.clone(), image.clone()
    box = _soft_box(cover)
    if box is None:
        return foreground, background
    low, high = min(0.0, float(image.min())), max(1.0, float(image.max()))
    rows, columns = Window.sized(alpha.shape[1], alpha.shape[0]).slices(box)
    layers = _solved(image[:, rows, columns], cover[rows, columns], low, high)
    foreground[:, rows, columns], background[:, rows, columns] = layers[: len(image)], layers[len(image) :]
    return foreground, background


def _settled(alpha: Tensor) -> Tensor:
    """Alpha in 0..1, exactly 0 or 1 where it nearly is."""
    return ((alpha - _KNOWN) / (1 - 2 * _KNOWN)).clamp_(0, 1)


def _soft(cover: Tensor) -> Tensor:
    """Where pixels are neither covered nor clear."""
    return (cover - 0.5).abs_() < 0.5


def _soft_box(cover: Tensor) -> Window | None:
    """The box of the soft pixels with a margin; None where there are none."""
    soft = _soft(cover).view(torch.uint8)
    rows, columns = soft.amax(1).nonzero(), soft.amax(0).nonzero()
    if not len(rows):
        return None
    found = Window(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return found.grown(_MARGIN).intersection(Window.sized(cover.shape[1], cover.shape[0]))


def _solved(image: Tensor, cover: Tensor, low: float, high: float) -> Tensor:
    """The layers ``[2C, H, W]``, foreground first."""
    count = len(image)
    layers = torch.cat([_mean(image, cover), _mean(image, 1 - cover)])
    for height, width in _levels(*cover.shape):
        small, weight = _sampled(image, height, width), _sampled(cover[None], height, width)[0]
        # The border is there for the neighbours of the outermost pixels to be looked up; it counts for nothing.
        bordered = _sampled(layers, height, width, border=1)
        layers = bordered[:, 1:-1, 1:-1]
        torch.where(weight >= 1, small, layers[:count], out=layers[:count])
        torch.where(weight <= 0, small, layers[count:], out=layers[count:])
        sweeps = _SMALL_SWEEPS if max(height, width) <= _SMALL else _SWEEPS
        if height * width > 1:
            _relax(bordered, small, weight, sweeps, low, high)
    return layers


def _levels(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Sizes from one pixel to the whole, each about twice the one before."""
    steps = max(1, math.ceil(math.log2(max(height, width))))
    for step in range(steps + 1):
        yield round(height ** (step / steps)), round(width ** (step / steps))


def _sampled(planes: Tensor, height: int, width: int, border: int = 0) -> Tensor:
    """Planes ``[C, H, W]`` at another size, each pixel from the one that holds its centre, and a border if wanted."""
    old_height, old_width = planes.shape[-2:]
    if (old_height, old_width, border) == (height, width, 0):
        return planes
    steps = [torch.arange(-border, size + border, device=planes.device) + 0.5 for size in (height, width)]
    rows = (steps[0] * (old_height / height)).long().clamp_(0, old_height - 1)
    columns = (steps[1] * (old_width / width)).long().clamp_(0, old_width - 1)
    if height < old_height:
        return planes.index_select(1, rows).index_select(2, columns)
    return planes.index_select(2, columns).index_select(1, rows)


def _mean(image: Tensor, weight: Tensor) -> Tensor:
    """The mean colour ``[C, 1, 1]`` where the weight is above nine tenths; black where it is nowhere so."""
    chosen = (weight > 0.9).to(image.dtype)
    mean: Tensor = (image * chosen).sum((1, 2), keepdim=True) / chosen.sum().clamp_min(1.0)
    return mean


@dataclass(frozen=True, slots=True)
class _Cells:
    """Soft pixels of one colour of the chessboard, as the linear systems that they are solved by.

    For each, with d the weights to its four neighbours and s their sum, once for each layer:
    ``(a^2 + s) F + a(1-a) B = a I + sum d F'`` and ``a(1-a) F + ((1-a)^2 + s) B = (1-a) I + sum d B'``.
    """

    places: Tensor  # [N] int64, in the flattened planes
    known: Tensor  # [2, C, N]: a I and (1-a) I
    pulls: tuple[tuple[int, Tensor], ...]  # how far each neighbour lies, and d [2, 1, N]
    own: Tensor  # [2, 1, N]: the inverse's diagonal, and below it the rest
    cross: Tensor  # [N]


def _cells(inside: Tensor, image: Tensor, alpha: Tensor, stride: int) -> _Cells:
    """The systems of the pixels at ``inside`` of a flattened image; ``alpha`` is bordered, and -1 in the border."""
    places = inside + 2 * (inside // (stride - 2)) + stride + 1
    a = alpha.index_select(0, places)
    share = torch.stack([a, 1 - a])[:, None]
    pulls = []
    for step in (-stride, stride, -1, 1):
        other = alpha.index_select(0, places + step)
        weight = (other - a).abs_().mul_(_ALPHA_WEIGHT).add_(_SMOOTHNESS).mul_(other >= 0)
        pulls.append((step, torch.stack([weight * (other > 0), weight * (other < 1)])[:, None]))
    held = torch.stack([weight for _, weight in pulls]).sum(0)
    turned = share.flip(0).square()
    # The determinant in a form without a difference, which would cancel where alpha is flat.
    scale = 1 / ((turned * held).sum(0) + held.prod(0))
    own = (turned + held.flip(0)) * scale
    known = share * image.index_select(1, inside)
    return _Cells(places, known, tuple(pulls), own, (share.prod(0) * scale)[0])


def _step(cells: _Cells, layers: Tensor, low: float, high: float) -> None:
    """Each pixel of the cells set, in place, to what its neighbours ask for, and over-relaxed."""
    want = cells.known.clone()
    for step, weight in cells.pulls:
        near = layers.index_select(1, cells.places + step)
        want.addcmul_(near.reshape(want.shape), weight)
    solved = (want * cells.own).addcmul_(want.flip(0), cells.cross, value=-1).flatten(0, 1)
    before = layers.index_select(1, cells.places)
    layers.index_copy_(1, cells.places, torch.lerp(before, solved, _RELAXATION).clamp_(low, high))


def _relax(bordered: Tensor, image: Tensor, alpha: Tensor, sweeps: int, low: float, high: float) -> None:
    """So many sweeps over the soft pixels of bordered layers, in place."""
    width = alpha.shape[1]
    cover = torch.nn.functional.pad(alpha, (1, 1, 1, 1), value=-1.0).flatten()
    inside = _soft(alpha).flatten().nonzero()[:, 0]
    odd = (inside // width + inside % width) % 2 == 1
    groups = [
        _cells(colour[start : start + _CELLS], image.flatten(1), cover, width + 2)
        for colour in (inside[odd], inside[~odd])
        for start in range(0, len(colour), _CELLS)
    ]
    layers = bordered.flatten(1)
    for _ in range(sweeps):
        for cells in groups:
            _step(cells, layers, low, high)
