"""Simulated prompts: clicks, boxes and corrections, drawn from true masks as a person would give them.

Everything is batched over rows (one row per object) and draws only from the generator that is passed in, so the same
seed gives the same prompts. Coordinates are (x, y) indices of pixels of the network's input (the model itself adds the
half that leads to their centres). Labels: 1 positive, 0 negative, 2 and 3 the corners of a box, -1 padding. Source: SAM
(Kirillov et al. 2023) and SAM 2 (Ravi et al. 2024), sections on interactive training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NEGATIVE, POSITIVE, CORNER_FIRST, CORNER_SECOND, PADDING = 0, 1, 2, 3, -1
CELL = 4


@dataclass(frozen=True)
class Points:
    """Point prompts: ``coords`` [R, P, 2] float pixels and ``labels`` [R, P] int64."""

    coords: Tensor
    labels: Tensor

    def join(self, other: Points) -> Points:
        """These points followed by ``other``'s."""
        return Points(torch.cat([self.coords, other.coords], 1), torch.cat([self.labels, other.labels], 1))

    def rows(self, index: Tensor) -> Points:
        """The points of some rows: ``index`` [K] int64."""
        return Points(self.coords[index], self.labels[index])


def random_pixel(region: Tensor, generator: torch.Generator) -> Tensor:
    """A uniformly drawn pixel (x, y) [R, 2] of each boolean region [R, H, W]; (0, 0) where it is empty."""
    noise = torch.rand(region.shape, generator=generator, device=region.device) + 1.0
    flat = torch.where(region, noise, torch.zeros_like(noise)).flatten(1).argmax(dim=1)
    width = region.shape[-1]
    return torch.stack([flat % width, flat // width], dim=1).float()


def depth(region: Tensor) -> Tensor:
    """Depth of each 4x4 cell inside boolean regions [R, H, W] -> [R, H/4, W/4] float.

    An octagonal distance: erosions by a cross and a square in turn, counted. The picture's border counts as outside.
    Coverage of the cell (0..1) is added, so that thin regions have a deepest cell too.
    """
    coverage = F.avg_pool2d(region[:, None].float(), CELL)
    inside, total = (coverage > 0.5).float(), coverage.clone()
    square = True
    while bool(inside.any()):
        total += inside
        outside = F.pad(1.0 - inside, (1, 1, 1, 1), value=1.0)
        if square:
            outside = F.max_pool2d(outside, 3, 1)
        else:
            across, down = F.max_pool2d(outside, (1, 3), 1)[:, :, 1:-1], F.max_pool2d(outside, (3, 1), 1)[..., 1:-1]
            outside = torch.maximum(across, down)
        inside, square = 1.0 - outside, not square
    return total[:, 0]


def central_pixel(region: Tensor, generator: torch.Generator) -> Tensor:
    """A pixel (x, y) [R, 2] of the deepest cell of each boolean region [R, H, W]; (0, 0) where it is empty."""
    cells = depth(region)
    rows, height, width = cells.shape
    deepest = F.one_hot(cells.flatten(1).argmax(dim=1), height * width).view(rows, height, width).bool()
    wide = deepest.repeat_interleave(CELL, 1).repeat_interleave(CELL, 2)
    return random_pixel(region & wide, generator)


def first_click(truth: Tensor, generator: torch.Generator, central_share: float = 0.5) -> Points:
    """One positive click inside each mask [R, H, W] bool, at its centre for ``central_share`` of the rows.

    A row whose object is absent gets a negative click somewhere.
    """
    present = truth.flatten(1).any(dim=1)
    region = torch.where(present[:, None, None], truth, ~truth)
    central = torch.rand(len(truth), generator=generator, device=truth.device) < central_share
    coords = torch.where(central[:, None], central_pixel(region, generator), random_pixel(region, generator))
    labels = torch.where(present, POSITIVE, NEGATIVE)
    return Points(coords[:, None], labels[:, None])


def bounding_box(truth: Tensor) -> Tensor:
    """First and last column and row of boolean masks [R, H, W] -> [R, 4] float (x0, y0, x1, y1); zeros if empty."""
    columns, rows = truth.any(dim=1), truth.any(dim=2)
    present = truth.flatten(1).any(dim=1, keepdim=True)

    def ends(line: Tensor) -> tuple[Tensor, Tensor]:
        marks = line.float()
        return marks.argmax(dim=1), line.shape[1] - 1 - marks.flip(1).argmax(dim=1)

    (x0, x1), (y0, y1) = ends(columns), ends(rows)
    return torch.stack([x0, y0, x1, y1], dim=1).float() * present


def noisy_box(truth: Tensor, generator: torch.Generator, noise: float = 0.1, limit: float = 20 / 1024) -> Points:
    """Boxes around masks [R, H, W] bool as two points, each side moved at random.

    A side moves by up to ``noise`` of the box's size and at most ``limit`` of the picture's width (the published 20
    pixels of 1024). A row whose object is absent gets a negative click and one padding point instead.
    """
    box = bounding_box(truth)
    size = (box[:, 2:] - box[:, :2]).repeat(1, 2)
    reach = (size * noise).clamp(max=limit * truth.shape[-1])
    moved = box + (torch.rand(box.shape, generator=generator, device=box.device) * 2 - 1) * reach
    top = torch.tensor([truth.shape[-1] - 1.0, truth.shape[-2] - 1.0], device=box.device).repeat(2)
    coords = torch.minimum(moved, top).clamp(min=0.0).view(-1, 2, 2)
    labels = torch.tensor([CORNER_FIRST, CORNER_SECOND], device=box.device).repeat(len(truth), 1)
    empty = ~truth.flatten(1).any(dim=1)
    away = random_pixel(~truth, generator)[:, None].repeat(1, 2, 1)
    absent = torch.tensor([NEGATIVE, PADDING], device=box.device)
    return Points(torch.where(empty[:, None, None], away, coords), torch.where(empty[:, None], absent, labels))


def corrective_click(truth: Tensor, predicted: Tensor, generator: torch.Generator, truth_share: float = 0.1) -> Points:
    """The next click of a person who sees ``predicted`` and wants ``truth`` (both [R, H, W] bool).

    Drawn from the error region: positive where the object was missed, negative where something else was taken. A share
    of the rows draws a positive click from the truth instead. A perfect row gets a negative click on its background.
    """
    missed, extra = truth & ~predicted, predicted & ~truth
    perfect = ~(missed | extra).flatten(1).any(dim=1)
    extra = extra | (perfect[:, None, None] & ~truth)
    from_truth = torch.rand(len(truth), generator=generator, device=truth.device) < truth_share
    from_truth &= truth.flatten(1).any(dim=1)
    region = torch.where(from_truth[:, None, None], truth, missed | extra)
    coords = random_pixel(region, generator)
    column, row = coords.long().unbind(1)
    positive = truth[torch.arange(len(truth), device=truth.device), row, column]
    return Points(coords[:, None], positive.long()[:, None])
