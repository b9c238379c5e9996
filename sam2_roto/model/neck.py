"""The neck: a feature pyramid from the trunk's stages, and the image encoder that joins both."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from . import kernels
from .config import ModelConfig
from .efficientnet import EfficientNet
from .trunk import Trunk


class Lateral(nn.Module):
    """A 1×1 convolution, under the name that the published weights give it."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, channels, H, W]`` to ``[N, width, H, W]``, channels-last in memory."""
        return kernels.apply(self.conv, x.movedim(1, -1)).movedim(-1, 1)


Refine = tuple[nn.Module, nn.Module]


class Neck(nn.Module):
    """Laterals for the four stages; only stride 16 also receives the stage below it (arXiv:1612.03144)."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(Lateral(count, width) for count in reversed(channels))

    def forward(self, stages: list[Tensor], refine: Refine) -> tuple[Tensor, Tensor, Tensor]:
        """Map the four stages to features of strides 4, 8 and 16.

        ``refine`` are the decoder's 1×1 convolutions of the first two, which nothing else reads; the third is
        ``[N, width, H, W]``.
        """
        coarse, middle, fine1, fine0 = self.convs
        top = middle(stages[2]) + F.interpolate(coarse(stages[3]), scale_factor=2.0, mode="nearest")
        return _refine(fine0, refine[0], stages[0]), _refine(fine1, refine[1], stages[1]), top


def _refine(lateral: nn.Module, conv: nn.Module, x: Tensor) -> Tensor:
    return kernels.apply_twice(lateral.get_submodule("conv"), conv, x.movedim(1, -1)).movedim(-1, 1)


class ImageEncoder(nn.Module):
    """Trunk and neck."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.trunk = EfficientNet() if config.convolutional else Trunk(config)
        self.neck = Neck(config.trunk_channels, config.width)

    def forward(self, images: Tensor, refine: Refine) -> tuple[Tensor, Tensor, Tensor]:
        """Encode normalised ``images [N, 3, S, S]`` into features of strides 4, 8 and 16 (see ``Neck``)."""
        return self.neck(self.trunk(images), refine)
