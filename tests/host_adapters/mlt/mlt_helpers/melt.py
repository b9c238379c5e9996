"""Renders projects with MLT's own player, and says what they must look like."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from compositing.footage.moviefile import Encoder, MovieFile

Picture = NDArray[np.uint8]
Values = NDArray[np.float64]

TIME_LIMIT = 90
"""Seconds after which a render has failed."""

STARTS = 20
"""How often melt is started at most, see ``play``: busy machines lose up to one start in four."""

PATIENCE = 10
"""Seconds that a movie may be there with nothing in it, before its start counts as lost."""


def find_melt() -> str:
    """The player; the test is skipped, visibly, where it is absent."""
    found = shutil.which("melt-7") or shutil.which("melt")
    if found is None:
        pytest.skip("MLT is not installed: on Debian, apt-get install melt frei0r-plugins")
    return found


def render(project: Path, count: int) -> list[Picture]:
    """The first ``count`` frames of a project, ``[H, W, 3]``, which must be that many."""
    movie = project.with_suffix(".render.nut")
    words = [find_melt(), str(project), f"out={count - 1}", "-consumer", f"avformat:{movie}", "vcodec=rawvideo"]
    settings = [
        "pix_fmt=rgb24",
        "mlt_image_format=rgb",
        "real_time=-1",
        "an=1",
        "rescale=bilinear",
        "terminate_on_pause=1",
    ]
    for _ in range(STARTS):
        said = play([*words, *settings], movie)
        if movie.stat().st_size:
            break
    else:
        pytest.fail(f"melt lost its start {STARTS} times: {said}")
    with av.open(str(movie)) as container:
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]
    movie.unlink()
    assert len(frames) == count, f"melt wrote {len(frames)} of {count} frames: {said}"
    return frames


def play(words: Sequence[str], movie: Path) -> str:
    """Run melt until it ends, or has lost its start; give the end of what it said.

    MLT 7 starts the thread that writes, and then notes that it runs. A thread that is faster, as happens on a busy
    machine, finds that it is not to run, and ends without a frame; melt then ends as well, or waits for it forever.
    """
    movie.unlink(missing_ok=True)
    log, last = movie.with_suffix(".log"), time.monotonic() + TIME_LIMIT
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "DISPLAY": ":77"}
    with log.open("wb") as told, subprocess.Popen(words, env=environment, stdout=told, stderr=told) as melt:
        lost = False
        while melt.poll() is None and not (lost := is_lost(melt.pid, movie)) and time.monotonic() < last:
            time.sleep(0.05)
        ended = lost or melt.poll() is not None
        melt.kill()
    said = log.read_text(errors="replace")[-2000:]
    assert ended, f"melt did not end in {TIME_LIMIT} s: {said}"
    assert lost or (melt.returncode == 0 and movie.exists()), said
    return said


def is_lost(pid: int, movie: Path) -> bool:
    """Whether a player has opened its movie, but the thread that opened it is gone, and has written nothing.

    Threads of decoders may hide that it is gone; then only the time tells.
    """
    if not is_empty(movie):
        return False
    try:
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except FileNotFoundError:  # it has ended
        return False
    return threads == 1 or time.time() - movie.stat().st_mtime > PATIENCE


def is_empty(movie: Path) -> bool:
    """Whether a movie is there, and nothing in it."""
    return movie.exists() and movie.stat().st_size == 0


def write_plate(path: Path, pictures: Iterable[Picture], rate: Fraction, aspect: float = 1.0) -> Path:
    """A lossless movie of pictures ``[H, W, 3]``."""
    with MovieFile(path, rate, Encoder("ffv1", "bgr0"), aspect=aspect) as file:
        for picture in pictures:
            file.add(VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format="bgr0"))
    return path


def over(front: Picture, alpha: NDArray[Any], back: Sequence[int] | NDArray[Any]) -> Values:
    """The front over the back by its alpha, 0 to 1: what a composite is by definition."""
    matte = np.asarray(alpha, np.float64)[..., None]
    behind = np.broadcast_to(np.asarray(back, np.float64), front.shape)
    return np.asarray(front * matte + behind * (1 - matte))


def worst(frame: Picture, wanted: NDArray[Any]) -> float:
    """The largest difference of any channel of any pixel, of 255."""
    return float(np.abs(frame.astype(np.float64) - wanted).max())
