"""Start the memory as a matcher: a network that segments pictures begins to follow objects without a step of training.

Learned from nothing, memory attention spends most of a short run on finding out that a place of the frame should look
for its like in the memory, near by, and take over what the mask said there. Here that is written into its weights at
once (after the idea of mimetic initialisation, arXiv:2305.09828), and training only refines it:

- a memory holds the principal components of the picture's features, and a short code of the mask;
- the first layer's queries and keys compare those components on the slowly turning rotary channels, and prefer near
  places by a constant on channels that turn faster;
- its values carry the code, which the output turns into what a mask prompt would have added to the features, a
  language that the decoder knows already; the code is fitted for this by a few seconds of gradient descent;
- all other branches of memory attention start near zero, and the last norm brings back the scale the decoder knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.model import SAM2, Memory
from sam2_roto.training.config import Stage
from sam2_roto.training.data import ClipOrder, ClipSource, clip_seed, normalise, tensors_of

CONTENT_SHARE = 0.75
"""Of a memory's channels, those that hold features; the others hold the code of the mask."""
CONTENT, PLACE = 0.7, 3.4
"""Sharpness of the comparison of content and of places."""
LOUDNESS = 3.0
"""Standard deviation of a memory's channels, so that positions added to the keys disturb little."""
NEAR_PAIRS = range(3, 9)
"""Rotary channel pairs of each axis that tell near from far within some 16 places."""
SLOW_FROM = 13
"""Pairs from here on hardly turn within a picture."""
LARGE_SHARE = 0.015
"""Part of the picture that an object must cover to be learned from."""
SPREAD = 0.002
"""Standard deviation of the noise in weights that are otherwise zero, so that they can learn apart."""


class Basis(NamedTuple):
    """Principal components of channels: ``mean [C]``, ``axes [C, n]`` of unit length, ``scale [n]``."""

    mean: Tensor
    axes: Tensor
    scale: Tensor

    def whiten(self, tokens: Tensor) -> Tensor:
        """Coordinates ``[..., n]`` of unit variance of ``tokens [..., C]``."""
        return (tokens - self.mean) @ (self.axes / self.scale)


def principal(tokens: Tensor, count: int) -> Basis:
    """The ``count`` strongest components of ``tokens [N, C]``."""
    values, axes = torch.linalg.eigh(torch.cov(tokens.T))
    return Basis(tokens.mean(0), axes[:, -count:].flip(1), values[-count:].flip(0).clamp(min=1e-8).sqrt())


def matching_pairs(source: ClipSource, stage: Stage, seed: int, count: int = 40) -> tuple[Tensor, Tensor]:
    """``count`` pairs of neighbouring frames of plain clips, each with its largest object, for ``start_matching``."""
    frames: list[Tensor] = []
    masks: list[Tensor] = []
    index = 0
    while len(frames) < count:
        picture, labels = tensors_of(source(ClipOrder(clip_seed(seed, 0, index), stage.size, 2, "plain")))
        areas = torch.bincount(labels[0].flatten().long(), minlength=2)[1:]
        if int(areas.max()) >= LARGE_SHARE * labels[0].numel():
            frames.append(picture)
            masks.append((labels == int(areas.argmax()) + 1).float())
        index += 1
    return torch.stack(frames), torch.stack(masks)


@torch.no_grad()
def start_matching(model: SAM2, frames: Tensor, masks: Tensor, seed: int = 0, steps: int = 200) -> None:
    """Rewrite the memory modules of ``model`` in place.

    Args:
        model: a network that segments pictures; its encoder, decoder and prompt encoder stay as they are.
        frames: uint8 ``[N, 2, 3, S, S]``, pairs of neighbouring frames of clips, S the model's picture size.
        masks: float ``[N, 2, S, S]`` of zeros and ones, one object's truth on both frames.
        seed: of the noise and of the fit.
        steps: gradient steps in which the mask's code is fitted.
    """
    generator = torch.Generator().manual_seed(seed)
    top = model.encode_image(normalise(frames.flatten(0, 1))).top
    pictures = masks.flatten(0, 1)[:, None]
    content = round(CONTENT_SHARE * model.config.memory_width)
    features = principal(_tokens(top), content)
    words = _mask_words(model, pictures)
    code = principal(_tokens(words), model.config.memory_width - content)
    _write_memory_encoder(model, features, generator)
    _fit_code(model, pictures, LOUDNESS * code.whiten(words.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), generator, steps)
    _write_attention(model, top, features, code, generator)
    _write_last_norm(model, top, pictures, words)


