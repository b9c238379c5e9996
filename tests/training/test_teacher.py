"""The teacher: its weights out of graphs, the masks worth learning, and what is followed through film."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.errors import CheckpointError
from sam2_roto.model import build_model
from sam2_roto.training.clips import TextureLibrary
from sam2_roto.training.lessons import Lesson, load_lesson
from sam2_roto.training.teacher.lessons import Drawn, draw_picture, true_masks, write_lessons
from sam2_roto.training.teacher.model import Teacher, best_masks, boxes_of, jittered_grid
from sam2_roto.training.teacher.scenes import follow
from sam2_roto.training.teacher.weights import (
    TEACHER,
    decoder_weights,
    encoder_weights,
    split_position,
    teacher_weights,
)

Array = npt.NDArray[Any]


def test_weights_come_out_of_the_encoders_constants() -> None:
    state = build_model(TEACHER).state_dict()
    encoder = {n: v for n, v in state.items() if n.startswith("image_encoder.") and "pos_embed" not in n}
    matrices = {n for n, v in encoder.items() if v.ndim == 2}
    constants = {f"model.{n}": v.numpy() for n, v in encoder.items() if n not in matrices}
    for name in matrices:
        path = name.removesuffix(".weight").replace("blocks.", "blocks#").replace("layers.", "layers#")
        path = path.replace(".", "/").replace("#", ".")
        constants[f"/{path}/Transpose_output_0"] = encoder[name].T.numpy()
    found = encoder_weights(constants)
    assert all(torch.equal(found[name], value) for name, value in encoder.items())


def test_a_position_encoding_is_split_in_what_it_was_made_from() -> None:
    generator = torch.Generator().manual_seed(0)
    coarse, tile = (torch.randn(1, 5, side, side, generator=generator) for side in (7, 8))
    added = F.interpolate(coarse, size=(64, 64), mode="bicubic") + tile.repeat(1, 1, 8, 8)
    parts = list(split_position(added[0]).values())
    again = F.interpolate(parts[0], size=(64, 64), mode="bicubic") + parts[1].repeat(1, 1, 8, 8)
    assert torch.allclose(again, added, atol=1e-4)


def test_weights_come_out_of_the_decoders_constants() -> None:
    tokens = torch.arange(12.0).view(1, 6, 2)
    matrix = torch.rand(3, 4)
    constants = {
        "mask_decoder.x.bias": np.ones(3, np.float32),
        "a": matrix.T.numpy(),
        "b": tokens.numpy(),
        "c": np.full((4, 1, 1), 2, np.float32),
        "d": np.full((8, 1, 1), 3, np.float32),
        "e": np.full((1, 2, 1, 1), 4, np.float32),
    }
    uses = {
        "a": ("MatMul", "/transformer/layers.0/self_attn/q_proj/MatMul"),
        "b": ("Expand", "/Expand_9"),
        "c": ("Mul", "/mask_downscaling/mask_downscaling.1/Mul"),
        "d": ("Add", "/output_upscaling.1/Add_1"),
        "e": ("Mul", "/Mul_15"),
    }
    found = decoder_weights(constants, uses)
    assert torch.equal(found["sam_mask_decoder.transformer.layers.0.self_attn.q_proj.weight"], matrix)
    assert torch.equal(found["sam_mask_decoder.iou_token.weight"], tokens[0, 1:2])
    assert torch.equal(found["sam_mask_decoder.mask_tokens.weight"], tokens[0, 2:])
    assert torch.equal(found["sam_prompt_encoder.mask_downscaling.1.weight"], torch.full((4,), 2.0))
    assert torch.equal(found["sam_mask_decoder.output_upscaling.1.bias"], torch.full((8,), 3.0))
    assert torch.equal(found["sam_prompt_encoder.no_mask_embed.weight"], torch.full((1, 2), 4.0))
    assert torch.equal(found["sam_mask_decoder.x.bias"], torch.ones(3))


def test_a_folder_without_the_graphs_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="unpack the package there"):
        teacher_weights(tmp_path)


def _square(top: int, left: int, side: int, value: float = 8.0) -> Tensor:
    logits = torch.full((128, 128), -value)
    logits[top : top + side, left : left + side] = value
    return logits


def test_masks_worth_learning_are_sure_stable_and_unlike() -> None:
    logits = torch.stack(
        [_square(10, 10, 30), _square(10, 10, 31), _square(70, 70, 20), _square(70, 10, 30, 0.5), _square(0, 0, 3)]
    )
    masks = best_masks(logits, torch.tensor([0.8, 0.9, 0.95, 0.9, 0.9]))
    assert [int(mask.sum()) for mask in masks] == [40**2, 62**2]
    assert best_masks(logits, torch.zeros(5)).shape == (0, 256, 256)


def test_boxes_lie_round_masks() -> None:
    corners, labels = boxes_of(torch.stack([_square(10, 20, 30), _square(0, 0, 128, -1.0)])[:, None])
    assert corners.tolist() == [[[80.0, 40.0], [200.0, 160.0]], [[0.0, 0.0], [512.0, 512.0]]]
    assert labels.tolist() == [[2, 3], [2, 3]]


def test_clicks_lie_one_in_each_cell() -> None:
    points = jittered_grid(np.random.default_rng(0))[:, 0]
    assert {tuple(cell) for cell in (points // 128).astype(int).tolist()} == {
        (x, y) for x in range(4) for y in range(4)
    }


class Brightness(Teacher):
    """A teacher that takes what is bright for an object."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")

    def look(self, picture: Array, rng: np.random.Generator) -> Lesson:  # noqa: ARG002
        bright = picture[::2, ::2, 0] > 128
        return Lesson(picture, np.zeros((256, 32, 32), np.float16), bright[None], np.array([True]))

    def again(self, picture: Array, logits: Tensor) -> Tensor:
        bright = torch.from_numpy(picture[::4, ::4, 0] > 128).float()
        return (20 * bright - 10).expand(len(logits), 1, -1, -1)


def test_a_thing_is_followed_until_it_goes() -> None:
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 60, (288, 512, 1)).astype(np.uint8)
    frames = np.repeat(np.repeat(texture[None], 7, axis=0), 3, axis=3)
    for index in range(7):
        frames[index, 90:170, 100 + 6 * index : 220 + 6 * index] += 160
    scene = follow(Brightness(), frames, rng)
    truth = frames[..., 0] > 128
    union = ((scene.labels > 0) | truth).sum()
    assert ((scene.labels > 0) & truth).sum() / union > 0.85
    frames[4:] = texture
    assert not follow(Brightness(), frames, rng).labels.any()


def test_pictures_of_lessons_follow_from_the_seed() -> None:
    library = TextureLibrary.build(None)
    first, again, other = (draw_picture(seed, library) for seed in (1 << 40, 1 << 40, 1 << 41))
    assert first.picture.shape == (512, 512, 3)
    assert np.array_equal(first.picture, again.picture)
    assert not np.array_equal(first.picture, other.picture)


def test_the_truth_about_generated_pictures_goes_before_the_teacher(tmp_path: Path) -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    labels = np.zeros((512, 512), np.uint8)
    labels[100:200, 100:200] = 2
    write_lessons(Brightness(), lambda _: Drawn(picture, true_masks(labels)), tmp_path, range(1), 5)
    masks = load_lesson(tmp_path / "000000.npz").masks
    assert [int(mask.sum()) for mask in masks] == [0, 50 * 50]
