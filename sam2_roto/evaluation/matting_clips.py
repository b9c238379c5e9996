"""The synthetic matting set: clips with true alpha, made from seeds.

Things with hair-like strands, motion blur and half-transparent veils move over moving textures: procedural ones, and
pictures of real footage where they are given. Light is mixed linearly, as in a camera, and the plate is then encoded to
8 bits by the sRGB curve, with a little noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sam2_roto.evaluation.strands import Look, paint_thing, pattern
from sam2_roto.training.clips.library import Pool, procedural_library

Array = npt.NDArray[Any]
Rng = np.random.Generator

_NOISE = 1.0
_MARGIN = 0.12
"""How much larger a background is than the plate, on each side."""


@dataclass(frozen=True)
class Kind:
    """A sort of clip: what the thing is made of, how fast it goes (plate heights a frame), and its shutter."""

    look: Look
    speed: float
    shutter: float = 0.5
    moments: int = 6


KINDS = {
    "hair": Kind(Look(strands=260), 0.008),
    "motion": Kind(Look(strands=40, length=0.3), 0.06, 0.8, 28),
    "veil": Kind(Look(strands=60, length=0.3, veil=0.5), 0.008),
    "mixed": Kind(Look(strands=150, veil=0.6), 0.03, 0.6, 14),
}


@dataclass(frozen=True)
class MattingClip:
    """A clip with truth: ``views`` uint8 RGB [T, H, W, 3], ``alpha`` float32 [T, H, W] in 0 to 1."""

    name: str
    views: Array
    alpha: Array


def matting_clip(
    kind: str, seed: int, *, size: tuple[int, int] = (540, 960), frames: int = 12, backgrounds: Sequence[Array] = ()
) -> MattingClip:
    """The clip of a kind and a seed, always the same: ``size`` is (height, width) in pixels.

    ``backgrounds``: pictures uint8 RGB [h, w, 3] of real footage, one of which is taken; procedural where there are
    none. Raises ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no kind of matting clip '{kind}'; the kinds are {', '.join(KINDS)}")
    settings, height = KINDS[kind], size[0]
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    thing = _linear(paint_thing(rng, _pool(), 2 * round(0.18 * height), settings.look))
    ground = _background(rng, size, backgrounds)
    times = np.arange(frames)[:, None] + settings.shutter * np.arange(settings.moments) / settings.moments
    places = _poses(rng, times, settings.speed * height, thing.shape[0], size)
    drift = rng.normal(0, 0.0025 * height, 2)
    views, alphas = [], []
    for frame in range(frames):
        front = np.mean([_placed(thing, pose, size) for pose in places[frame]], axis=0)
        back = _crop(ground, drift * (frame - frames / 2), size)
        light = front[..., :3] + (1 - front[..., 3:]) * back
        views.append(_encoded(light, rng))
        alphas.append(np.clip(front[..., 3], 0, 1))
    return MattingClip(f"{kind} {seed}", np.stack(views), np.stack(alphas).astype(np.float32))


def ideal_logits(alpha: Array, side: int, bound: float = 10.0) -> Tensor:
    """What a perfect network would answer: alpha ``[..., H, W]`` averaged over each cell of a square grid, as log-odds.

    float32 ``[..., side, side]``, within ±``bound``.
    """
    flat = alpha.reshape(-1, *alpha.shape[-2:])
    small = np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in flat])
    logits = torch.logit(torch.from_numpy(small).double(), eps=1e-6).clamp(-bound, bound)
    return logits.float().reshape(*alpha.shape[:-2], side, side)


@lru_cache(maxsize=1)
def _pool() -> Pool:
    return procedural_library().held_out


def _background(rng: Rng, size: tuple[int, int], pictures: Sequence[Array]) -> Array:
    """A ground larger than the plate, in linear light."""
    height, width = (round(length * (1 + 2 * _MARGIN)) for length in size)
    painted = pattern(rng, _pool(), height, width)
    if pictures:
        chosen = pictures[int(rng.integers(len(pictures)))]
        painted = cv2.resize(chosen, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
    return _decoded(painted)


def _poses(rng: Rng, times: Array, speed: float, side: int, size: tuple[int, int]) -> Array:
    """From the thing's double-size square to the plate, for each moment: float64 [frames, moments, 2, 3]."""
    heading, spin = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.012)
    sway = rng.uniform(0.5, 1.5)
    middle = (times - times.mean())[..., None] * speed * np.array([np.cos(heading), 0.5 * np.sin(heading)])
    middle = middle + np.array([size[1], size[0]]) / 2 + rng.uniform(-0.08, 0.08, 2) * size[0]
    middle[..., 1] += 0.01 * size[0] * np.sin(sway * times)
    angle = spin * times
    turn = 0.5 * np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1)
    turn = turn.reshape(*times.shape, 2, 2)
    shift = middle - turn @ np.array([side / 2, side / 2])
    return np.concatenate([turn, shift[..., None]], axis=-1)


def _placed(thing: Array, pose: Array, size: tuple[int, int]) -> Array:
    """The thing's light and alpha on the plate: float32 [H, W, 4]."""
    return np.asarray(cv2.warpAffine(thing, pose, (size[1], size[0]), flags=cv2.INTER_LINEAR))


def _crop(ground: Array, offset: Array, size: tuple[int, int]) -> Array:
    """The part of the ground that the camera sees."""
    start = (np.array([ground.shape[1] - size[1], ground.shape[0] - size[0]]) / 2 + offset).reshape(2, 1)
    matrix = np.hstack([np.eye(2), start])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(ground, matrix, (size[1], size[0]), flags=flags, borderMode=cv2.BORDER_REFLECT))


def _linear(thing: Array) -> Array:
    """Premultiplied display-referred colour as premultiplied light."""
    alpha = thing[..., 3:]
    return np.dstack([_decoded(thing[..., :3] / np.maximum(alpha, 1e-6)) * alpha, alpha]).astype(np.float32)


def _decoded(color: Array) -> Array:
    """sRGB to linear light (IEC 61966-2-1), 0 to 1."""
    color = np.clip(color, 0, 1)
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded(light: Array, rng: Rng) -> Array:
    """Linear light to an 8-bit plate with noise."""
    light = np.clip(light, 0, 1)
    color = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.clip(255 * color + rng.normal(0, _NOISE, color.shape) + 0.5, 0, 255).astype(np.uint8)
