"""Colour spaces: names from a pinned OCIO config, conversions, and the 8-bit view that people and networks look at.

Names are those of OCIO's studio config for ACES 1.3, or of the config that $OCIO names. Four spaces are computed here
and exist under every config: linear and sRGB-encoded Rec.709, the camera curve of BT.709, and Cineon printing density.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import OpenImageIO as oiio
import torch
from numpy.typing import NDArray

from compositing.errors import ColorError

PINNED_CONFIG = "ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4"

LINEAR = "Linear Rec.709 (sRGB)"
SRGB = "sRGB Encoded Rec.709 (sRGB)"
CAMERA = "Camera Rec.709"
CINEON = "Cineon"

# Names under which configs in use know the spaces computed here; the first that a config has is taken.
_ALIASES = {
    LINEAR: (LINEAR, "lin_rec709_scene", "lin_rec709", "lin_srgb", "Utility - Linear - sRGB", "linear"),
    SRGB: (SRGB, "srgb_rec709_scene", "srgb_texture", "Utility - sRGB - Texture", "sRGB"),
    CAMERA: (CAMERA, "Utility - Rec.709 - Camera", "rec709_camera", "Rec.709", "Rec709"),
    CINEON: (CINEON, "Kodak Log"),
}

# Encodings made for a standard monitor are shown with the codes they have.
_MONITOR = frozenset({SRGB, CAMERA, "Gamma 2.2 Encoded Rec.709", "Gamma 2.4 Encoded Rec.709", "Raw"}) | frozenset(
    {"sRGB - Display", "Rec.1886 Rec.709 - Display"}
)


def config_name() -> str:
    """The OCIO config in use: $OCIO, or the pinned one."""
    return os.environ.get("OCIO") or PINNED_CONFIG


def space_names() -> list[str]:
    """The colour spaces that can be asked for, those computed here included."""
    names = list(_config(config_name()).getColorSpaceNames())
    return names + [name for name in _ALIASES if name not in names]


def resolve(name: str) -> str:
    """The full name of a colour space given by name, alias or role.

    Raises ColorError, naming the nearest matches, where there is no such space.
    """
    return _resolve(config_name(), name)


def same_space(one: str, other: str) -> bool:
    """Whether two names, aliases or roles mean one colour space. Raises ColorError for a name that means none."""
    return one == other or resolve(one) == resolve(other)


def is_monitor_space(name: str) -> bool:
    """Whether codes of that space are made for a standard monitor, so that a view shows them as they are."""
    return resolve(name) in _MONITOR


def convert(pixels: torch.Tensor, source: str, target: str) -> torch.Tensor:
    """Colour ``[3, H, W]`` float32 from one space to another; values outside 0..1 are kept where a curve allows it."""
    source, target = resolve(source), resolve(target)
    if source == target:
        return pixels
    if source in _CURVES:
        pixels, source = _CURVES[source][0](pixels), LINEAR
    if target in _CURVES:
        return _CURVES[target][1](convert(pixels, source, LINEAR))
    return pixels if source == target else _through_ocio(pixels, source, target)


def is_computed(name: str) -> bool:
    """Whether a space is one of those computed here, by a formula on each value."""
    return resolve(name) in (LINEAR, *_CURVES)


def display_view(pixels: torch.Tensor, color_space: str, to_rec709: torch.Tensor | None = None) -> NDArray[np.uint8]:
    """Colour ``[3, H, W]`` float32 as 8-bit sRGB ``[H, W, 3]``.

    Monitor encodings keep their codes; every other space goes to linear Rec.709, is clipped to 0..1 and encoded as
    sRGB, without a tone curve. ``to_rec709`` is a 3x3 matrix to apply first to linear colour of other primaries.
    Infinities clip, NaN is black.
    """
    space = resolve(color_space)
    if space in _MONITOR:
        codes = pixels.mul(255.0).nan_to_num_(0.0, 255.0, 0.0).round_().clamp_(0.0, 255.0).to(torch.uint8)
        return np.ascontiguousarray(codes.permute(1, 2, 0).numpy())
    if to_rec709 is not None:
        pixels = torch.einsum("ij,jhw->ihw", to_rec709, pixels)
    return encode_srgb(convert(pixels, space, LINEAR))


def encode_srgb(linear: torch.Tensor) -> NDArray[np.uint8]:
    """Linear Rec.709 ``[C, H, W]`` to 8-bit sRGB ``[H, W, C]`` by a table over half-float codes (exact to one code)."""
    half = linear.detach().permute(1, 2, 0).to(torch.float16).contiguous()
    return np.take(_half_table(), half.view(torch.int16).cpu().numpy().view(np.uint16))


def srgb_to_linear(pixels: torch.Tensor) -> torch.Tensor:
    """IEC 61966-2-1, mirrored below zero."""
    size = pixels.abs()
    return torch.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055).pow(2.4)).copysign(pixels)


def linear_to_srgb(pixels: torch.Tensor) -> torch.Tensor:
    """IEC 61966-2-1, mirrored below zero."""
    size = pixels.abs()
    return torch.where(size <= 0.0031308, size * 12.92, 1.055 * size.pow(1 / 2.4) - 0.055).copysign(pixels)


def camera_to_linear(pixels: torch.Tensor) -> torch.Tensor:
    """The opto-electronic curve of BT.709 undone, mirrored below zero."""
    size = pixels.abs()
    return torch.where(size < 0.081, size / 4.5, ((size + 0.099) / 1.099).pow(1 / 0.45)).copysign(pixels)


def linear_to_camera(pixels: torch.Tensor) -> torch.Tensor:
    """The opto-electronic curve of BT.709, mirrored below zero."""
    size = pixels.abs()
    return torch.where(size < 0.018, size * 4.5, 1.099 * size.pow(0.45) - 0.099).copysign(pixels)


# Kodak's Cineon: 0.002 density per 10-bit code, film gamma 0.6, white at 685, black at 95.
_CINEON_STEP = 1023.0 * 0.002 / 0.6
_CINEON_WHITE = 685.0 / 1023.0
_CINEON_BLACK = 10.0 ** ((95.0 - 685.0) * 0.002 / 0.6)


def cineon_to_linear(pixels: torch.Tensor) -> torch.Tensor:
    """Printing density (code / 1023) to linear light, with code 95 at 0 and code 685 at 1."""
    light = torch.pow(10.0, (pixels - _CINEON_WHITE) * _CINEON_STEP)
    return (light - _CINEON_BLACK) / (1.0 - _CINEON_BLACK)


def linear_to_cineon(pixels: torch.Tensor) -> torch.Tensor:
    """The opposite of ``cineon_to_linear``; light below what code 0 holds is clipped to code 0."""
    light = (pixels * (1.0 - _CINEON_BLACK) + _CINEON_BLACK).clamp_min(10.0 ** (-_CINEON_WHITE * _CINEON_STEP))
    return light.log10() / _CINEON_STEP + _CINEON_WHITE


Curve = Callable[[torch.Tensor], torch.Tensor]
_CURVES: dict[str, tuple[Curve, Curve]] = {
    SRGB: (srgb_to_linear, linear_to_srgb),
    CAMERA: (camera_to_linear, linear_to_camera),
    CINEON: (cineon_to_linear, linear_to_cineon),
}


@lru_cache(maxsize=4)
def _config(name: str) -> oiio.ColorConfig:
    config = oiio.ColorConfig(name)
    problem = config.geterror()
    if problem or not config.getColorSpaceNames():
        raise ColorError(f"The OCIO config {name} cannot be read ({problem or 'it is empty'}); check $OCIO.")
    return config


@lru_cache(maxsize=256)
def _resolve(config: str, name: str) -> str:
    spaces = _config(config).getColorSpaceNames()
    if (found := str(_config(config).resolve(name))) in spaces:
        return found
    for ours, aliases in _ALIASES.items():
        if name in aliases:
            return ours
    known = [*space_names(), *_config(config).getRoles(), *(a for s in spaces for a in _config(config).getAliases(s))]
    folded = {entry.casefold(): entry for entry in known}
    near = [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=4, cutoff=0.5)]
    hint = f"; nearest: {', '.join(near)}" if near else f"; it knows {', '.join(space_names()[:8])} and others"
    raise ColorError(f"There is no colour space {name!r} in the OCIO config {config}{hint}.")


def _in_config(name: str) -> str:
    """The config's own name for one of the spaces computed here."""
    config = _config(config_name())
    spaces = config.getColorSpaceNames()
    for alias in _ALIASES.get(name, (name,)):
        if (found := str(config.resolve(alias))) in spaces:
            return found
    raise ColorError(f"The OCIO config {config_name()} has no space for {name}; use a config that has one.")


def _through_ocio(pixels: torch.Tensor, source: str, target: str) -> torch.Tensor:
    plate = oiio.ImageBuf(np.ascontiguousarray(pixels.detach().cpu().permute(1, 2, 0).numpy()))
    result = oiio.ImageBufAlgo.colorconvert(
        plate, _in_config(source), _in_config(target), unpremult=False, colorconfig=config_name()
    )
    if result.has_error:
        raise ColorError(f"OCIO cannot convert {source} to {target}: {result.geterror()}.")
    converted = torch.from_numpy(result.get_pixels(oiio.FLOAT)).permute(2, 0, 1)
    return converted.contiguous().to(pixels.device)


@lru_cache(maxsize=1)
def _half_table() -> NDArray[np.uint8]:
    values = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(torch.float16).float()
    encoded = linear_to_srgb(values.nan_to_num(0.0, 1.0, 0.0).clamp(0.0, 1.0))
    return np.asarray((encoded * 255.0).round().to(torch.uint8).numpy(), dtype=np.uint8)
