"""Convolutions that draw masks on the fine grid: what the embedded model has, and the published ones do not.

The published decoder lets prompts reach the picture at stride 16 alone, and enlarges the outcome cell by cell. A trunk
that was trained with it learns to say there where things end; one that stays as ImageNet left it does not. So the
embedded model's decoder looks once more, in neighbourhoods, at the picture's features of strides 8 and 4, at what the
prompts made of stride 16, and at the prompts themselves as maps, and corrects the features that masks are read from.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import kernels
from .config import ModelConfig
from .layers import LayerNorm2d

HINTS = 4
"""Maps of a prompt: the mask, positive clicks, negative clicks, the inside of the box."""

CLICK_REACH = 2.0
"""Standard deviation of a click on its map, in cells of the logits."""

MASK_SOFTNESS = 4.0
"""Previous logits of this size are drawn as tanh(1)."""


CELL = 4
"""Pixels of the input on a side of a cell of the logits."""


def mask_hint(logits: Tensor) -> Tensor:
    """A mask as a map, -1..1, from logits ``[B, 1, side, side]``."""
    return (logits.float() / MASK_SOFTNESS).tanh()


def point_hints(coords: Tensor, labels: Tensor, side: int) -> Tensor:
    """Clicks and boxes as maps ``[B, 3, side, side]``, 0..1: positive, negative, inside the box.

    ``coords [B, P, 2]`` are pixels of the input, ``labels [B, P]`` as in PointLabel.
    """
    cells = torch.arange(side, device=coords.device, dtype=torch.float32)
    places = (coords.float() + 0.5) / CELL - 0.5
    near = (-0.5 * ((cells - places[..., None]) / CLICK_REACH).square()).exp()
    spots = near[:, :, 1, :, None] * near[:, :, 0, None, :]  # [B, P, side, side]
    clicks = [(spots * (labels == kind)[..., None, None]).amax(dim=1) for kind in (1, 0)]
    first, last = (((labels == kind)[..., None] * places).sum(dim=1)[..., None] for kind in (2, 3))
    inside = (cells - first + 0.5).clamp(0, 1) * (last - cells + 0.5).clamp(0, 1)  # [B, 2, side]
    boxed = (labels == 2).any(dim=1)[:, None, None]
    return torch.stack((*clicks, boxed * inside[:, 1, :, None] * inside[:, 0, None, :]), dim=1)


class Neighbourhood(nn.Module):
    """Two 3×3 convolutions behind a norm, added to what comes in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = LayerNorm2d(channels)
        self.first = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, h, w]`` to the same shape."""
        return x + kernels.convolve(self.second, kernels.convolve(self.first, self.norm(x), "relu"))


class Detail(nn.Module):
    """What is added to the features that masks are read from."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        middle, fine = config.detail
        self.enter = nn.Conv2d(config.width, middle, kernel_size=1)
        self.coarse = Neighbourhood(middle)
        self.hint1 = nn.Conv2d(HINTS, middle, kernel_size=3, stride=2, padding=1)
        self.middle = Neighbourhood(middle)
        self.narrow = nn.Conv2d(middle, fine, kernel_size=1)
        self.hint0 = nn.Conv2d(HINTS, fine, kernel_size=3, padding=1)
        self.fine = Neighbourhood(fine)
        self.leave = nn.Conv2d(fine, config.width // 8, kernel_size=1)
        for value in self.leave.parameters():
            nn.init.zeros_(value)  # a decoder without it is where training starts

    def forward(self, image: Tensor, high0: Tensor, high1: Tensor, hint: Tensor) -> Tensor:
        """``[B, width/8, 4h, 4w]`` from the decoded picture ``image [B, width, h, w]``.

        ``high0 [B or 1, fine, 4h, 4w]``, ``high1 [B or 1, middle, 2h, 2w]``, ``hint [B, HINTS, 4h, 4w]``.
        """
        x = _doubled(self.coarse(self.enter(image))) + high1 + self.hint1(hint)
        x = _doubled(self.narrow(self.middle(x))) + high0 + self.hint0(hint)
        out: Tensor = self.leave(F.relu(self.fine(x)))
        return out


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
