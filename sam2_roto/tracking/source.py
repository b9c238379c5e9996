"""Where the tracker's frames come from, and how the network sees one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sam2_roto.model import SAM2, ImageFeatures

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Statistics of ImageNet, by which the published weights expect their input normalised."""

LOOK_AHEAD = 4
"""Frames decoded ahead of the network."""


ENCODED_AHEAD = 4
"""Frames encoded as one batch where the device is kept busy."""


class FrameSource(Protocol):
    """A clip as the tracker needs it; ``compositing.footage.Footage`` is one."""

    @property
    def width(self) -> int:
        """Width of the plate in pixels, the space of prompts."""

    @property
    def height(self) -> int:
        """Height of the plate in pixels."""

    @property
    def frames(self) -> Sequence[int]:
        """The frame numbers there are, ascending."""

    def view(self, frame: int) -> NDArray[np.uint8]:
        """One display-referred picture, uint8 RGB ``[H, W, 3]``."""

    def views(self, frames: Iterable[int], look_ahead: int = LOOK_AHEAD) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Pictures in the order asked for, at most ``look_ahead`` of them decoded in advance."""


class ArraySource:
    """Frames held in memory, for pictures, tests and training; ``views [T, h, w, 3]`` uint8 RGB.

    ``size`` is the (width, height) in which prompts are given, where it differs from the pictures' own.
    """

    def __init__(self, views: NDArray[np.uint8], size: tuple[int, int] | None = None, first: int = 0) -> None:
        self._views = views
        self.width: int
        self.height: int
        self.width, self.height = size or (views.shape[2], views.shape[1])
        self.frames: Sequence[int] = range(first, first + len(views))

    def view(self, frame: int) -> NDArray[np.uint8]:
        """The picture of ``frame``."""
        picture: NDArray[np.uint8] = self._views[frame - self.frames[0]]
        return picture

    def views(self, frames: Iterable[int], look_ahead: int = LOOK_AHEAD) -> Iterator[tuple[int, NDArray[np.uint8]]]:  # noqa: ARG002
        """The pictures of ``frames``, in their order."""
        return ((frame, self.view(frame)) for frame in frames)


def prepare(view: NDArray[np.uint8], image_size: int, device: torch.device | None = None) -> Tensor:
    """Turn a picture into network input ``[1, 3, S, S]`` float32.

    Equal to the published preprocessing, PIL's bicubic resize of 8-bit RGB to a square and normalisation, to one level.
    CUDA gets the plate as it is, and resizes it there.
    """
    pixels = torch.from_numpy(np.require(view, requirements=("C", "W"))).permute(2, 0, 1)[None]
    if device is not None and device.type == "cuda":
        return _normalise(resize(pixels.pin_memory().to(device, non_blocking=True), image_size))
    if view.shape[:2] != (image_size, image_size):
        pixels = _resize_bytes(pixels, image_size)
    return _normalise(pixels.to(device).float())


def _resize_bytes(pixels: Tensor, image_size: int) -> Tensor:
    """As ``resize``, uint8 on the CPU: PIL's method in vector instructions, in an eighth of the time.

    Equal to it to one level; to two where one side grows and the other shrinks.
    """
    rows_first = pixels.shape[2] > max(pixels.shape[3], image_size)
    pixels = pixels.mT if rows_first else pixels
    pixels = F.interpolate(pixels, size=(image_size, image_size), mode="bicubic", antialias=True)
    return pixels.mT if rows_first else pixels


def resize(pixels: Tensor, image_size: int) -> Tensor:
    """Resize ``pixels [N, 3, H, W]`` uint8 to the square, float32 in whole numbers 0..255.

    Equal to PIL's bicubic to one level: columns and rows one after the other, rounded to 8 bits between them, and the
    rows first where the picture is tall and shrinks.
    """
    pixels = pixels.float()
    height, width = pixels.shape[2:]
    first = (image_size, width) if height > max(width, image_size) else (height, image_size)
    for size in (first, (image_size, image_size)):
        if pixels.shape[2:] != size:
            pixels = F.interpolate(pixels, size=size, mode="bicubic", antialias=True).round().clamp(0, 255)
    return pixels


def _normalise(pixels: Tensor) -> Tensor:
    mean, std = _statistics(pixels.device)
    return (pixels / 255 - mean) / std


@lru_cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    with torch.inference_mode(False):
        mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (MEAN, STD))
    return mean, std


def encoded(
    model: SAM2, views: Iterable[tuple[int, NDArray[np.uint8]]], count: int
) -> Iterator[tuple[int, NDArray[np.uint8], ImageFeatures | None]]:
    """The pictures with their features, ``count`` encoded at a time; where that is 1, they are left to be encoded."""
    device, size = model.no_obj_ptr.device, model.config.image_size
    pictures = iter(views)
    while group := list(islice(pictures, count)):
        if count == 1:
            yield *group[0], None
            continue
        made = model.encode_image(torch.cat([prepare(view, size, device) for _, view in group]))
        for row, (frame, view) in enumerate(group):
            yield frame, view, ImageFeatures(*(part[row : row + 1] for part in made))
