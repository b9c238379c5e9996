"""What camera and codec do to a picture: light, colour, focus, grain, compression."""

from __future__ import annotations

import io
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from sam2_roto.training.clips.motion import wander

Array = npt.NDArray[Any]
Rng = np.random.Generator


def graded(rng: Rng, frames: Array) -> Array:
    """Clip-wide colour: gain, contrast, saturation, grey, low contrast, gamma. float32 [T, h, w, 3] in 0..255."""
    matrix = np.eye(3, 4, dtype=np.float32)
    draw = rng.random()
    if draw < 0.4:
        saturation = 0.0 if draw < 0.06 else rng.uniform(0.3, 1.5)
        matrix[:, :3] = saturation * np.eye(3) + (1 - saturation) * np.array([0.299, 0.587, 0.114])
    if rng.random() < 0.6:
        contrast = rng.uniform(0.35, 0.7) if rng.random() < 0.15 else rng.uniform(0.75, 1.3)
        matrix[:, :3] *= (contrast * rng.uniform(0.9, 1.1, 3))[:, None]
        matrix[:, 3] = rng.uniform(0.3, 0.7) * 255 * (1 - contrast)
    graded_frames = np.stack([cv2.transform(frame, matrix) for frame in frames])
    if rng.random() < 0.3:
        table = (255 * np.linspace(0, 1, 256) ** rng.uniform(0.6, 1.7)).astype(np.float32)
        return np.asarray(table[np.clip(graded_frames, 0, 255).astype(np.uint8)])
    return graded_frames


def relit(rng: Rng, frames: Array) -> Array:
    """Light that changes over time and over the frame: flicker, fades, moving shadows, vignette."""
    count, size = frames.shape[:2]
    times = np.arange(count, dtype=float)
    if rng.random() < 0.3:
        gain = 1 + rng.choice([0.03, 0.15]) * wander(rng, times, rng.uniform(1, 6))[:, 0]
        frames = frames * gain.astype(np.float32)[:, None, None, None]
    if rng.random() < 0.2:
        grids = 1 + rng.uniform(0.1, 0.4) * wander(rng, times, rng.uniform(3, 10), 16).reshape(count, 4, 4)
        for frame, grid in zip(frames, np.clip(grids, 0.3, 1.5).astype(np.float32), strict=True):
            frame *= cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
    return frames


def defocused(rng: Rng, frames: Array) -> Array:
    """Blur of the whole frame, constant or a focus pull; in place."""
    size = frames.shape[1]
    sharp, soft = rng.uniform(0, 0.004) * size, rng.uniform(0, 0.01) * size
    blurs = np.linspace(sharp, soft, len(frames)) if rng.random() < 0.3 else np.full(len(frames), sharp)
    for frame, blur in zip(frames, blurs, strict=True):
        if blur > 0.3:
            cv2.GaussianBlur(frame, (0, 0), float(blur), dst=frame)
    return frames


def grained(rng: Rng, frames: Array) -> Array:
    """Independent noise on every frame, fine or coarse, coloured or grey."""
    size = frames.shape[1]
    strength = float(rng.uniform(1, 5) if rng.random() < 0.8 else rng.uniform(5, 16))
    channels = 3 if rng.random() < 0.5 else 1
    noise = rng.standard_normal((size + 64, size + 64, channels), dtype=np.float32) * strength
    if rng.random() < 0.4:
        noise = 1.8 * cv2.GaussianBlur(noise, (0, 0), 0.8).reshape(noise.shape)
    for frame in frames:
        y, x = rng.integers(0, 64, 2)
        crop = noise[y : y + size, x : x + size]
        frame += crop[::-1] if rng.random() < 0.5 else crop
    return frames


def through_jpeg(rng: Rng, frames: Array) -> Array:
    """Frames uint8 [T, h, w, 3] through JPEG of a random quality."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
    packed = [cv2.imencode(".jpg", frame, quality)[1] for frame in frames]
    return np.stack([np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)) for data in packed])


def through_h264(rng: Rng, frames: Array) -> Array:
    """Frames uint8 [T, h, w, 3], of even sides, through real H.264 of a random quality.

    One thread throughout: many workers make clips at once, and small pictures do not repay waking a thread.
    """
    buffer = io.BytesIO()
    options = {"preset": "ultrafast", "crf": str(int(rng.integers(20, 38))), "threads": "1"}
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(picture.reformat(format="yuv420p", threads=1)))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as movie:
        movie.streams.video[0].codec_context.thread_count = 1
        decoded = [frame.reformat(format="rgb24", threads=1) for frame in movie.decode(video=0)]
        return np.stack([frame.to_ndarray() for frame in decoded])


def develop(rng: Rng, frames: Array) -> Array:
    """Everything between the scene's light and the file: float32 [T, h, w, 3] in 0..255 to uint8 of the same shape."""
    frames = relit(rng, graded(rng, frames))
    if rng.random() < 0.4:
        frames = defocused(rng, np.ascontiguousarray(frames, np.float32))
    if rng.random() < 0.6:
        frames = grained(rng, np.array(frames, np.float32))
    picture = np.clip(frames, 0, 255).astype(np.uint8)
    draw = rng.random()
    if draw < 0.2:
        return through_h264(rng, picture)
    return through_jpeg(rng, picture) if draw < 0.45 else picture
