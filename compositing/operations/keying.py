"""Help for keys and cut-outs: despill, light wrap, keymix."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from compositing.errors import ImageError
from compositing.image import Image
from compositing.operations.alpha import color_planes, matte_plane
from compositing.operations.filter import cut_by_frame, gaussian
from compositing.operations.grade import weights_of
from compositing.operations.merge import over
from compositing.operations.pairs import check_frames, check_premultiplied, nothing, pair, part

Screen = Literal["green", "blue"]
Method = Literal["average", "max", "limit"]


def despill(
    image: Image, screen: Screen = "green", *, method: Method = "average", amount: float = 1.0, restore: float = 1.0
) -> Image:
    """The screen's colour limited by the other two: ``G = min(G, bound)``, its luminance given back as grey.

    The bound is their ``average``, their larger one (``max``, the gentlest), or their smaller one (``limit``, the
    strictest). ``amount`` is how much of the spill goes, ``restore`` how much of its luminance comes back. It may be
    premultiplied or not. Raises ImageError where the image has no R, G and B.
    """
    if screen not in ("green", "blue") or method not in ("average", "max", "limit"):
        raise ImageError(f"There is no despill {method!r} for {screen!r}; average, max or limit, green or blue.")
    planes = color_planes(image)
    if len(planes) != 3:
        raise ImageError("Despill needs the channels R, G and B.")
    key = 1 if screen == "green" else 2
    spilt = image.channel("RGB"[key])
    first, second = (image.pixels[planes[index]] for index in range(3) if index != key)
    spill = (spilt - _bound(first, second, method)).clamp_min_(0).mul_(amount)
    pixels = image.pixels.clone()
    pixels[planes[key]] -= spill
    pixels[planes] += spill * (restore * weights_of(image.color_space)[key])
    return replace(image, pixels=pixels)


def levels(matte: Image, low: float = 0.0, high: float = 1.0) -> Image:
    """A matte, alpha alone, made 0 up to ``low`` and 1 from ``high`` on: ``clamp((a - low)/(high - low), 0, 1)``.

    It clears the haze of a matte that is not sure of itself, and fills its holes. Raises ImageError where ``high`` is
    not above ``low``.
    """
    if not low < high:
        raise ImageError(f"The levels {low:g} and {high:g} leave no matte; the second must be above the first.")
    plane = matte_plane(matte)[None].sub(low).div_(high - low).clamp_(0, 1)
    return replace(matte, pixels=plane, channels=("A",), premultiplied=True)


def light_wrap(foreground: Image, background: Image, *, sigma: float = 8.0, amount: float = 1.0) -> Image:
    """The foreground with the background's light on its edge: ``A + amount blur(B) blur(1 - a) a``; alpha is kept.

    Both must be premultiplied and go together as in ``merge``. Merge the result over the background. What the frame
    cuts off the foreground is taken to go on beyond it, so that no light comes from there.
    """
    check_premultiplied(foreground)
    check_premultiplied(background)
    foreground, background = pair(foreground, background)
    if "A" not in foreground.channels:
        raise ImageError("A light wrap needs a foreground with alpha; give it a matte first.")
    alpha = foreground.channel("A")
    light = _blurred_light(foreground, background, sigma)
    matte = Image(alpha[None], ("A",), foreground.data, foreground.display, color_space=foreground.color_space)
    beyond = 1 - gaussian(cut_by_frame(matte), sigma, edges="repeat").cropped(foreground.data).pixels
    pixels = foreground.pixels.clone()
    planes = color_planes(foreground)
    pixels[planes] += light[planes] * (beyond * alpha * amount)
    return replace(foreground, pixels=pixels)


def keymix(a: Image, b: Image, matte: Image) -> Image:
    """``B(1 - m) + A m`` on every channel: A where the matte is 1, B where it is 0 or has no pixels.

    A and B must be both premultiplied or both straight. Raises ImageError and ColorError as ``merge`` does.
    """
    if a.premultiplied != b.premultiplied:
        raise ImageError("Of the two images one is premultiplied and one is not; make both the same.")
    check_frames(a, matte)
    a, b = pair(a, b)
    seen = a.data.intersection(matte.data)
    keyed = b.data.intersection(matte.data)
    window = b.data if seen is None else b.data.union(seen)
    result = replace(b, pixels=b.cropped(window).pixels.clone(), data=window)
    weight = replace(matte, pixels=matte_plane(matte)[None], channels=("A",))
    if keyed is not None:
        part(result, keyed).mul_(1 - part(weight, keyed))
    if seen is not None:
        part(result, seen).addcmul_(part(a, seen), part(weight, seen))
    return result


def mix(a: Image, b: Image, amount: float) -> Image:
    """``B(1 - amount) + A amount`` everywhere: a dissolve."""
    whole = a.data.union(b.data)
    plane = a.pixels.new_full((1, whole.height, whole.width), amount)
    return keymix(a, b, Image(plane, ("A",), whole, a.display))


def contact(foreground: Image, background: Image, *, sigma: float = 8.0, wrap: float = 0.5) -> Image:
    """A foreground over a background with a light wrap between: what most cut-outs need, in one call."""
    return over(light_wrap(foreground, background, sigma=sigma, amount=wrap), background)


def _bound(first: Tensor, second: Tensor, method: Method) -> Tensor:
    if method == "average":
        return (first + second) * 0.5
    return torch.maximum(first, second) if method == "max" else torch.minimum(first, second)


def _blurred_light(foreground: Image, background: Image, sigma: float) -> Tensor:
    """The blurred background ``[C, H, W]`` on the foreground's window; only what the blur reaches is looked at."""
    reach = foreground.data.grown(int(3 * sigma) + 1).intersection(background.data)
    near = background.cropped(reach) if reach is not None else nothing(background)
    return gaussian(near, sigma, edges="repeat").cropped(foreground.data).pixels
