"""The store of logits: what is written comes back, what is damaged counts as missing, other jobs are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sam2_roto.errors import StoreError
from sam2_roto.masklets import MaskletStore
from sam2_roto.model import CONFIGS
from sam2_roto.tracking import ObjectFrame
from sam2_roto.tracking.window import Window

CONFIG = CONFIGS["nano"].with_image_size(64)
JOB = {"prompts": [1, 2], "weights": "abc"}
FRAMES = range(1001, 1006)


def result(seed: int, score: float = 3.5, prompted: bool = False) -> ObjectFrame:
    generator = torch.Generator().manual_seed(seed)
    side = CONFIG.logit_size
    logits = (40 * torch.randn(side, side, generator=generator)).half().float()
    return ObjectFrame(logits, score, 0.5, torch.randn(CONFIG.width, generator=generator), prompted)


def same(found: ObjectFrame | None, expected: ObjectFrame) -> bool:
    assert found is not None
    tensors = torch.equal(found.logits, expected.logits) and torch.equal(found.pointer, expected.pointer)
    return tensors and found[1:3] == expected[1:3] and found.prompted is expected.prompted


def make(folder: Path, job: Any = None, frames: Any = FRAMES, **settings: Any) -> MaskletStore:
    return MaskletStore(folder / "masklets", frames, CONFIG, JOB if job is None else job, **settings)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MaskletStore]:
    with make(tmp_path) as made:
        yield made


def test_what_is_written_comes_back(store: MaskletStore) -> None:
    store.write("dog", 1003, result(1))
    store.write("cat", 1003, result(2, score=-2.0, prompted=True))
    assert same(store.read("dog", 1003), result(1))
    assert same(store.read("cat", 1003), result(2, score=-2.0, prompted=True))
    assert store.read("dog", 1002) is None
    assert store.read("dog", 7) is None
    assert store.read("bird", 1003) is None


def test_a_record_may_be_written_again(store: MaskletStore) -> None:
    for seed in (1, 2):
        store.write("dog", 1002, result(seed))
    assert same(store.read("dog", 1002), result(2))


def test_records_may_be_of_several_finenesses(tmp_path: Path) -> None:
    config = CONFIGS["nano"]
    shades = {side: torch.full((side, side), float(side)) for side in (96, 160, 120)}
    with MaskletStore(tmp_path / "masklets", FRAMES, config, JOB, size=(640, 360)) as store:
        for frame, logits in zip((1001, 1002, 1005), shades.values(), strict=True):
            found = ObjectFrame(logits, 2.0, 0.5, torch.zeros(config.width), prompted=False)
            store.write_cropped("rope", frame, Window(0, 0, 640, 360), found)
            store.write("rope", frame - 1 if frame == 1005 else 1003, found)
        store.write("rope", 1002, ObjectFrame(shades[96], 1.0, 0.5, torch.zeros(config.width), prompted=False))
    with MaskletStore.load(tmp_path / "masklets") as store:
        found_sides = []
        for frame in FRAMES:
            sight = store.sight("rope", frame)
            assert sight is not None
            assert (sight.result.logits == sight.cells).all()
            found_sides.append((sight.side, sight.window is not None))
    assert found_sides == [(384, True), (384, False), (640, False), (480, False), (480, True)]


def test_missing_frames_are_told(store: MaskletStore) -> None:
    assert store.missing("dog") == list(FRAMES)
    for frame in (1001, 1004):
        store.write("dog", frame, result(frame))
    assert store.missing("dog") == [1002, 1003, 1005]
    assert store.has("dog", 1004)


def test_a_later_process_goes_on(tmp_path: Path) -> None:
    with make(tmp_path) as first:
        first.write("dog", 1001, result(1))
    with make(tmp_path) as second:
        assert same(second.read("dog", 1001), result(1))
        assert second.missing("dog") == [1002, 1003, 1004, 1005]


@given(cut=st.integers(0, 5 * (20 + 4 * CONFIG.width + 2 * CONFIG.logit_size**2)))
def test_wherever_the_file_is_cut_whole_records_remain(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cut")
    with make(folder) as store:
        for frame in FRAMES:
            store.write("dog", frame, result(frame))
        path = store.folder / "dog.masklet"
        record = path.stat().st_size // len(FRAMES)
        os.truncate(path, cut)
        whole = list(FRAMES)[: cut // record]
        assert [frame for frame in FRAMES if frame not in whole] == store.missing("dog")
        assert all(same(store.read("dog", frame), result(frame)) for frame in whole)


@pytest.mark.parametrize("place", [0, 5, 9, 13, 16, 600, -1])
def test_a_record_with_a_wrong_byte_is_missing(store: MaskletStore, place: int) -> None:
    store.write("dog", 1001, result(1))
    path = store.folder / "dog.masklet"
    data = bytearray(path.read_bytes())
    data[place] ^= 0x41
    path.write_bytes(data)
    assert store.read("dog", 1001) is None


def test_another_job_is_refused_and_the_difference_named(tmp_path: Path) -> None:
    with make(tmp_path) as store:
        store.write("dog", 1001, result(1))
    with pytest.raises(StoreError, match=r"another job \(other prompts\)"):
        make(tmp_path, {**JOB, "prompts": [3]})
    with pytest.raises(StoreError, match=r"other frames\)"):
        make(tmp_path, frames=range(5))
    with pytest.raises(StoreError, match=r"other side"):
        MaskletStore(tmp_path / "masklets", FRAMES, CONFIG.with_image_size(128), JOB)
    with make(tmp_path) as store:
        assert store.has("dog", 1001)


def test_overwrite_starts_anew_for_another_job_only(tmp_path: Path) -> None:
    with make(tmp_path) as store:
        store.write("dog", 1001, result(1))
    with make(tmp_path, overwrite=True) as store:
        assert store.has("dog", 1001)
    with make(tmp_path, {**JOB, "weights": "def"}, overwrite=True) as store:
        assert not store.has("dog", 1001)


def test_a_store_without_records_is_no_ones(tmp_path: Path) -> None:
    make(tmp_path).close()
    make(tmp_path, {"prompts": []}).close()
    with MaskletStore.load(tmp_path / "masklets") as store:
        assert store.job == {"prompts": []}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 99}', '{"format": 1}'])
def test_a_job_file_that_is_not_ours(tmp_path: Path, text: str) -> None:
    with make(tmp_path) as store:
        store.write("dog", 1001, result(1))
    (tmp_path / "masklets" / "job.json").write_text(text)
    with pytest.raises(StoreError, match="give --overwrite"):
        make(tmp_path)
    with make(tmp_path, overwrite=True) as store:
        assert not store.has("dog", 1001)


def test_load_reads_whatever_the_job_was(tmp_path: Path) -> None:
    with make(tmp_path) as store:
        store.write("dog", 1002, result(4))
    with MaskletStore.load(tmp_path / "masklets") as found:
        assert found.job == JOB
        assert found.frames == list(FRAMES)
        assert same(found.read("dog", 1002), result(4))
        assert found.missing("cat") == list(FRAMES)
    with pytest.raises(StoreError, match="no masklets in"):
        MaskletStore.load(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        make(tmp_path / "file")
