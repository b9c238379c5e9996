"""Packets of a movie have times in order, however short it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from av.video.frame import VideoFrame

from compositing.footage.moviefile import Encoder, MovieFile, _put_in_time

X265 = Encoder("libx265", "yuv420p10le", {"crf": "16", "x265-params": "log-level=error"}, tag="hvc1")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 40])
def test_a_short_movie_begins_at_nothing_and_shows_every_frame_in_time(count: int, tmp_path: Path) -> None:
    rate = Fraction(25)
    with MovieFile(tmp_path / "a.mp4", rate, X265) as movie:
        for shade in range(count):
            grey = np.full((48, 64, 3), 5 * shade, np.uint8)
            movie.add(VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=X265.pixels))
    with av.open(str(tmp_path / "a.mp4")) as container:
        times = [(p.pts * p.time_base, p.dts) for p in container.demux(video=0) if p.pts is not None]
        decoded = [when for _, when in times]
        assert decoded == sorted(set(decoded))
    assert [round(shown * rate) for shown, _ in sorted(times)] == list(range(count))


def test_packets_are_decoded_in_order_and_no_later_than_shown() -> None:
    packets = []
    for shown in (0, 3, 1, 2, None):
        packets.append(Packet(b"x"))
        packets[-1].pts, packets[-1].dts = shown, 7_000_000_000
    _put_in_time(packets)
    assert [packet.dts for packet in packets[:4]] == [-1, 0, 1, 2]
    _put_in_time([])
