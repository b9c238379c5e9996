"""The demo clip: a real movie as promised, and truth that belongs to it."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from sam2_roto.demo import CLICK, FRAMES, HEIGHT, RATE, WIDTH, demo_clip, demo_truth
from sam2_roto.demo.carp import draw_carp
from sam2_roto.demo.make import camera_way, carp_pose, encode, save_truth


def test_movie_is_h264_of_the_promised_size_rate_and_colour() -> None:
    assert demo_clip().stat().st_size < 1_500_000
    with av.open(str(demo_clip())) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.profile) == ("h264", "High")
        assert (stream.width, stream.height, stream.average_rate) == (WIDTH, HEIGHT, RATE)
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert sum(1 for _ in container.decode(video=0)) == FRAMES


def test_truth_has_a_mask_per_frame_and_the_click_is_on_it() -> None:
    truth = demo_truth()
    assert truth.shape == (FRAMES, HEIGHT, WIDTH)
    assert truth.dtype == bool
    assert truth[0, CLICK[1], CLICK[0]]
    assert truth.sum(axis=(1, 2)).min() > 0.01 * HEIGHT * WIDTH


def test_truth_is_where_the_carp_is_drawn() -> None:
    drawn = cv2.resize(draw_carp(carp_pose(0.18), 2 * WIDTH, 2 * HEIGHT)[..., 3], (WIDTH, HEIGHT)) >= 0.5
    truth = demo_truth()[0]
    assert (drawn & truth).sum() / (drawn | truth).sum() > 0.97


def test_carp_is_orange_where_it_is_true_and_the_wood_is_not() -> None:
    with av.open(str(demo_clip())) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    truth = demo_truth()[0]
    warmth = picture[..., 0] - picture[..., 2]
    assert warmth[truth].mean() > 70
    assert warmth[~truth].mean() < 15


def test_camera_starts_at_rest_and_only_moves_forward() -> None:
    way = [camera_way(frame) for frame in range(FRAMES)]
    assert way[0] == 0
    assert (np.diff(way) > 0).all()


def test_encoding_and_truth_survive_a_round_trip(tmp_path: Path) -> None:
    frames = [np.full((HEIGHT, WIDTH, 3), 40 * index, np.uint8) for index in range(3)]
    encode(frames, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert all(abs(float(one.mean()) - float(other.mean())) < 3 for one, other in zip(shown, frames, strict=True))
    truth = np.random.default_rng(0).random((2, 5, 13)) > 0.5
    save_truth(truth, tmp_path / "truth.npz")
    with np.load(tmp_path / "truth.npz") as packed:
        assert (np.unpackbits(packed["bits"], axis=-1, count=int(packed["width"])).astype(bool) == truth).all()
