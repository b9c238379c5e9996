"""Draw one frame of the synthetic matting set as thresholded mask, default and hair matte, and its truth, over grey.

python benchmarks/mattes_picture.py docs/mattes_over_grey.jpg [--kind mixed] [--seed 1] [--frame 6] [--source nano]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mattes import RECIPES, logits_of, mattes_of

from compositing.operations.foreground import foreground_and_background
from sam2_roto.evaluation.matting_clips import MattingClip, matting_clip
from sam2_roto.mattes import mask_from_logits

Array = np.ndarray[Any, Any]

SIDE, GREY, GAMMA = 400, 0.18, 2.2


def over_grey(view: Array, matte: Array) -> Array:
    """The object of a plate uint8 RGB [H, W, 3] over 18 % grey by a matte [H, W], its colour estimated: uint8."""
    light = torch.from_numpy(view).permute(2, 0, 1).float().div(255).pow(GAMMA)
    alpha = torch.from_numpy(matte).float()
    front, _ = foreground_and_background(light, alpha)
    laid = front * alpha + GREY * (1 - alpha)
    return (255 * laid.clamp(0, 1) ** (1 / GAMMA)).round().byte().permute(1, 2, 0).numpy()


def panels(clip: MattingClip, source: str, frame: int) -> dict[str, Array]:
    """The pictures by their titles."""
    logits, view = logits_of(source, clip, {}), clip.views[frame]
    mattes = {
        "thresholded": mask_from_logits(logits[frame], view.shape[:2]).float().numpy(),
        **{name: mattes_of(RECIPES[name], clip, logits)[frame] for name in ("default", "hair")},
        "true alpha": clip.alpha[frame],
    }
    return {"plate": view, **{title: over_grey(view, matte) for title, matte in mattes.items()}}


def about(alpha: Array) -> tuple[slice, slice]:
    """The window of ``SIDE`` pixels round what a matte covers."""
    centre = [int(places.mean()) for places in np.nonzero(alpha > 0)]
    starts = [min(max(0, c - SIDE // 2), size - SIDE) for c, size in zip(centre, alpha.shape, strict=True)]
    return slice(starts[0], starts[0] + SIDE), slice(starts[1], starts[1] + SIDE)


def titled(picture: Array, title: str) -> Array:
    """A copy with its title in the corner."""
    picture = np.ascontiguousarray(picture)
    return cv2.putText(picture, title, (10, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--kind", default="mixed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frame", type=int, default=6)
    parser.add_argument("--source", default="nano")
    args = parser.parse_args()
    clip = matting_clip(args.kind, args.seed)
    window = about(clip.alpha[args.frame])
    drawn = [titled(picture[window], title) for title, picture in panels(clip, args.source, args.frame).items()]
    cv2.imwrite(str(args.output), np.concatenate(drawn, axis=1)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    main()
