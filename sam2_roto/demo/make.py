"""Render the demo clip and its truth: `python -m sam2_roto.demo.make [FOLDER]`.

Rendered at twice the size with several moments per frame, so that edges and motion blur are those of a camera; then
graded, grained and encoded as H.264. The same code gives the same pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from sam2_roto.demo import CLICK, FRAMES, HEIGHT, RATE, WIDTH
from sam2_roto.demo.carp import Pose, draw_carp
from sam2_roto.demo.wood import Plane, paint_wood

Array = npt.NDArray[Any]

_SCALE = 2
_MOMENTS = 4
_SHUTTER = 0.5
_PAN = 5.2
_GRAIN = 2.0
_CRF = 20


def camera_way(time: float) -> float:
    """How far the camera has moved at a time in frames, in rendered pixels; it starts gently."""
    return float(_SCALE * _PAN * (time + 6 * (np.exp(-time / 6) - 1)))


def carp_pose(time: float) -> Pose:
    """The carp at a time in frames: it comes from the left, dips, rises, and nears the camera a little."""
    turn = time / (FRAMES - 1)
    x = 0.31 + 0.36 * turn - 0.03 * np.sin(2 * np.pi * turn)
    y = 0.50 + 0.085 * np.sin(2 * np.pi * (1.15 * turn + 0.05))
    heading = 0.20 * np.cos(2 * np.pi * (1.15 * turn + 0.05)) + 0.05 * np.sin(9 * turn)
    length = WIDTH * (0.34 + 0.05 * turn)
    return Pose(_SCALE * WIDTH * x, _SCALE * HEIGHT * y, float(heading), _SCALE * length, time / RATE)


def _over(below: Array, picture: Array) -> None:
    below *= 1 - picture[..., 3:]
    below += picture[..., :3]


def render_moment(behind: Sequence[Plane], front: Sequence[Plane], time: float) -> tuple[Array, Array]:
    """One instant: colour float32 [h, w, 3] 0..255 and the carp's visible alpha float32 [h, w], at the final size."""
    width, height = _SCALE * WIDTH, _SCALE * HEIGHT
    color, way = np.zeros((height, width, 3), np.float32), camera_way(time)
    for plane in behind:
        _over(color, plane.seen(way, width, height))
    carp = draw_carp(carp_pose(time), width, height)
    _over(color, carp)
    alpha = carp[..., 3]
    for plane in front:
        picture = plane.seen(way, width, height)
        _over(color, picture)
        alpha = alpha * (1 - picture[..., 3])
    size = (WIDTH, HEIGHT)
    small = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
    return small, cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)


def render_frame(behind: Sequence[Plane], front: Sequence[Plane], frame: int) -> tuple[Array, Array]:
    """A frame with motion blur: colour float32 [H, W, 3] 0..255 and visible alpha float32 [H, W] 0..1."""
    moments = [render_moment(behind, front, frame + _SHUTTER * m / _MOMENTS) for m in range(_MOMENTS)]
    color, alpha = (np.mean([moment[part] for moment in moments], axis=0) for part in (0, 1))
    return color, alpha


def developed(color: Array, frame: int) -> Array:
    """Bloom, a soft contrast curve, vignette and grain: uint8 [H, W, 3]."""
    bright = np.maximum(color - 190, 0)
    color = color + 0.35 * cv2.GaussianBlur(bright, (0, 0), 14)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    color = color * (1 - 0.16 * (x * x + y * y))[..., None]
    t = np.clip(color / 255, 0, 1)
    t = t + 0.28 * (t * t * (3 - 2 * t) - t)
    grain = np.random.default_rng([7, frame]).normal(0, _GRAIN, (HEIGHT, WIDTH, 1)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.7)[..., None] * 1.8
    return np.clip(np.round(255 * t + grain * (1.2 - t)), 0, 255).astype(np.uint8)


def render_clip() -> Iterator[tuple[Array, Array]]:
    """Frames uint8 [H, W, 3] RGB with the truth bool [H, W]: where the carp covers half of the pixel or more."""
    behind, front = paint_wood(_SCALE * WIDTH, _SCALE * HEIGHT, camera_way(FRAMES))
    for frame in range(FRAMES):
        color, alpha = render_frame(behind, front, frame)
        yield developed(color, frame), alpha >= 0.5


def encode(frames: Sequence[Array], target: Path) -> None:
    """Write frames as H.264 High in MP4, tagged and converted as BT.709, limited range."""
    scratch = target.with_suffix(".part.mp4")
    options = {"crf": str(_CRF), "preset": "slow", "profile": "high", "threads": "1"}
    with av.open(str(scratch), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 1, 1, 1, 1
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1)))
        container.mux(stream.encode(None))
    scratch.replace(target)


def save_truth(truth: Array, target: Path) -> None:
    """Write masks bool [T, H, W] as packed bits, compressed."""
    scratch = target.with_suffix(".part.npz")
    np.savez_compressed(scratch, bits=np.packbits(truth, axis=-1), width=truth.shape[-1])
    scratch.replace(target)


def main(arguments: Sequence[str] | None = None) -> None:
    """Render the demo clip and its truth into a folder, by default this package."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    folder = parser.parse_args(arguments).folder
    rendered = list(tqdm(render_clip(), total=FRAMES, desc="demo clip", unit="frame"))
    truth = np.stack([mask for _, mask in rendered])
    if not truth[0][CLICK[1], CLICK[0]]:
        raise RuntimeError(f"the click at {CLICK} is not on the carp: move it")
    encode([frame for frame, _ in rendered], folder / "demo.mp4")
    save_truth(truth, folder / "truth.npz")


if __name__ == "__main__":
    main()
