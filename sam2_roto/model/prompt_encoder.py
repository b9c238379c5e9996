"""Prompt encoder: points, boxes and masks as tokens and as a dense embedding."""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor, nn

from .config import ModelConfig
from .derived import Derived
from .detail import HINTS, mask_hint, point_hints
from .layers import LayerNorm2d
from .position import RandomFourier


class PointLabel(IntEnum):
    """What a point means. A box is two points, with labels BOX_START and BOX_END."""

    NONE = -1
    NEGATIVE = 0
    POSITIVE = 1
    BOX_START = 2
    BOX_END = 3


class PromptEncoder(nn.Module):
    """Embeds sparse prompts (points) and a dense one (previous mask logits)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.image_size = config.image_size
        self.grid = config.grid
        self.hinted = config.logit_size if all(config.detail) else 0
        self.pe_layer = RandomFourier(width)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, width)
        self.no_mask_embed = nn.Embedding(1, width)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, kernel_size=2, stride=2),
            LayerNorm2d(4),
            nn.GELU(),
            nn.Conv2d(4, 16, kernel_size=2, stride=2),
            LayerNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, width, kernel_size=1),
        )
        self._image_position = Derived()

    def points(self, coords: Tensor, labels: Tensor) -> Tensor:
        """Embed ``coords [B, P, 2]`` (x, y in input pixels) with ``labels [B, P]``: ``[B, P + 1, width]``.

        One padding point is always appended, as the published model was trained; no prompt at all is one point of
        label NONE, hence two padding points.
        """
        place = self.pe_layer((coords + 0.5) / self.image_size)
        known = (labels >= 0)[..., None]
        kinds = torch.cat([embedding.get_parameter("weight") for embedding in self.point_embeddings])
        tokens = place + kinds[labels.clamp(min=0).long()]
        padding = self.not_a_point_embed.weight
        tokens = torch.where(known, tokens, padding)
        return torch.cat((tokens, padding.expand(len(coords), 1, -1).to(tokens.dtype)), dim=1)

    def no_points(self, rows: int) -> Tensor:
        """The tokens ``[rows, 2, width]`` of an absent prompt."""
        return self.not_a_point_embed.weight.expand(rows, 2, -1)

    def mask(self, logits: Tensor) -> Tensor:
        """Embed previous ``logits [B, 1, S/4, S/4]`` as ``[B, width, S/16, S/16]``."""
        return self.mask_downscaling(logits)

    def no_mask(self) -> Tensor:
        """The dense embedding ``[1, width, 1, 1]`` of an absent mask."""
        return self.no_mask_embed.weight[..., None, None]

    def hints(self, rows: int, points: tuple[Tensor, Tensor] | None, mask: Tensor | None) -> Tensor | None:
        """The same prompts as maps ``[rows, HINTS, S/4, S/4]`` (see ``detail.py``), where the decoder reads them.

        Zero where nothing is said.
        """
        if not self.hinted:
            return None
        side, device = self.hinted, self.no_mask_embed.weight.device
        said = torch.zeros(rows, 1, side, side, device=device) if mask is None else mask_hint(mask)
        if points is None:
            pointed = torch.zeros(rows, HINTS - 1, side, side, device=device)
        else:
            pointed = point_hints(*points, side)
        return torch.cat((said, pointed), dim=1)

    def image_position(self) -> Tensor:
        """Position of each token of the picture ``[1, width, S/16, S/16]``; computed once per state of the weights."""
        matrix = self.pe_layer.positional_encoding_gaussian_matrix
        return self._image_position.get((matrix,), self.grid, lambda: self.pe_layer.grid(self.grid))