def _tokens(maps: Tensor) -> Tensor:
    """``[N, C, h, w]`` as ``[N * h * w, C]``."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _mask_words(model: SAM2, masks: Tensor) -> Tensor:
    """What a mask prompt adds to the features, compared with none: ``[N, width, S/16, S/16]``."""
    encoder = model.sam_prompt_encoder
    return encoder.mask(model.mask_downsample(masks)) - encoder.no_mask()


def _noise(generator: torch.Generator, *weights: Tensor, spread: float = SPREAD) -> None:
    for weight in weights:
        weight.copy_(torch.randn(weight.shape, generator=generator) * spread)


def _write_memory_encoder(model: SAM2, features: Basis, generator: torch.Generator) -> None:
    """The first channels of a memory become whitened features; the last ones wait for the mask's code."""
    count, end = features.axes.shape[1], model.config.memory_width
    names = ("pix_feat_proj", "mask_downsampler.encoder.12", "out_proj")
    project, last, out = (model.get_parameter(f"memory_encoder.{name}.weight") for name in names)
    _noise(generator, project, last, out)
    for name in names:
        model.get_parameter(f"memory_encoder.{name}.bias").zero_()
    whitening = LOUDNESS * features.axes / features.scale
    project[:count, :, 0, 0] += whitening.T
    model.get_parameter("memory_encoder.pix_feat_proj.bias")[:count] = -(features.mean @ whitening)
    out[:, :, 0, 0] += torch.eye(*out.shape[:2])
    last[count:end] += torch.randn(last[count:end].shape, generator=generator) / 16
    for block in range(len(model.memory_encoder.fuser.layers)):
        model.get_parameter(f"memory_encoder.fuser.layers.{block}.gamma").fill_(1e-3)


def _fit_code(model: SAM2, masks: Tensor, code: Tensor, generator: torch.Generator, steps: int) -> None:
    """Teach the mask downsampler to say the code ``[N, n, h, w]`` of each mask; places at its edge count more."""
    downsampler = model.memory_encoder.mask_downsampler
    rows = slice(model.config.memory_width - code.shape[1], model.config.memory_width)
    optimiser = torch.optim.Adam(downsampler.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 1e-3, steps)
    for _ in range(steps):
        chosen = torch.randint(len(masks), (8,), generator=generator)
        with torch.enable_grad():
            said = downsampler(masks[chosen] * 20 - 10)
            wanted = torch.zeros_like(said)
            wanted[:, rows] = code[chosen]
            weight = 1 + 4 * (code[chosen].abs().amax(1, keepdim=True) > LOUDNESS / 2).float()
            loss = ((said - wanted).square() * weight).mean() * said.shape[1] / code.shape[1]
            optimiser.zero_grad()
            loss.backward()
        optimiser.step()
        schedule.step()


