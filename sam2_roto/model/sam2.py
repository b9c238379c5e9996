"""SAM 2 (arXiv:2408.00714): the parts joined, with no state between calls."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import ModelConfig
from .layers import MLP
from .mask_decoder import Decoded, MaskDecoder, single_mask, three_masks
from .memory import Memory
from .memory_attention import MemoryAttention, MemoryTokens
from .memory_encoder import MemoryEncoder
from .neck import ImageEncoder
from .position import sine_grid, sine_time
from .prompt_encoder import PromptEncoder

ABSENT_LOGIT = -1024.0
"""Mask logits where the object is not in the picture."""

MASK_SCALE, MASK_BIAS = 20.0, -10.0
"""A probability or a binary mask is spread over -10..10 before it is remembered."""

REFINE_CLAMP = 32.0
"""Previous logits are clamped to this before they are refined."""


class ImageFeatures(NamedTuple):
    """One or more encoded frames."""

    high0: Tensor
    """``[N, width / 8, S/4, S/4]``, and more channels where the model draws details."""
    high1: Tensor
    """``[N, width / 4, S/8, S/8]``, and more channels there too."""
    top: Tensor
    """``[N, width, S/16, S/16]``."""


class Prediction(NamedTuple):
    """The chosen mask of each object."""

    logits: Tensor
    """``[B, 1, S/4, S/4]``; ABSENT_LOGIT everywhere where the object is absent."""
    iou: Tensor
    """``[B]`` predicted IoU, 0..1."""
    score: Tensor
    """``[B]`` logit of the object's presence."""
    pointer: Tensor
    """``[B, width]``."""


Points = tuple[Tensor, Tensor]
"""``coords [B, P, 2]`` in input pixels and ``labels [B, P]`` (see PointLabel)."""


