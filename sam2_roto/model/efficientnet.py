"""EfficientNet-Lite (arXiv:1905.11946, without squeeze-and-excitation), the trunk of the embedded model."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import kernels


class Stage(NamedTuple):
    """Blocks of equal width; the first of them has the stride."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    blocks: int


LITE0 = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
STEM = 32


class Convolution(nn.Module):
    """A convolution with bias, padded as the published weights expect, then ReLU6 where ``active``.

    Batch normalisation is folded into weight and bias.
    """

    def __init__(
        self,
        channels: int,
        channels_out: int,
        kernel: int = 1,
        stride: int = 1,
        depthwise: bool = False,
        active: bool = True,
    ) -> None:
        super().__init__()
        groups = channels if depthwise else 1
        # With stride 2 and an even side, the odd one of the padding goes to the far edges: near ones get as much, and
        # the kernel a first row and column of zeros. To pad the picture would be to copy it.
        self.shift = stride - 1
        self.conv = nn.Conv2d(channels, channels_out, kernel, stride, kernel // 2, groups=groups)
        self.activation: kernels.Activation = "relu6" if active else "none"

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, C, H, W]`` to ``[N, C', H / stride, W / stride]``."""
        conv = self.conv
        weight = F.pad(conv.weight, (self.shift, 0, self.shift, 0)) if self.shift else conv.weight
        padding = conv.kernel_size[0] // 2
        return kernels.filtered(x, weight, conv.bias, conv.stride, (padding, padding), conv.groups, self.activation)


class Bottleneck(nn.Module):
    """An inverted bottleneck (arXiv:1801.04381): widen, filter each channel, narrow; added to the input if alike."""

    def __init__(self, channels: int, channels_out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.alike = stride == 1 and channels == channels_out
        self.expand = Convolution(channels, inner) if expansion != 1 else nn.Identity()
        self.filter = Convolution(inner, inner, kernel, stride, depthwise=True)
        self.project = Convolution(inner, channels_out, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, C, H, W]`` to ``[N, C', H / stride, W / stride]``."""
        out: Tensor = self.project(self.filter(self.expand(x)))
        return x + out if self.alike else out


class EfficientNet(nn.Module):
    """The seven stages of EfficientNet-Lite0; gives the last features of strides 4, 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, 2)
        self.blocks = nn.ModuleList(_blocks())
        ends = [sum(stage.blocks for stage in LITE0[: index + 1]) - 1 for index in range(len(LITE0))]
        self.stage_ends = (ends[1], ends[2], ends[4], ends[6])
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Encode normalised ``images [N, 3, S, S]``: ``[N, C_i, S/2^(i+2), S/2^(i+2)]`` for stages i = 0..3."""
        # A CPU filters pixels whose channels lie side by side twice as fast.
        x = self.stem(images.contiguous(memory_format=torch.channels_last) if images.is_cpu else images)
        stages = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.stage_ends:
                stages.append(x)
        return stages


def _blocks() -> list[Bottleneck]:
    blocks: list[Bottleneck] = []
    channels = STEM
    for stage in LITE0:
        for position in range(stage.blocks):
            stride = stage.stride if position == 0 else 1
            blocks.append(Bottleneck(channels, stage.channels, stage.expansion, stage.kernel, stride))
            channels = stage.channels
    return blocks
