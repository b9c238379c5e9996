"""Background replacement on one frame: the object cut out of its plate, put before another background.

All pictures are in linear light and of one size. What makes a cut-out look pasted is dealt with in this order:

1. the edge is moved inwards (choke);
2. the plate's own background is taken out of the soft edge (foreground estimation), so that no fringe is left;
3. the screen's colour is taken off the object (despill), and its light brought to that of the new background (gains);
4. light of the new background is let onto the edge (light wrap);
5. a shadow is laid between the two, and the object over both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from compositing.color import is_monitor_space
from compositing.errors import ColorError, ImageError
from compositing.image import Image, Window
from compositing.operations.alpha import matte_plane, opaque, premultiply, with_alpha, without_alpha
from compositing.operations.filter import defocus, dilate, edge_extend, erode
from compositing.operations.finite import finite
from compositing.operations.foreground import estimate_foreground
from compositing.operations.grade import grade
from compositing.operations.keying import Screen, despill, light_wrap
from compositing.operations.merge import over
from compositing.operations.pairs import check_frames, check_spaces, nothing
from compositing.operations.shadow import shadow as shadow_of
from compositing.operations.transform import affine_matrix

# Pixels of the plate round the matte that tell the estimation what the old background is like.
_ROUND = 32
_LARGEST_GAIN = 4.0
# Where less of the old background is seen than this part of the plate, the whole plate tells its light.
_LEAST_SEEN = 0.02
_UNSEEN = 0.01


def replace_background(
    plate: Image,
    matte: Image,
    background: Image,
    *,
    estimate: bool = True,
    choke: float = 0.0,
    screen: Screen | None = None,
    gains: Sequence[float] = (1.0, 1.0, 1.0),
    wrap: float = 0.0,
    wrap_sigma: float = 8.0,
    shadow: float = 0.0,
    shadow_softness: float = 12.0,
    shadow_offset: Sequence[float] = (0.0, 8.0),
) -> Image:
    """The plate's object before another background, premultiplied, on the background's data window.

    Args:
        plate: colour in linear light.
        matte: alpha, in channel A or the only channel.
        background: colour of the plate's colour space and display window; with alpha it must be premultiplied.
        estimate: take the plate's background out of the soft edge; without it, the edge keeps a fringe of it.
        choke: pixels that the edge moves inwards; negative numbers move it outwards.
        screen: the colour of the screen that the object was shot before, to be taken off it.
        gains: factors for R, G and B of the object (see ``match_gains``).
        wrap: how much light of the background comes onto the edge, ``wrap_sigma`` pixels deep; 0 is none.
        shadow: the densest alpha of a shadow that is ``shadow_softness`` pixels soft and moved by ``shadow_offset``.

    NaN in plate and background counts as black, infinities as the largest half float: no pixel spoils others. Raises
    ImageError where sizes differ, ColorError where colour spaces differ or are those of a monitor.
    """
    check_frames(plate, background)
    check_spaces(plate, background)
    background = finite(background)
    cut = cut_out(plate, matte, estimate=estimate, choke=choke, screen=screen, gains=gains)
    if wrap > 0:
        cut = light_wrap(cut, background, sigma=wrap_sigma, amount=wrap)
    if shadow > 0:
        across, down = shadow_offset
        cast = affine_matrix(translate=(across, down))
        background = over(shadow_of(cut, cast, softness=shadow_softness, opacity=shadow), background)
    return over(cut, background)


def cut_out(
    plate: Image,
    matte: Image,
    *,
    estimate: bool = True,
    choke: float = 0.0,
    screen: Screen | None = None,
    gains: Sequence[float] = (1.0, 1.0, 1.0),
) -> Image:
    """The object alone, premultiplied RGBA, on a data window no larger than its matte; see ``replace_background``."""
    if is_monitor_space(plate.color_space):
        raise ColorError(f"The plate is in {plate.color_space}; bring it to linear light before compositing it.")
    if plate.display != matte.display:
        raise ImageError(f"The matte is {matte.display}, the plate {plate.display}; reformat one of them first.")
    edge = choked(matte, choke)
    seen = seen_window(edge)
    held = None if seen is None else seen.intersection(plate.data)
    if held is None:
        return nothing(opaque(plate))
    near = finite(plate.cropped(held.grown(_ROUND).intersection(plate.data) or held))
    cut = estimate_foreground(near, edge) if estimate else with_alpha(near, edge)
    if screen is not None:
        cut = despill(cut, screen)
    if any(gain != 1.0 for gain in gains):
        cut = grade(cut, multiply=tuple(gains))
    return premultiply(cut.cropped(held))


def blurred_background(plate: Image, matte: Image, *, radius: float, grow: float = 6.0, blades: int = 0) -> Image:
    """The plate out of focus, with the object taken out of it first, so that it leaves no halo of its own colour.

    The hole, ``grow`` pixels larger than the matte, is filled from its surroundings; then a lens of that ``radius``
    in pixels (a disc, or a polygon of ``blades``) blurs it. Pixels that are not finite are filled like the hole.
    """
    hole = dilate(_held(matte, plate.data), grow, edges="repeat") if grow else _held(matte, plate.data)
    around = replace(hole, pixels=(1 - hole.pixels) * plate.pixels.isfinite().all(0))
    filled = without_alpha(edge_extend(with_alpha(finite(plate), around)))
    return defocus(filled, radius, blades=blades, edges="repeat")


def match_gains(scenes: Iterable[tuple[Image, Image, Image]], amount: float = 1.0) -> tuple[float, float, float]:
    """Factors for R, G and B that bring an object from its plate's light to that of its new background.

    The light of a scene is taken to be its mean colour (von Kries, 1902, with the assumption of a grey world): the
    factors are the ratios of the means of the new background and of the old one, to the power of ``amount``, each
    between 1/4 and 4. The object's own colours and pixels that are not finite play no part. ``scenes`` are plate, matte
    and background of some frames; one result is used on all, so that nothing flickers.
    """
    old, new = torch.zeros(3), torch.zeros(3)
    for plate, matte, background in scenes:
        around = choked(matte, 0.0).cropped(plate.data).pixels < _UNSEEN
        if float(around.float().mean()) < _LEAST_SEEN:
            around = torch.ones_like(around)
        old += _mean(plate.rgb(), around)
        new += _mean(background.rgb(), torch.ones_like(background.pixels[:1], dtype=torch.bool))
    ratio = (new.clamp_min(1e-4) / old.clamp_min(1e-4)) if bool(old.any()) else torch.ones(3)
    red, green, blue = ratio.clamp(1 / _LARGEST_GAIN, _LARGEST_GAIN).pow(amount).tolist()
    return red, green, blue


def choked(matte: Image, pixels: float) -> Image:
    """The matte, alpha alone and cut to 0..1, its edge moved inwards; the picture's border stays as it is."""
    plane = replace(matte, pixels=_alpha(matte)[None], channels=("A",), premultiplied=True)
    if pixels == 0:
        return plane
    plane = plane.cropped(plane.data.union(plane.display))
    return erode(plane, pixels, edges="repeat") if pixels > 0 else dilate(plane, -pixels, edges="repeat")


def seen_window(matte: Image) -> Window | None:
    """The smallest window that holds all of the matte that is above 0, or None where there is none."""
    plane = matte_plane(matte) > 0
    rows, columns = plane.any(1).nonzero(), plane.any(0).nonzero()
    if not len(rows):
        return None
    top, left = int(rows[0]) + matte.data.y0, int(columns[0]) + matte.data.x0
    return Window(left, top, int(columns[-1]) + matte.data.x0 + 1, int(rows[-1]) + matte.data.y0 + 1)


def _mean(color: Tensor, chosen: Tensor) -> Tensor:
    """The mean ``[3]`` of colour ``[3, H, W]`` over the chosen pixels ``[1, H, W]`` that are finite; 0 without any."""
    weight = chosen & color.isfinite().all(0)
    total = color.where(weight, 0.0).sum((1, 2))
    return (total / weight.sum().clamp_min(1)).cpu()


def _alpha(matte: Image) -> Tensor:
    return matte_plane(matte).nan_to_num(0.0).clamp(0.0, 1.0)


def _held(matte: Image, window: Window) -> Image:
    return choked(matte, 0.0).cropped(window)
