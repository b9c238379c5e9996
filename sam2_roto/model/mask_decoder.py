"""Mask decoder: a two-way transformer between prompt tokens and the picture, then masks, IoU and object score."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .attention import Attention
from .config import ModelConfig
from .detail import Detail
from .layers import MLP, LayerNorm2d

MASKS = 4
"""One mask for unambiguous prompts and three for ambiguous ones."""

STABILITY_DELTA = 0.05
STABILITY_THRESHOLD = 0.98


class Decoded(NamedTuple):
    """What the decoder says of each row (object)."""

    logits: Tensor
    """``[B, M, S/4, S/4]`` mask logits, not yet silenced where the object is absent."""
    iou: Tensor
    """``[B, M]`` predicted IoU of each mask, 0..1."""
    score: Tensor
    """``[B, 1]`` logit of the object's presence."""
    tokens: Tensor
    """``[B, M, width]`` the mask tokens after decoding."""


class TwoWayBlock(nn.Module):
    """Tokens attend to themselves and to the picture, then the picture to the tokens."""

    def __init__(self, config: ModelConfig, first: bool) -> None:
        super().__init__()
        width, heads = config.width, config.decoder_heads
        self.first = first
        self.self_attn = Attention(width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, heads, inner=width // 2)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width, config.decoder_mlp, width)
        self.norm3 = nn.LayerNorm(width)
        self.norm4 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, heads, inner=width // 2)

    def forward(self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor) -> tuple[Tensor, Tensor]:
        """Update ``tokens [B, n, width]`` and ``image [B, m, width]``."""
        if self.first:  # the tokens are their own position in the first block
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            query = tokens + token_pe
            tokens = tokens + self.self_attn(query, query, tokens)
        tokens = self.norm1(tokens)
        key = image + image_pe
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_pe, key, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.cross_attn_image_to_token(key, tokens + token_pe, tokens))
        return tokens, image


class TwoWayTransformer(nn.Module):
    """Two blocks and a last look of the tokens at the picture."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(config, first=index == 0) for index in range(2))
        self.final_attn_token_to_image = Attention(config.width, config.decoder_heads, inner=config.width // 2)
        self.norm_final_attn = nn.LayerNorm(config.width)

    def forward(self, image: Tensor, image_pe: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Decode ``tokens [B, n, width]`` against ``image [B, m, width]``; both come back."""
        token_pe = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe)
        attended = self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        return self.norm_final_attn(tokens + attended), image


class MaskDecoder(nn.Module):
    """From an embedding of the picture and prompts to masks."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.transformer = TwoWayTransformer(config)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(MASKS, width)
        self.obj_score_token = nn.Embedding(1, width)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, kernel_size=2, stride=2),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.plain = (width // 8, width // 4)  # the channels of the fine features that the upscaling reads
        self.conv_s0, self.conv_s1 = (nn.Conv2d(width, count, kernel_size=1) for count in config.high_channels)
        self.output_hypernetworks_mlps = nn.ModuleList(MLP(width, width, width, width // 8) for _ in range(MASKS))
        self.iou_prediction_head = MLP(width, width, width, MASKS)
        self.pred_obj_score_head = MLP(width, width, width, 1)
        self.detail = Detail(config) if all(config.detail) else None

    def forward(
        self,
        image: Tensor,
        image_pe: Tensor,
        sparse: Tensor,
        dense: Tensor,
        high0: Tensor,
        high1: Tensor,
        hint: Tensor | None = None,
    ) -> Decoded:
        """Decode all four masks.

        ``image [B, width, h, w]``, ``image_pe [1, width, h, w]``, ``sparse [B, n, width]``, ``dense`` broadcastable to
        the image, ``high0 [B or 1, width/8, 4h, 4w]``, ``high1 [B or 1, width/4, 2h, 2w]`` (more channels where the
        model draws details), ``hint [B, HINTS, 4h, 4w]`` the prompts as maps, for such a model alone.
        """
        own = torch.cat((self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight))
        tokens = torch.cat((own.expand(len(sparse), -1, -1).to(sparse.dtype), sparse), dim=1)
        source = image + dense
        decoded, source_out = self.transformer(
            source.flatten(2).transpose(1, 2), image_pe.flatten(2).transpose(1, 2), tokens
        )
        mask_tokens = decoded[:, 2 : 2 + MASKS]
        picture = source_out.transpose(1, 2).reshape(source.shape)
        fine, middle = self.plain
        upscaled = self._upscale(picture, high0[:, :fine], high1[:, :middle])
        if self.detail is not None and hint is not None:
            upscaled = upscaled + self.detail(picture, high0[:, fine:], high1[:, middle:], hint)
        kernels = [mlp(mask_tokens[:, index]) for index, mlp in enumerate(self.output_hypernetworks_mlps)]
        logits = torch.einsum("bmc,bchw->bmhw", torch.stack(kernels, dim=1), upscaled)
        iou = self.iou_prediction_head(decoded[:, 1]).sigmoid()
        return Decoded(logits, iou, self.pred_obj_score_head(decoded[:, 0]), mask_tokens)

    def _upscale(self, image: Tensor, high0: Tensor, high1: Tensor) -> Tensor:
        up1, norm, act1, up2, act2 = self.output_upscaling
        return act2(up2(act1(norm(up1(image) + high1))) + high0)


def three_masks(decoded: Decoded) -> Decoded:
    """The three masks meant for ambiguous prompts."""
    return Decoded(decoded.logits[:, 1:], decoded.iou[:, 1:], decoded.score, decoded.tokens[:, 1:])


def single_mask(decoded: Decoded) -> Decoded:
    """The first mask, replaced by the best of the three where it is unstable; the token stays the first one's.

    Stable means that the areas above +delta and -delta agree (SAM 2 appendix, dynamic multi-mask).
    """
    first, others = decoded.logits[:, :1], decoded.logits[:, 1:]
    inner = (first > STABILITY_DELTA).flatten(1).sum(1).float()
    outer = (first > -STABILITY_DELTA).flatten(1).sum(1).float()
    stable = torch.where(outer > 0, inner / outer.clamp(min=1), 1.0) >= STABILITY_THRESHOLD
    best = decoded.iou[:, 1:].argmax(dim=1)
    rows = torch.arange(len(best), device=best.device)
    logits = torch.where(stable[:, None, None, None], first, others[rows, best][:, None])
    iou = torch.where(stable[:, None], decoded.iou[:, :1], decoded.iou[:, 1:][rows, best][:, None])
    return Decoded(logits, iou, decoded.score, decoded.tokens[:, :1])
