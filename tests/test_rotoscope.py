"""From footage and prompts to mattes on disk, with a small network of random weights."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from compositing.errors import MissingFrameError
from compositing.footage import FrameRange, open_footage
from sam2_roto import rotoscope as run
from sam2_roto.deliverables import Deliverables
from sam2_roto.errors import CheckpointError, PromptError, StoreError
from sam2_roto.job import Box, Click, MaskFile, RotoscopeJob
from sam2_roto.masklets import MaskletStore
from sam2_roto.tracking import Tracker

REPOSITORY = Path(__file__).resolve().parent.parent
BALL = Click("ball", 0, 24, 32)
BOX = Box("box", 5, 55, 40, 75, 58)

MakeJob = Callable[..., RotoscopeJob]


@pytest.fixture
def make_job(shot: Path, tmp_path: Path, random_weights: Path) -> MakeJob:
    """Makes a small job; what is given replaces its settings, ``out`` names its folder."""

    def make(*prompts: Any, out: str = "out", **settings: Any) -> RotoscopeJob:
        usual: dict[str, Any] = {"footage": shot, "model": str(random_weights), "image_size": 64, "device": "cpu"}
        usual |= {"crop": "none"}  # windows have tests of their own
        return RotoscopeJob(output=tmp_path / out, prompts=prompts or (BALL,), **usual | settings)

    return make


def header(path: Path) -> dict[str, Any]:
    with OpenEXR.File(str(path)) as file:
        return dict(file.header())


def channels(path: Path) -> dict[str, NDArray[Any]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: channel.pixels for name, channel in file.channels().items()}


def logits(output: Path, name: str) -> NDArray[np.float32]:
    """What is stored of an object, ``[20, 16, 16]``."""
    with MaskletStore.load(output / "masklets") as store:
        found = [store.read(name, frame) for frame in store.frames]
    return np.stack([result.logits.numpy() for result in found if result])


def contents(folder: Path) -> dict[str, str]:
    """Digests of mattes and masklets by their names: where they differ, the names are told, and at once."""
    digest = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()  # noqa: E731
    return {path.name: digest(path) for kind in ("*.exr", "masklets/*.masklet") for path in folder.glob(kind)}


def test_one_matte_for_each_frame_numbered_as_the_clip(make_job: MakeJob) -> None:
    calls: list[tuple[str, int, int]] = []
    job = make_job()
    result = run(job, lambda *told: calls.append(told))
    assert [path.name for path in result.mattes] == [f"shot_matte.{frame:04d}.exr" for frame in range(20)]
    for path in result.mattes:
        found = channels(path)
        assert list(found) == ["A"]
        assert found["A"].dtype == np.float16
        display = header(path)["displayWindow"]
        assert [list(corner) for corner in display] == [[0, 0], [95, 63]]
    assert result.tracked == 20
    assert (result.model, result.image_size) == ("nano", 64)
    assert result.absent == {"ball": ()}
    assert ("track", 20, 20) in calls
    assert ("write", 20, 20) in calls
    assert not [path.name for path in job.output.rglob("*.part")]


def test_mattes_carry_rate_and_provenance(make_job: MakeJob, shot: Path) -> None:
    found = header(run(make_job()).mattes[3])
    with open_footage(shot) as footage:
        assert float(found["framesPerSecond"]) == footage.rate
    assert found["sam2_roto/model"] == "nano"
    assert len(found["sam2_roto/weights"]) == 64


def test_previews_show_every_frame(make_job: MakeJob) -> None:
    result = run(make_job(BALL, BOX))
    movie, sheet = result.previews
    with open_footage(movie) as footage:
        assert len(footage) == 20
        assert (footage.width, footage.height) == (96, 64)
    assert oiio.ImageBuf(str(sheet)).spec().width > 1000
    assert run(make_job(out="plain", deliver=Deliverables(preview=False))).previews == ()
    assert not list((make_job(out="plain").output).glob("*.mp4"))


def test_several_objects_are_layers_of_the_same_files(make_job: MakeJob) -> None:
    result = run(make_job(BALL, BOX))
    assert len(result.mattes) == 20
    assert {tuple(channels(path)) for path in result.mattes} == {("ball.A", "box.A")}


def test_objects_do_not_change_each_other(make_job: MakeJob) -> None:
    jobs = make_job(BALL, BOX, out="both"), make_job(BALL, out="one")
    for job in jobs:
        run(job)
    both, one = (logits(job.output, "ball") for job in jobs)
    assert np.allclose(both, one, atol=1e-2)


@pytest.mark.parametrize("grow", [-16, 16], ids=["smaller", "larger"])
def test_plates_from_1001_keep_numbers_and_windows(make_job: MakeJob, tmp_path: Path, grow: int) -> None:
    for number in range(1001, 1007):
        write_plate(tmp_path / f"sh010.{number}.exr", grow)
    click = Click("ball", 1003, 30, 30)
    result = run(make_job(click, footage=tmp_path / "sh010.1001.exr"))
    assert [path.name for path in result.mattes] == [f"sh010_matte.{number}.exr" for number in range(1001, 1007)]
    for path in result.mattes:
        found = header(path)
        assert [list(corner) for corner in found["displayWindow"]] == [[10, 20], [105, 83]]
        assert [list(corner) for corner in found["dataWindow"]] >= [[10, 20], [10, 20]]
        assert list(channels(path)) == ["A"]


def write_plate(path: Path, grow: int) -> None:
    """A linear EXR whose display window is 96×64 at (10, 20), its data window larger on each side by ``grow``."""
    spec = oiio.ImageSpec(96 + 2 * grow, 64 + 2 * grow, 3, "half")
    spec.x, spec.y = 10 - grow, 20 - grow
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = 10, 20, 96, 64
    pixels = np.full((spec.height, spec.width, 3), 0.2, np.float32)
    pixels[20 + grow : 40 + grow, 20 + grow : 40 + grow, 0] = 0.9
    output = oiio.ImageOutput.create("exr")
    assert output.open(str(path), spec)
    assert output.write_image(pixels)
    assert output.close()


def test_a_range_alone(make_job: MakeJob) -> None:
    result = run(make_job(Click("ball", 8, 40, 32), frames=FrameRange(6, 11)))
    assert [path.name for path in result.mattes] == [f"shot_matte.{frame:04d}.exr" for frame in range(6, 12)]
    assert result.tracked == 6


def test_from_a_middle_frame_both_ways(make_job: MakeJob) -> None:
    job = make_job(Click("ball", 9, 42, 32), Click("box", 12, 50, 48))
    run(job)
    prompted = {}
    with MaskletStore.load(job.output / "masklets") as store:
        for name in ("ball", "box"):
            assert store.missing(name) == []
            found = [store.read(name, frame) for frame in range(20)]
            prompted[name] = [frame for frame, result in enumerate(found) if result and result.prompted]
    assert prompted == {"ball": [9], "box": [12]}


def test_png_has_a_file_for_each_object(make_job: MakeJob) -> None:
    result = run(make_job(BALL, BOX, deliver=Deliverables(format="png"), frames=FrameRange(0, 5)))
    names = [f"shot_matte_{name}.{frame:04d}.png" for frame in range(6) for name in ("ball", "box")]
    assert [path.name for path in result.mattes] == names
    for path in result.mattes:
        spec = oiio.ImageBuf(str(path)).spec()
        assert (spec.width, spec.height, spec.nchannels, str(spec.format)) == (96, 64, 1, "uint16")


def test_a_mask_file_marks_an_object(make_job: MakeJob, tmp_path: Path) -> None:
    mask = np.zeros((64, 96, 1), np.uint8)
    mask[20:44, 12:36] = 255
    output = oiio.ImageOutput.create(str(tmp_path / "mask.png"))
    assert output.open(str(tmp_path / "mask.png"), oiio.ImageSpec(96, 64, 1, "uint8"))
    assert output.write_image(mask)
    assert output.close()
    result = run(make_job(MaskFile("ball", 0, tmp_path / "mask.png"), frames=FrameRange(0, 3), preset="hard"))
    with open_footage(result.mattes[0]) as mattes:
        alpha = mattes.read(0).on_display().channel("A").numpy() > 0.5
    overlap = np.count_nonzero(alpha & (mask[..., 0] > 0)) / np.count_nonzero(alpha | (mask[..., 0] > 0))
    assert overlap > 0.9


def test_another_look_tracks_nothing_again(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(make_job())
    before = contents(first.mattes[0].parent)

    def refuse(*_: object) -> None:
        raise AssertionError("the network was loaded")

    monkeypatch.setattr(sys.modules["sam2_roto.rotoscoping"], "load_file", refuse)
    second = run(make_job(feather=6.0))
    after = contents(second.mattes[0].parent)
    assert second.tracked == 0
    changed = {name for name in before if before[name] != after[name]}
    assert changed  # not those in which the object is not seen
    assert changed <= {path.name for path in first.mattes}


def test_what_a_tracker_remarks_is_told(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(Tracker):
        def __init__(self, *words: Any, **named: Any) -> None:
            super().__init__(*words, **named)
            self.notes.append("the device's memory is short")

    monkeypatch.setattr("sam2_roto.following.Tracker", Short)
    assert "the device's memory is short" in run(make_job(frames=FrameRange(0, 2))).notes


def test_another_job_is_refused_unless_it_may_replace(make_job: MakeJob) -> None:
    run(make_job(frames=FrameRange(0, 3)))
    with pytest.raises(StoreError, match=r"another job \(other prompts\).*--overwrite"):
        run(make_job(Click("ball", 0, 25, 32), frames=FrameRange(0, 3)))
    with pytest.raises(StoreError, match=r"other frames"):
        run(make_job(frames=FrameRange(0, 4)))
    replaced = run(make_job(Click("ball", 0, 25, 32), frames=FrameRange(0, 3), overwrite=True))
    assert replaced.tracked == 4


def test_a_run_that_tracked_nothing_claims_no_folder(make_job: MakeJob, tmp_path: Path, random_weights: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(random_weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"broken\.safetensors is damaged"):
        run(make_job(model=str(broken), frames=FrameRange(0, 1)))
    assert run(make_job(frames=FrameRange(0, 1))).tracked == 2


def test_plates_that_were_rendered_anew_are_another_job(make_job: MakeJob, tmp_path: Path, shot: Path) -> None:
    movie = tmp_path / "moving.mp4"
    movie.write_bytes(shot.read_bytes())
    job = make_job(footage=movie, frames=FrameRange(0, 2))
    run(job)
    with movie.open("ab") as file:
        file.write(b"\0\0\0\x10free\0\0\0\0\0\0\0\0")
    with pytest.raises(StoreError, match="other plate"):
        run(job)


def test_a_gap_in_the_frames_is_told(make_job: MakeJob, tmp_path: Path) -> None:
    for number in (1001, 1002, 1004, 1005):
        write_plate(tmp_path / f"sh010.{number}.exr", 0)
    plates = tmp_path / "sh010.1001.exr"
    with pytest.raises(MissingFrameError, match="no frame 1003 between 1001 and 1005"):
        run(make_job(Click("ball", 1001, 30, 30), footage=plates))
    result = run(make_job(Click("ball", 1004, 30, 30), footage=plates, frames=FrameRange(1004, 1005)))
    assert len(result.mattes) == 2


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        (Click("ball", 20, 3, 3), "marked on frame 20, but shot.mp4 has frames 0-19"),
        (Click("ball", 0, 96, 3), "click 96,3 of 'ball' on frame 0 lies outside the plate of 96×64"),
        (Box("ball", 0, 100, 3, 120, 9), "the box of 'ball' on frame 0 lies outside the plate"),
    ],
)
def test_prompts_that_do_not_fit_are_told_before_anything_is_written(make_job: MakeJob, prompt: Any, says: str) -> None:
    job = make_job(prompt)
    with pytest.raises(PromptError, match=says):
        run(job)
    assert not job.output.exists()


# Every run whose bytes are compared has a process of its own, as on the command line: other tests load libraries that
# change how a process rounds.
_APART = """
import os, signal, sys
from pathlib import Path
from sam2_roto import RotoscopeJob, rotoscope
from sam2_roto.deliverables import Deliverables
from sam2_roto.job import Box, Click

