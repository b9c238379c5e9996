"""Position encodings: sine over a grid, sine over time, random Fourier features of points, axial rotary angles."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

TEMPERATURE = 10000.0


def _frequencies(count: int, device: torch.device | None = None) -> Tensor:
    """Wavelengths ``[count]`` in pairs (sine and cosine share one), after "Attention Is All You Need"."""
    index = torch.arange(count, dtype=torch.float32, device=device)
    return TEMPERATURE ** (2 * torch.div(index, 2, rounding_mode="floor") / count)


def sine_grid(channels: int, height: int, width: int) -> Tensor:
    """Sine encoding ``[1, channels, height, width]`` of a grid, rows in the first half of the channels.

    Positions count from 1 and are normalised to 2 pi at the far edge (DETR, arXiv:2005.12872).
    """
    waves = _frequencies(channels // 2)

    def axis(length: int) -> Tensor:
        position = torch.arange(1, length + 1, dtype=torch.float32)
        angle = (position / (length + 1e-6) * 2 * math.pi)[:, None] / waves
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=-1).flatten(1)

    rows = axis(height)[:, None, :].expand(height, width, -1)
    columns = axis(width)[None, :, :].expand(height, width, -1)
    return torch.cat((rows, columns), dim=-1).permute(2, 0, 1)[None].contiguous()


def sine_time(distance: Tensor, channels: int) -> Tensor:
    """Sine encoding ``[..., channels]`` of scalar distances in time: sines first, then cosines."""
    angle = distance[..., None] / _frequencies(channels // 2, distance.device)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


def axial_rotary(channels: int, side: int) -> Tensor:
    """Cosines and sines ``[side * side, channels / 2, 2]`` of the axial rotary encoding of a square grid.

    The first half of the channel pairs turns with the column, the second with the row (RoPE for vision,
    arXiv:2403.13298).
    """
    rates = TEMPERATURE ** -(torch.arange(0, channels, 4)[: channels // 4].float() / channels)
    index = torch.arange(side * side)
    columns = (index % side).float()[:, None] * rates
    rows = torch.div(index, side, rounding_mode="floor").float()[:, None] * rates
    angle = torch.cat((columns, rows), dim=-1)
    return torch.stack((angle.cos(), angle.sin()), dim=-1)


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn each pair of neighbouring channels of ``x [..., n, channels]`` by the angles ``table [n, channels/2, 2]``.

    A product of complex numbers in float32, which is one pass over memory; written out where it has to be compiled.
    """
    pairs = x.reshape(*x.shape[:-1], -1, 2).float()
    if not torch.compiler.is_compiling():
        product = torch.view_as_complex(pairs) * torch.view_as_complex(table)
        return torch.view_as_real(product).flatten(-2).to(x.dtype)
    (cos, sin), (even, odd) = table.unbind(-1), pairs.unbind(-1)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2).to(x.dtype)


class RandomFourier(nn.Module):
    """Random Fourier features of points in the unit square (arXiv:2006.10739); the matrix is part of the weights."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def forward(self, points: Tensor) -> Tensor:
        """Encode ``points [..., 2]`` (x, y in 0..1) as ``[..., channels]``."""
        angle = 2 * math.pi * ((2 * points - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat((angle.sin(), angle.cos()), dim=-1)

    def grid(self, side: int) -> Tensor:
        """Encode the pixel centres of a square grid as ``[1, channels, side, side]``."""
        matrix = self.positional_encoding_gaussian_matrix
        centre = (torch.arange(side, device=matrix.device, dtype=matrix.dtype) + 0.5) / side
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        return self(torch.stack((x, y), dim=-1)).permute(2, 0, 1)[None]
