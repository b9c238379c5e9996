"""Sound stays in step: where the picture flashes, the beep begins, whatever part of the plate is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from compositing.background_job import Background, CompositeJob
from compositing.background_run import composite
from compositing.errors import FootageError, OutputError

RATE, HERTZ, FRAMES = 25, 48_000, 80
FLASHES = (12, 40, 65)


def beeping_movie(path: Path, *, sound: str = "aac", stamps: Sequence[int] | None = None) -> Path:
    """A movie of 80 frames: black, but white on FLASHES, where a beep of 40 ms begins. ``stamps`` are in ms."""
    times = [stamp / 1000 for stamp in stamps] if stamps else [frame / RATE for frame in range(FRAMES)]
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=RATE, options={"crf": "10", "g": "12"})
        assert isinstance(pictures, VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        pictures.codec_context.time_base = Fraction(1, 1000)
        voice = container.add_stream(sound, rate=HERTZ, layout="mono")
        assert isinstance(voice, AudioStream)
        for frame, time in enumerate(times):
            level = 235 if frame in FLASHES else 16
            planes = np.concatenate([np.full((48, 64), level), np.full((24, 64), 128)]).astype(np.uint8)
            picture = VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts, picture.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
        wave = beeps([times[frame] for frame in FLASHES], times[-1] + 1 / RATE)
        format = "fltp" if sound == "aac" else "s16"
        data = wave if sound == "aac" else (wave * 32767).astype(np.int16)
        for start in range(0, len(wave), 1024):
            block = AudioFrame.from_ndarray(data[None, start : start + 1024], format=format, layout="mono")
            block.sample_rate, block.pts, block.time_base = HERTZ, start, Fraction(1, HERTZ)
            container.mux(voice.encode(block))
        container.mux(voice.encode(None))
    return path


def beeps(times: Sequence[float], length: float) -> NDArray[np.float32]:
    """Silence with tones of 1 kHz and 40 ms that begin at the times, in seconds."""
    wave = np.zeros(round(length * HERTZ), np.float32)
    tone = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(HERTZ // 25) / HERTZ)
    for time in times:
        place = round(time * HERTZ)
        wave[place : place + len(tone)] = tone[: len(wave) - place]
    return wave


def flashes(path: Path) -> list[float]:
    """When the picture turns white, in seconds."""
    with av.open(str(path)) as container:
        shown = [
            (float(frame.time or 0), frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)
        ]
    return [time for time, level in shown if level > 128]


def onsets(path: Path) -> list[float]:
    """When a tone begins, in seconds; 10 ms of silence lie between two of them."""
    found: list[float] = []
    last = -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            wave = np.abs(frame.to_ndarray().astype(np.float64)).max(0)
            wave = wave / 32768 if frame.format.name.startswith("s16") else wave
            for sample in np.flatnonzero(wave > 0.3):
                time = float(frame.time or 0) + sample / HERTZ
                if time - last > 0.01:
                    found.append(time)
                last = time
    return found


def mattes(folder: Path, write: object, frames: int = FRAMES) -> Path:
    """Mattes that show the left half."""
    folder.mkdir(exist_ok=True)
    plane = np.zeros((48, 64, 1), np.float32)
    plane[:, :32] = 1
    for frame in range(frames):
        write(folder / f"matte.{frame:04d}.exr", plane, channels=("A",))  # type: ignore[operator]
    return folder


def job(plate: Path, matte: Path, output: Path, **how: object) -> CompositeJob:
    return CompositeJob(plate, matte, Background("plate"), output, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sound", "source", "target"),
    [
        ("aac", "plate.mp4", "out.mp4"),
        ("aac", "plate.mov", "out.mkv"),
        ("pcm_s16le", "plate.mov", "out.mov"),
        ("pcm_s16le", "plate.mov", "out.mp4"),
        ("pcm_s16le", "plate.mov", "out.m4v"),
    ],
)
def test_all_of_it(sound: str, source: str, target: str, tmp_path: Path, write: object) -> None:
    plate = beeping_movie(tmp_path / source, sound=sound)
    composite(job(plate, mattes(tmp_path / "m", write), tmp_path / target))
    assert flashes(tmp_path / target) == pytest.approx([frame / RATE for frame in FLASHES], abs=0.002)
    assert onsets(tmp_path / target) == pytest.approx(flashes(tmp_path / target), abs=0.004)


@pytest.mark.parametrize(("sound", "source"), [("aac", "plate.mp4"), ("pcm_s16le", "plate.mov")])
def test_a_part_of_it(sound: str, source: str, tmp_path: Path, write: object) -> None:
    from compositing import FrameRange

    plate = beeping_movie(tmp_path / source, sound=sound)
    composite(job(plate, mattes(tmp_path / "m", write), tmp_path / "out.mp4", frames=FrameRange(31, 70)))
    assert flashes(tmp_path / "out.mp4") == pytest.approx([(40 - 31) / RATE, (65 - 31) / RATE], abs=0.002)
    assert onsets(tmp_path / "out.mp4") == pytest.approx(flashes(tmp_path / "out.mp4"), abs=0.004)


def test_a_rate_that_varies(tmp_path: Path, write: object) -> None:
    stamps = [0]
    for frame in range(1, FRAMES):
        stamps.append(stamps[-1] + (40 if frame % 3 else 67))
    plate = beeping_movie(tmp_path / "plate.mp4", stamps=stamps)
    result = composite(job(plate, mattes(tmp_path / "m", write), tmp_path / "out.mp4"))
    assert any("rate varies" in note for note in result.notes)
    assert flashes(tmp_path / "out.mp4") == pytest.approx([stamps[frame] / 1000 for frame in FLASHES], abs=0.002)
    assert onsets(tmp_path / "out.mp4") == pytest.approx(flashes(tmp_path / "out.mp4"), abs=0.004)


def test_sound_of_another_file(tmp_path: Path, write: object) -> None:
    other = beeping_movie(tmp_path / "other.mp4")
    plate = tmp_path / "plates"
    plate.mkdir()
    for frame in range(1001, 1051):
        write(plate / f"p.{frame}.png", np.zeros((48, 64, 3), np.float32))  # type: ignore[operator]
    matte = mattes(tmp_path / "m", write, 0)
    for frame in range(1001, 1051):
        write(matte / f"m.{frame}.exr", np.ones((48, 64, 1), np.float32), channels=("A",))  # type: ignore[operator]
    composite(job(plate, matte, tmp_path / "out.mp4", rate="25", sound=other))
    assert onsets(tmp_path / "out.mp4") == pytest.approx([12 / RATE, 40 / RATE], abs=0.004)


def test_silent_and_without_sound(tmp_path: Path, write: object) -> None:
    plate = beeping_movie(tmp_path / "plate.mp4")
    matte = mattes(tmp_path / "m", write)
    composite(job(plate, matte, tmp_path / "out.mp4", silent=True))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio
    with pytest.raises(FootageError, match=r"out\.mp4 holds no sound"):
        composite(job(plate, matte, tmp_path / "again.mp4", sound=tmp_path / "out.mp4"))
    with pytest.raises(OutputError, match=r"Sound goes into movies, and out\.png is none"):
        composite(job(plate, matte, tmp_path / "out.png", sound=plate))


def test_what_mp4_cannot_hold_is_encoded_and_told(tmp_path: Path, write: object) -> None:
    plate, other = beeping_movie(tmp_path / "plate.mp4"), beeping_movie(tmp_path / "o.mov", sound="pcm_s16le")
    with av.open(str(other)) as source, av.open(str(tmp_path / "other.wav"), "w") as target:
        track = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = track
                target.mux(packet)
    result = composite(job(plate, mattes(tmp_path / "m", write), tmp_path / "out.mp4", sound=tmp_path / "other.wav"))
    assert "The sound of other.wav is pcm_s16le, which MP4 cannot hold; it is written as AAC." in result.notes
    assert onsets(tmp_path / "out.mp4") == pytest.approx(flashes(tmp_path / "out.mp4"), abs=0.004)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