def _write_attention(model: SAM2, top: Tensor, features: Basis, code: Basis, generator: torch.Generator) -> None:
    """Queries and keys compare content and place; values carry the code."""
    for number in range(model.config.memory_layers):
        _silence(model, f"memory_attention.layers.{number}", generator)
    cross = "memory_attention.layers.0.cross_attn_image"
    query, key, value = (model.get_parameter(f"{cross}.{name}_proj.weight") for name in "qkv")
    _noise(generator, query, key, value, spread=0.01)
    biases = [model.get_parameter(f"{cross}.{name}_proj.bias").zero_() for name in "qkv"]
    fit = _query_fit(model, top, features)
    for component, channel in _slow_channels(model.config.width, features.axes.shape[1]):
        query[channel] += CONTENT * fit[:-1, component]
        biases[0][channel] += CONTENT * fit[-1, component]
        key[channel, component] += CONTENT / LOUDNESS
    for pair in (*NEAR_PAIRS, *(pair + model.config.width // 4 for pair in NEAR_PAIRS)):
        biases[0][2 * pair] += PLACE
        biases[1][2 * pair] += PLACE
    count = code.axes.shape[1]
    value[:count, -count:] += torch.eye(count)
    model.get_parameter(f"{cross}.out_proj.weight")[:, :count] += code.axes * code.scale / LOUDNESS
    model.get_parameter(f"{cross}.out_proj.bias").copy_(code.mean)
    for name in ("weight", "bias"):  # pointers have no place, and would be taken for like content
        model.get_parameter(f"obj_ptr_proj.layers.2.{name}").mul_(0.1)


def _silence(model: SAM2, layer: str, generator: torch.Generator) -> None:
    """Let a layer of memory attention add next to nothing, behind plain norms."""
    for norm in ("norm1", "norm2", "norm3"):
        model.get_parameter(f"{layer}.{norm}.weight").fill_(1.0)
        model.get_parameter(f"{layer}.{norm}.bias").zero_()
    for branch in ("self_attn.out_proj", "cross_attn_image.out_proj", "linear2"):
        _noise(generator, model.get_parameter(f"{layer}.{branch}.weight"))
        model.get_parameter(f"{layer}.{branch}.bias").zero_()


def _slow_channels(width: int, count: int) -> Iterator[tuple[int, int]]:
    """``(component, channel)``: the components laid, as often as they fit, on the channels that hardly turn."""
    axis = width // 4
    pairs = (*range(SLOW_FROM, axis), *range(axis + SLOW_FROM, 2 * axis))
    channels = [channel for pair in pairs for channel in (2 * pair, 2 * pair + 1)]
    for number, channel in enumerate(channels[: len(channels) // count * count]):
        yield number % count, channel


def _query_fit(model: SAM2, top: Tensor, features: Basis) -> Tensor:
    """The affine map ``[width + 1, n]`` from what the queries see to the whitened features, by least squares."""
    width = model.config.width
    seen = F.layer_norm(_tokens(top + 0.1 * model.top_position), (width,))
    seen = torch.cat((seen, torch.ones(len(seen), 1)), dim=1)
    wanted = features.whiten(_tokens(top))
    fit: Tensor = torch.linalg.solve(seen.T @ seen + 10 * torch.eye(width + 1), seen.T @ wanted)
    return fit


def _write_last_norm(model: SAM2, top: Tensor, masks: Tensor, words: Tensor) -> None:
    """Fit the last norm so that the second frame, seen through the first, reads as if its mask had been the prompt."""
    weight, bias = (model.get_parameter(f"memory_attention.norm.{name}") for name in ("weight", "bias"))
    weight.fill_(1.0)
    bias.zero_()
    sure = torch.full((len(top) // 2,), 10.0)
    spatial = model.encode_memory(top[0::2], masks[0::2] * 20 - 10, sure, prompted=False)[:, None]
    nothing = spatial.new_zeros(len(spatial), 0, model.config.width)
    slots = torch.tensor([[model.config.memories - 1]])
    seen = model.condition(top[1::2], Memory(spatial, slots, nothing, spatial.new_zeros(1, 0), 1))
    got, wanted = _tokens(seen), _tokens(top[1::2] + words[1::2])
    centred = got - got.mean(0)
    weight.copy_((centred * (wanted - wanted.mean(0))).mean(0) / centred.square().mean(0))
    bias.copy_(wanted.mean(0) - weight * got.mean(0))
