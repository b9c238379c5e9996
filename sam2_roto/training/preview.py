"""A picture of how the network does: strips of frames with the predicted and the true outline."""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

PREDICTED = (255, 210, 0)
TRUE = (0, 200, 255)
MOST_STRIPS, WIDEST = 8, 1400


def outline(mask: Tensor) -> Tensor:
    """Pixels of boolean masks [..., H, W] that touch the outside through one of their four sides."""
    inside = F.pad(mask.float().flatten(0, -3)[:, None], (1, 1, 1, 1), mode="replicate")
    around = inside[..., :-2, 1:-1] * inside[..., 2:, 1:-1] * inside[..., 1:-1, :-2] * inside[..., 1:-1, 2:]
    return mask & ~(around[:, 0].view(mask.shape) > 0)


def strip(frames: Tensor, predicted: Tensor, truth: Tensor) -> Tensor:
    """One row of pictures: frames uint8 [T, 3, H, W], masks bool [T, H, W] -> uint8 [3, H, T * W]."""
    picture = frames.clone()
    picture[predicted[:, None].expand_as(frames)] = picture[predicted[:, None].expand_as(frames)] // 2 + 64
    for mask, colour in ((truth, TRUE), (predicted, PREDICTED)):
        line = outline(mask)[:, None].expand_as(frames)
        paint = torch.tensor(colour, dtype=torch.uint8).view(1, 3, 1, 1).expand_as(frames)
        picture = torch.where(line, paint, picture)
    return torch.cat(list(picture), dim=2)


def save_strips(strips: list[Tensor], path: Path) -> None:
    """Write the first strips uint8 [3, H, W] below each other as a JPEG; the file appears whole or not at all."""
    picture = Image.fromarray(torch.cat(strips[:MOST_STRIPS], dim=1).permute(1, 2, 0).contiguous().numpy())
    picture.thumbnail((WIDEST, WIDEST))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    picture.save(draft, format="JPEG", quality=85)
    os.replace(draft, path)
