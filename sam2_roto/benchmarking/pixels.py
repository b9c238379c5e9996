"""The stages round the network: decoding, mattes, writing, compositing, and the whole job."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from compositing.footage import FrameRange, open_footage
from compositing.image import Image
from compositing.operations.merge import merge
from sam2_roto.deliverables import Deliverables
from sam2_roto.delivery import Delivery
from sam2_roto.job import Click, RotoscopeJob
from sam2_roto.mattes import MatteRecipe
from sam2_roto.rotoscoping import rotoscope

from .measure import Stage

NAME = "object"
FEATHER = 2.0


@dataclass(frozen=True)
class Clip:
    """The footage of the run, and what its frames are known to hold."""

    path: Path
    frames: int
    logits: torch.Tensor
    """``[S/4, S/4]`` of an object in the middle."""

    def views(self) -> NDArray[np.uint8]:
        """The first frames, uint8 ``[T, H, W, 3]``."""
        with open_footage(self.path) as footage:
            wanted = range(footage.first, footage.first + self.frames)
            return np.stack([view for _, view in footage.views(wanted)])


def round_logits(size: int) -> torch.Tensor:
    """Logits ``[size, size]`` of a disc in the middle."""
    place = torch.linspace(-1, 1, size)
    return 20 * (0.5 - torch.hypot(place[:, None], place[None]))


def pixel_stages(clip: Clip, folder: Path) -> list[Stage]:
    """Decoding, mattes, writing and compositing of the clip's frames, each by itself."""
    recipe = MatteRecipe.from_options(feather=FEATHER)
    with open_footage(clip.path) as footage:
        size, plate = (footage.height, footage.width), footage.read(footage.first)
    matte = recipe.apply(clip.logits, size)
    ground = Image.from_pixels(
        F.pad(torch.rand(3, *size), (0, 0, 0, 0, 0, 1), value=1.0), color_space=plate.color_space
    )
    front = Image.from_pixels(torch.cat((plate.rgb() * matte, matte[None])), color_space=plate.color_space)
    return [
        Stage("decode", clip.views, clip.frames),
        Stage("matte", lambda: recipe.apply(clip.logits, size)),
        Stage("write", lambda: _write(clip, matte.numpy(), folder / "written"), clip.frames),
        Stage("composite", lambda: merge("over", front, ground)),
    ]


def _write(clip: Clip, matte: NDArray[np.float32], folder: Path) -> None:
    with open_footage(clip.path) as footage:
        frames = range(footage.first, footage.first + clip.frames)
        with Delivery(folder, "clip", (NAME,), footage, frames, Deliverables(preview=False)) as delivery:
            for frame in frames:
                delivery.write(frame, {NAME: matte})
            delivery.close()


def job_stage(clip: Clip, folder: Path, click: tuple[float, float], **network: object) -> Stage:
    """The whole job, from the clip to its mattes; what is given says which network."""
    with open_footage(clip.path) as footage:
        frames = FrameRange(footage.first, footage.first + clip.frames - 1)

    def work() -> None:
        shutil.rmtree(folder / "job", ignore_errors=True)
        prompts = (Click(NAME, frames.first, *click),)
        what = Deliverables(preview=False)
        rotoscope(RotoscopeJob(clip.path, folder / "job", prompts, frames, deliver=what, **network))  # type: ignore[arg-type]

    return Stage("whole job, with loading", work, clip.frames)
