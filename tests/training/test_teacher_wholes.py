"""Lessons of wholes: what a click means is what the teacher sees in the box round the embedded model's answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from sam2_roto.loading import load_model
from sam2_roto.model import SAM2
from sam2_roto.training.data import clip_seed
from sam2_roto.training.lessons import Lesson, find_lessons, load_lesson, save_lesson
from sam2_roto.training.teacher.lessons import is_generated
from sam2_roto.training.teacher.model import Teacher
from sam2_roto.training.teacher.wholes import draw_clicks, meant, wholes, with_wholes, write_wholes

Array = npt.NDArray[Any]

SEED = 51


class Boxes(Teacher):
    """A teacher that takes all of a box for the thing in it, or of late another box."""

    def __init__(self, wanders: bool = False) -> None:
        self.device, self.wanders = torch.device("cpu"), wanders

    def within(self, picture: Array, masks: Array) -> Array:  # noqa: ARG002
        found = np.zeros_like(masks)
        for mask, box in zip(masks, found, strict=True):
            y, x = np.nonzero(mask)
            box[y.min() : y.max() + 1, x.min() : x.max() + 1] = True
        return np.roll(found, 40, axis=2) if self.wanders else found


@pytest.fixture(scope="module")
def nano() -> SAM2:
    return load_model("nano", device="cpu")


def disc() -> tuple[Array, Array]:
    """A picture with one bright disc, and the disc."""
    y, x = np.mgrid[:512, :512]
    inside = (x - 260) ** 2 + (y - 240) ** 2 < 90**2
    noise = np.random.default_rng(0).integers(0, 30, (512, 512, 1))
    return np.where(inside[..., None], [230, 120, 40], [40, 70, 60]).astype(np.uint8) + noise.astype(np.uint8), inside


def test_what_is_clicked_on_is_drawn_by_the_teacher_once(nano: SAM2) -> None:
    picture, inside = disc()
    clicks = np.array([[260.5, 240.5], [240.5, 250.5]], np.float32)
    answer = meant(nano, picture, clicks[0])
    assert (answer & inside[::2, ::2]).sum() / (answer | inside[::2, ::2]).sum() > 0.85
    found = wholes(Boxes(), nano, picture, clicks)
    y, x = np.nonzero(answer)
    assert len(found) == 1
    assert abs(int(found[0].sum()) - (np.ptp(y) + 1) * (np.ptp(x) + 1)) < 0.1 * found[0].sum()


def test_what_does_not_settle_is_left_out(nano: SAM2) -> None:
    picture, _ = disc()
    assert wholes(Boxes(wanders=True), nano, picture, np.array([[260.5, 240.5]], np.float32)).shape == (0, 256, 256)


def test_clicks_lie_over_the_picture_and_on_things() -> None:
    thing = np.zeros((2, 256, 256), bool)
    thing[0, 100:110, 50:60] = True
    thing[1] = True  # all of the picture is no thing
    clicks = draw_clicks(thing, np.random.default_rng(1))
    assert clicks.shape == (10, 2)
    assert 100 <= clicks[-1, 0] <= 120
    assert 200 <= clicks[-1, 1] <= 220


def test_what_a_lesson_had_becomes_parts(nano: SAM2, tmp_path: Path) -> None:
    picture, inside = disc()
    numbers = [n for n in range(30) if not is_generated(clip_seed(SEED, n, 0))][:1]
    generated = [n for n in range(30) if is_generated(clip_seed(SEED, n, 0))][:1]
    lesson = Lesson(picture, np.zeros((256, 32, 32), np.float16), inside[None, ::2, ::2], np.array([True]))
    (tmp_path / "parts").mkdir()
    for number in numbers + generated:
        save_lesson(lesson, tmp_path / "parts" / f"{number:06d}.npz")
    write_wholes(Boxes(), nano, find_lessons(tmp_path / "parts"), tmp_path / "wholes", SEED)
    real, made = (load_lesson(tmp_path / "wholes" / f"{number:06d}.npz") for number in (*numbers, *generated))
    assert real.meant.any()
    assert not real.meant[-1]
    assert np.array_equal(real.masks[-1], lesson.masks[0])
    assert made.meant.tolist() == [True]
    assert with_wholes(lesson, np.zeros((0, 256, 256), bool)).meant.tolist() == [False]