class SAM2(nn.Module):
    """The network. State dicts have exactly the published names and shapes."""

    top_position: Tensor
    memory_position: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width, memory_width = config.width, config.memory_width
        self.image_encoder = ImageEncoder(config)
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)
        self.memory_attention = MemoryAttention(config)
        self.memory_encoder = MemoryEncoder(config)
        self.sam_prompt_encoder = PromptEncoder(config)
        self.sam_mask_decoder = MaskDecoder(config)
        self.obj_ptr_proj = MLP(width, width, width, width)
        self.maskmem_tpos_enc = nn.Parameter(torch.zeros(config.memories, 1, 1, memory_width))
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, width))
        self.no_mem_pos_enc = nn.Parameter(torch.zeros(1, 1, width))
        self.no_obj_ptr = nn.Parameter(torch.zeros(1, width))
        if config.timed_pointers:
            self.obj_ptr_tpos_proj = nn.Linear(width, memory_width)
            self.no_obj_embed_spatial = nn.Parameter(torch.zeros(1, memory_width))
        grid = config.grid
        self.register_buffer("top_position", sine_grid(width, grid, grid), persistent=False)
        self.register_buffer("memory_position", sine_grid(memory_width, grid, grid), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        """Start learned embeddings near zero, as in the published training."""
        for parameter in (
            self.maskmem_tpos_enc,
            self.no_mem_embed,
            self.no_mem_pos_enc,
            self.no_obj_ptr,
        ):
            nn.init.trunc_normal_(parameter, std=0.02)
        if self.config.timed_pointers:
            nn.init.trunc_normal_(self.no_obj_embed_spatial, std=0.02)

    @property
    def memory_dtype(self) -> torch.dtype:
        """The type in which memories are made."""
        return self.memory_encoder.out_proj.weight.dtype

    def encode_image(self, images: Tensor) -> ImageFeatures:
        """Encode normalised ``images [N, 3, S, S]``."""
        decoder = self.sam_mask_decoder
        return ImageFeatures(*self.image_encoder(images, (decoder.conv_s0, decoder.conv_s1)))

    def condition(self, top: Tensor, memory: Memory | None) -> Tensor:
        """Features ``[B or 1, width, h, w]`` as seen by objects that remember ``memory``: ``[B, width, h, w]``.

        Without memory (a picture, or an object's first prompted frame) a learned embedding stands for it.
        """
        if memory is None:
            return top + self.no_mem_embed.view(1, -1, 1, 1)
        return self.memory_attention(top, self.top_position, self.memory_tokens(memory))

    def memory_tokens(self, memory: Memory) -> MemoryTokens:
        """Lay spatial memories and split pointers one after the other, with their positions in space and time."""
        rows = len(memory.spatial)
        time = self.maskmem_tpos_enc[:, 0, 0][memory.slots][..., None, :]
        space = self.memory_position.flatten(2).transpose(1, 2)[:, None]
        values = memory.spatial.flatten(3).transpose(2, 3).flatten(1, 2)
        position = (space + time).flatten(1, 2).expand(rows, -1, -1)
        parts = self.config.width // self.config.memory_width
        count = memory.pointers.shape[1]
        if count:
            pieces = memory.pointers.reshape(rows, parts * count, -1)
            places = self._pointer_positions(memory).repeat_interleave(parts, dim=1).expand(rows, -1, -1)
            values, position = torch.cat((values, pieces), dim=1), torch.cat((position, places), dim=1)
        return MemoryTokens(values, position, parts * count)

    def _pointer_positions(self, memory: Memory) -> Tensor:
        if not self.config.timed_pointers:
            return self.maskmem_tpos_enc.new_zeros(1, memory.pointers.shape[1], self.config.memory_width)
        encoded = sine_time(memory.distances / max(memory.span, 1), self.config.width)
        return self.obj_ptr_tpos_proj(encoded.to(memory.pointers.dtype))

    def decode(
        self,
        embedding: Tensor,
        features: ImageFeatures,
        points: Points | None = None,
        mask: Tensor | None = None,
        multimask: bool = True,
    ) -> Decoded:
        """Decode ``embedding [B, width, h, w]`` with prompts into three masks, or into one.

        ``mask [B, 1, S/4, S/4]`` holds previous logits. ``features`` may have one row for all objects.
        """
        prompts = self.sam_prompt_encoder
        sparse = prompts.no_points(len(embedding)) if points is None else prompts.points(*points)
        dense = prompts.no_mask() if mask is None else prompts.mask(mask)
        everything: Decoded = self.sam_mask_decoder(
            embedding,
            prompts.image_position(),
            sparse,
            dense,
            features.high0,
            features.high1,
            prompts.hints(len(embedding), points, mask),
        )
        return three_masks(everything) if multimask else single_mask(everything)

    def answer(
        self,
        embedding: Tensor,
        features: ImageFeatures,
        points: Points,
        previous: Tensor | None = None,
        multimask: bool = True,
    ) -> Decoded:
        """Decode clicks and boxes, refining the ``previous [B, 1, S/4, S/4]`` logits where there are any.

        Without them, a network of two looks refines its own first answer, unless three masks are asked for.
        """
        if previous is None and not multimask and self.config.second_look:
            previous = self.decode(embedding, features, points, None, multimask).logits.float()
        mask = None if previous is None else previous.clamp(-REFINE_CLAMP, REFINE_CLAMP)
        return self.decode(embedding, features, points, mask, multimask)

    def choose(self, decoded: Decoded, best: Tensor | None = None) -> Prediction:
        """Take ``best [B]``, by default the masks of best predicted IoU; silence absent objects, make pointers."""
        rows = torch.arange(len(decoded.iou), device=decoded.iou.device)
        best = decoded.iou.argmax(dim=1) if best is None else best
        present = decoded.score > 0
        logits = decoded.logits[rows, best][:, None].float()
        logits = torch.where(present[..., None, None], logits, ABSENT_LOGIT)
        pointer = self.point_to(decoded.tokens[rows, best], present)
        return Prediction(logits, decoded.iou[rows, best], decoded.score[:, 0], pointer)

    def point_to(self, token: Tensor, present: Tensor) -> Tensor:
        """Object pointer ``[B, width]`` from a mask token ``[B, width]`` and presence ``[B, 1]``."""
        weight = present.to(token.dtype)
        return weight * self.obj_ptr_proj(token) + (1 - weight) * self.no_obj_ptr

    def accept_mask(self, features: ImageFeatures, mask: Tensor) -> Prediction:
        """Take the user's binary ``mask [B, 1, S, S]`` (0 or 1) as the answer; the decoder only makes its pointer.

        ``features`` may have one row for all objects.
        """
        rows, size = len(mask), self.config.logit_size
        logits = F.interpolate(
            mask * MASK_SCALE + MASK_BIAS, size=(size, size), mode="bilinear", align_corners=False, antialias=True
        )
        top = features.top.expand(rows, -1, -1, -1)
        inner = self.choose(self.decode(top, features, mask=self.mask_downsample(mask), multimask=False))
        present = (mask.flatten(1) > 0).any(dim=1, keepdim=True).to(inner.pointer.dtype)
        pointer = present * inner.pointer + (1 - present) * self.no_obj_ptr
        score = present[:, 0] * MASK_SCALE + MASK_BIAS
        return Prediction(logits, torch.ones_like(score), score, pointer)

    def encode_memory(self, top: Tensor, logits: Tensor, score: Tensor, prompted: Tensor | bool) -> Tensor:
        """Remember a frame: spatial memory ``[B, memory_width, h, w]``.

        ``top [B or 1, width, h, w]``, ``logits [B, 1, s, s]`` at any resolution, ``score [B]``; where ``prompted [B]``
        is true the mask is binarised first, since the user's word is certain.
        """
        size = self.config.image_size
        full = F.interpolate(logits.float(), size=(size, size), mode="bilinear", align_corners=False)
        probability = _certainty(full, prompted)
        memory = self.memory_encoder(top, probability * MASK_SCALE + MASK_BIAS)
        if self.config.timed_pointers:
            absent = (score <= 0).to(memory.dtype).view(-1, 1, 1, 1)
            memory = memory + absent * self.no_obj_embed_spatial[..., None, None]
        return memory.to(self.memory_dtype)


def _certainty(logits: Tensor, prompted: Tensor | bool) -> Tensor:
    """How surely each pixel is the object's, 0..1; where ``prompted [B]``, one or the other."""
    if isinstance(prompted, bool):
        return (logits > 0).to(logits.dtype) if prompted else logits.sigmoid()
    return torch.where(prompted.view(-1, 1, 1, 1), (logits > 0).to(logits.dtype), logits.sigmoid())