def progress(stage, done, total):
    if (stage, done) == (sys.argv[1], int(sys.argv[2])):
        os.kill(os.getpid(), signal.SIGKILL)

job = eval(sys.argv[3], {**globals(), "PosixPath": Path, "WindowsPath": Path})
print(rotoscope(job, progress).tracked)
"""


def apart(job: RotoscopeJob, stage: str = "", done: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a job in a process of its own, which is killed when ``done`` frames of ``stage`` are done."""
    words = [sys.executable, "-c", _APART, stage, str(done), repr(job)]
    return subprocess.run(words, cwd=REPOSITORY, capture_output=True, check=False, text=True)


def undisturbed(job: RotoscopeJob) -> int:
    """Run a job in a process of its own; gives the frames that it tracked itself."""
    finished = apart(job)
    assert finished.returncode == 0, finished.stderr
    return int(finished.stdout)


def kill(job: RotoscopeJob, moment: tuple[str, int]) -> None:
    """Run a job in a process of its own that is killed when so many frames of a stage are done."""
    killed = apart(job, *moment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


@pytest.fixture(scope="module")
def uninterrupted(
    shot: Path, random_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RotoscopeJob, dict[str, str]]:
    """A job with three objects, one of them corrected twice, and what it writes when nothing disturbs it."""
    prompts = (
        Click("ball", 3, 30, 32),
        BOX,
        Click("ground", 11, 10, 8),
        Click("ball", 9, 44, 30, positive=False),
        Click("ball", 1, 20, 30),
    )
    job = RotoscopeJob(
        shot, tmp_path_factory.mktemp("whole"), prompts, model=str(random_weights), image_size=64, device="cpu"
    )
    undisturbed(job)
    return job, contents(job.output)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("moment", [("correct", 3), ("track", 1), ("track", 9), ("track", 22), ("write", 7)])
def test_killed_and_started_again_ends_in_the_same_bytes(
    moment: tuple[str, int], uninterrupted: tuple[RotoscopeJob, dict[str, str]], tmp_path: Path
) -> None:
    whole, expected = uninterrupted
    job = replace(whole, output=tmp_path / "out")
    kill(job, moment)
    for path in job.output.glob("*.exr"):
        assert list(channels(path)) == ["ball.A", "box.A", "ground.A"]
    assert not (job.output / "overlay.mp4").exists()
    tracked = undisturbed(job)
    assert contents(job.output) == expected
    assert moment[0] == "write" or tracked > 0
    assert not [path.name for path in job.output.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("moment", [("track", 4), ("track", 20)])
def test_killed_with_a_policy_it_goes_on_in_the_same_bytes(
    moment: tuple[str, int], uninterrupted: tuple[RotoscopeJob, dict[str, str]], tmp_path: Path
) -> None:
    whole, cut = (replace(uninterrupted[0], output=tmp_path / out, policy="distractor") for out in ("whole", "cut"))
    undisturbed(whole)
    kill(cut, moment)
    assert undisturbed(cut) > 0
    assert contents(cut.output) == contents(whole.output)
    assert contents(cut.output) != uninterrupted[1]
    with pytest.raises(StoreError, match="masklets of another job \\(other policy\\)"):
        run(replace(cut, policy="motion"))


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_killed_on_the_way_back_it_remembers_as_much(make_job: MakeJob) -> None:
    """The way back looks at more frames, of both passes, than are remembered at once."""
    whole, cut = (make_job(Click("ball", 9, 42, 32), out=out) for out in ("whole", "cut"))
    undisturbed(whole)
    kill(cut, ("track", 19))
    assert undisturbed(cut) == 1
    assert contents(cut.output) == contents(whole.output)


def test_a_record_that_was_cut_off_is_tracked_again(make_job: MakeJob) -> None:
    job = make_job(BALL, Click("ground", 0, 10, 8))
    run(job)
    expected = contents(job.output)
    ball = job.output / "masklets" / "ball.masklet"
    record = ball.stat().st_size // 20
    os.truncate(ball, 17 * record + record // 2)
    assert run(job).tracked == 3
    assert contents(job.output) == expected
