"""Sizes of the published models, and of the embedded one, as one dataclass and one table."""

from __future__ import annotations

from dataclasses import dataclass, replace

EFFICIENTNET_CHANNELS = (24, 40, 112, 320)


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides the shapes of a SAM 2 network and how its memory works.

    The defaults are those shared by the eight published checkpoints (SAM 2, arXiv:2408.00714, and its configuration
    files); the fields without default are what distinguishes them.
    """

    name: str
    embed_dim: int
    """Channels of the trunk's first stage; they double at each of the three following stages."""
    heads: int
    """Attention heads of the trunk's first stage; they double with the channels."""
    blocks: tuple[int, int, int, int]
    """Transformer blocks per stage."""
    global_blocks: tuple[int, ...]
    """Indices, over all stages, of the blocks that attend to the whole picture."""
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    """Side of the attention windows per stage, in tokens."""
    background: int = 7
    """Side of the learned background position embedding, resized to the picture."""
    convolutional: bool = False
    """The trunk is EfficientNet-Lite0 instead of Hiera; the five fields above then mean nothing."""
    width: int = 256
    """Channels of the neck, decoder and memory attention."""
    memory_width: int = 64
    """Channels of a spatial memory; a pointer is split into width / memory_width tokens of this width."""
    memory_layers: int = 4
    memory_mlp: int = 2048
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    memories: int = 7
    """Temporal slots: the last is shared by all prompted frames, the others are the latest frames."""
    pointers: int = 16
    """Most object pointers that one frame attends to."""
    timed_pointers: bool = True
    """Version 2.1: pointers carry their signed distance in time, absent objects mark their memory."""
    detail: tuple[int, int] = (0, 0)
    """Channels, at strides 8 and 4, of the convolutions that draw masks (``detail.py``); the published have none."""
    guided: bool = False
    """Trained to read, on tracked frames, the last mask carried along by optical flow as a mask prompt."""
    second_look: bool = False
    """What it says to a prompt that leaves nothing open is given back with the prompt, and it answers once more."""
    heeds_clicks: bool = False
    """Where its answer ignores a click, it is bent to it (``tracking/heed.py``); the published say what they say."""
    looks_around: bool = False
    """Before it answers a click it looks at small pictures of what is around (``tracking/consensus.py``)."""
    recognition: tuple[float, float, float, float, float] | None = None
    """How a tracked mask is recognised (``tracking/recognition.py``): a bias, and the weights of the score of presence
    and of likeness at strides 4, 8 and 16; the published are believed as they are."""
    image_size: int = 1024
    """Side of the square picture that the network sees, in pixels."""
    finest_size: int = 0
    """Largest side of the picture in which thin things are shown (``tracking/fineness.py``); 0: that of all others."""

    @property
    def trunk_channels(self) -> tuple[int, ...]:
        """Channels of the trunk's features at strides 4, 8, 16 and 32."""
        return EFFICIENTNET_CHANNELS if self.convolutional else tuple(self.embed_dim * 2**stage for stage in range(4))

    @property
    def high_channels(self) -> tuple[int, int]:
        """Channels of the fine features that the decoder reads, at strides 4 and 8."""
        middle, fine = self.detail
        return self.width // 8 + fine, self.width // 4 + middle

    @property
    def stride(self) -> int:
        """Pixels per token of the features that memory attention works on."""
        return 16

    @property
    def grid(self) -> int:
        """Side of the coarsest used feature map, in tokens."""
        return self.image_size // self.stride

    @property
    def logit_size(self) -> int:
        """Side of the low-resolution logits."""
        return self.image_size // 4

    @property
    def finest_logit_size(self) -> int:
        """Side of the logits of the largest picture."""
        return max(self.image_size, self.finest_size) // 4

    @property
    def look_size(self) -> int:
        """Side of the pictures in which it looks around a click; four of them cost what a full one does."""
        return max(64, self.image_size // 64 * 32)

    def with_image_size(self, image_size: int | None) -> ModelConfig:
        """The same network for another square input, then for all things alike; ``None`` keeps the native size."""
        if image_size in (None, self.image_size):
            return self
        return replace(self, image_size=image_size, finest_size=0)


def _published() -> dict[str, ModelConfig]:
    sizes = {
        "tiny": ModelConfig("tiny", 96, 1, (1, 2, 7, 2), (5, 7, 9)),
        "small": ModelConfig("small", 96, 1, (1, 2, 11, 2), (7, 10, 13)),
        "base_plus": ModelConfig("base_plus", 112, 2, (2, 3, 16, 3), (12, 16, 20), background=14),
        "large": ModelConfig("large", 144, 2, (2, 6, 36, 4), (23, 33, 43), windows=(8, 4, 16, 8)),
    }
    table = {}
    for version, timed in (("sam2.1", True), ("sam2", False)):
        for size, config in sizes.items():
            name = f"{version}_hiera_{size}"
            table[name] = replace(config, name=name, timed_pointers=timed)
    return table


NANO = ModelConfig(
    "nano",
    embed_dim=0,
    heads=0,
    blocks=(0, 0, 0, 0),
    global_blocks=(),
    convolutional=True,
    width=128,
    memory_width=32,
    memory_layers=2,
    memory_mlp=512,
    decoder_heads=4,
    decoder_mlp=512,
    detail=(64, 32),
    guided=True,
    second_look=True,
    heeds_clicks=True,
    looks_around=True,
    recognition=(-1.99, 0.51, 2.98, 2.49, 1.66),
    image_size=384,
    finest_size=640,
)
"""The embedded model: SAM 2 on a convolutional trunk, small enough to ship in the package and for a laptop's CPU."""

PUBLISHED: dict[str, ModelConfig] = _published()
CONFIGS: dict[str, ModelConfig] = {**PUBLISHED, NANO.name: NANO}
DEFAULT_MODEL = NANO.name
