"""Annotations: run lengths, SA-V, DAVIS and COCO, each there and back without loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sam2_roto.errors import DatasetError, ExportError
from sam2_roto.export.annotations import Annotations
from sam2_roto.export.coco import read_coco, write_coco
from sam2_roto.export.indexed import object_numbers, palette, read_ids, read_indexed, write_indexed
from sam2_roto.export.rle import Rle, pack_counts, unpack_counts
from sam2_roto.export.sav import read_sav, sav_frames, write_sav

HEIGHT, WIDTH = 40, 60


def box_mask(x0: int, y0: int, x1: int, y1: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def clip() -> Annotations:
    """Two objects over three frames; the second leaves on the second frame and is away on the third."""
    annotations = Annotations(WIDTH, HEIGHT)
    annotations.add(0, {"1": box_mask(2, 3, 20, 30), "2": box_mask(30, 5, 50, 12)})
    annotations.add(4, {"1": box_mask(4, 3, 22, 30), "2": box_mask(55, 5, 60, 12)})
    annotations.add(8, {"1": box_mask(0, 0, 24, 40), "2": box_mask(0, 0, 0, 0)})
    return annotations


def same(one: Annotations, two: Annotations) -> bool:
    return one.objects == two.objects and one.masks == two.masks and (one.width, one.height) == (two.width, two.height)


def test_run_lengths_are_cocos() -> None:
    """The string for these runs follows from the format by hand: 6, 1, 40, then 4 less 1, 9 less 40."""
    counts = np.array([6, 1, 40, 4, 9])
    assert pack_counts(counts) == "61X13QO"
    assert unpack_counts("61X13QO").tolist() == counts.tolist()


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60))
def test_strings_hold_any_run_lengths(lengths: list[int]) -> None:
    counts = np.array(lengths, np.int64)
    assert unpack_counts(pack_counts(counts)).tolist() == lengths


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_masks_survive_packing(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) > 0.5
    rle = Rle.encode(mask)
    assert np.array_equal(rle.decode(), mask)
    assert rle.area() == mask.sum()
    assert Rle.from_json(rle.to_json()) == rle


def test_box_and_lists_of_runs() -> None:
    assert Rle.encode(box_mask(3, 4, 10, 6)).box() == (3, 4, 7, 2)
    assert Rle.encode(box_mask(0, 0, 0, 0)).box() == (0, 0, 0, 0)
    listed = Rle.from_json({"size": [2, 3], "counts": [1, 2, 3]})
    assert listed.decode().tolist() == [[False, True, False], [True, False, False]]


@pytest.mark.parametrize(
    "data",
    [
        {"size": [2, 2], "counts": "1"},
        {"size": [2, 2], "counts": "P"},
        {"size": [2, 2], "counts": "é"},
        {"size": [2, 2], "counts": "P" * 20 + "1"},
        {"size": [2, 2], "counts": ""},
        {"size": [2], "counts": [4]},
        {"counts": [4]},
        {"size": [2, 2], "counts": ["a"]},
    ],
)
def test_damaged_masks_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match="export the file again"):
        Rle.from_json(data)


@pytest.mark.parametrize("kind", ["manual", "auto"])
def test_sav_files_come_back_equal(shared_dir: Path, tmp_path: Path, kind: str) -> None:
    source = shared_dir / "clips" / "sav" / f"sav_000001_{kind}.json"
    if not source.is_file():
        pytest.skip("the shared material has no SA-V annotations")
    annotations = read_sav(source)
    again = Annotations(annotations.width, annotations.height, annotations.objects, attributes=annotations.attributes)
    for frame, masks in annotations:
        again.add(frame, masks)
    write_sav(tmp_path / "out.json", again, video="unused", rate=24, frame_count=483)
    assert json.loads((tmp_path / "out.json").read_text()) == json.loads(source.read_text())
    assert annotations.frames == list(sav_frames(483, 24))


@pytest.mark.parametrize("kind", ["manual", "auto"])
def test_sav_figures_are_those_of_the_publishers(shared_dir: Path, tmp_path: Path, kind: str) -> None:
    source = shared_dir / "clips" / "sav" / f"sav_000001_{kind}.json"
    if not source.is_file():
        pytest.skip("the shared material has no SA-V annotations")
    annotations = read_sav(source)
    annotations.attributes = {}
    write_sav(tmp_path / "out.json", annotations, video="sav_000001", rate=24, frame_count=483)
    found, published = json.loads((tmp_path / "out.json").read_text()), json.loads(source.read_text())
    assert set(found) == set(published) - {"video_environment", "video_split"}
    for key in ("masklet_size_abs", "masklet_size_rel"):
        assert found[key] == pytest.approx(published[key], rel=1e-5)
    for key in ("visibility_changes", "first_appeared_frame", "frame_count", "num", "id"):
        assert found[f"masklet_{key}"] == published[f"masklet_{key}"]
    for key in ("duration", "frame_count", "height", "width", "resolution", "id"):
        assert found[f"video_{key}"] == published[f"video_{key}"]


def test_sav_of_our_own_masks(tmp_path: Path) -> None:
    write_sav(tmp_path / "a.json", clip(), video="a", rate=24, frame_count=12)
    assert same(read_sav(tmp_path / "a.json"), Annotations(WIDTH, HEIGHT, ["0", "1"], _renamed(clip())))
    data = json.loads((tmp_path / "a.json").read_text())
    assert data["masklet_visibility_changes"] == [0, 1]
    assert data["masklet_size_bucket"] == ["small", "small"]


def test_sav_forgets_figures_of_other_masklets(tmp_path: Path) -> None:
    annotations = clip()
    annotations.attributes = {"masklet_id": [5], "masklet_num": 1, "video_split": "train"}
    write_sav(tmp_path / "a.json", annotations, video="a", rate=24, frame_count=12)
    data = json.loads((tmp_path / "a.json").read_text())
    assert (data["masklet_num"], data["video_split"]) == (2, "train")


def _renamed(annotations: Annotations) -> dict[int, dict[str, Rle]]:
    return {
        frame: {str(annotations.objects.index(name)): rle for name, rle in masks.items()}
        for frame, masks in annotations.masks.items()
    }


def test_davis_there_and_back(tmp_path: Path) -> None:
    paths = write_indexed(tmp_path / "masks", clip())
    assert [path.name for path in paths] == ["00000.png", "00004.png", "00008.png"]
    again = read_indexed(tmp_path / "masks")
    assert same(again, clip())
    second = write_indexed(tmp_path / "again", again)
    assert [path.read_bytes() for path in second] == [path.read_bytes() for path in paths]


def test_real_davis_masks_come_back_equal(shared_dir: Path, tmp_path: Path) -> None:
    source = shared_dir / "clips" / "chair" / "masks"
    if not source.is_dir():
        pytest.skip("the shared material has no chair masks")
    for path in write_indexed(tmp_path, read_indexed(source))[:20]:
        with Image.open(source / path.name) as theirs, Image.open(path) as ours:
            assert ours.mode == theirs.mode == "P"
            assert np.array_equal(np.asarray(ours), np.asarray(theirs))
            assert ours.getpalette()[:30] == theirs.getpalette()[:30]  # type: ignore[index]


def test_palette_begins_as_published() -> None:
    assert palette()[:5].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    assert palette()[20].tolist() == [0, 64, 128]


def test_numbers_of_objects_are_kept_where_names_are_numbers() -> None:
    assert object_numbers(["3", "7"]) == {"3": 3, "7": 7}
    assert object_numbers(["dog", "7"]) == {"dog": 1, "7": 2}
    assert object_numbers(["01", "7"]) == {"01": 1, "7": 2}
    with pytest.raises(ExportError, match="255"):
        object_numbers([f"o{number}" for number in range(256)])


def test_numbers_of_objects_come_back(tmp_path: Path) -> None:
    annotations = Annotations(WIDTH, HEIGHT)
    annotations.add(1, {"9": box_mask(0, 0, 5, 5), "4": box_mask(10, 10, 20, 20)})
    path = write_indexed(tmp_path, annotations)[0]
    assert set(np.unique(read_ids(path))) == {0, 4, 9}
    assert read_indexed(tmp_path).objects == ["4", "9"]


def test_coco_there_and_back(tmp_path: Path) -> None:
    write_coco(tmp_path / "coco.json", clip())
    assert same(read_coco(tmp_path / "coco.json"), clip())
    data = json.loads((tmp_path / "coco.json").read_text())
    first = data["annotations"][0]
    assert first["bbox"] == [2, 3, 18, 27]
    assert first["area"] == 18 * 27
    assert [image["file_name"] for image in data["images"]] == ["00000.jpg", "00004.jpg", "00008.jpg"]


def test_coco_instances_of_one_object_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    write_coco(path, clip())
    data = json.loads(path.read_text())
    extra = dict(data["annotations"][0], segmentation=Rle.encode(box_mask(50, 30, 60, 40)).to_json())
    data["annotations"].append(extra)
    path.write_text(json.dumps(data))
    assert read_coco(path).read(0)["1"].sum() == 18 * 27 + 100


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("hello")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "other.json").write_text('{"images": [{}], "masklet": 3}')
    for read in (read_sav, read_coco):
        for name in ("text.json", "list.json", "other.json", "absent.json"):
            with pytest.raises(DatasetError, match=name) as caught:
                read(tmp_path / name)
            assert "\n" not in str(caught.value)
    with pytest.raises(DatasetError, match="polygons"):
        _polygons(tmp_path / "polygons.json")


def _polygons(path: Path) -> None:
    write_coco(path, clip())
    data = json.loads(path.read_text())
    data["annotations"][0]["segmentation"] = [[0, 0, 1, 1, 2, 2]]
    path.write_text(json.dumps(data))
    read_coco(path)


def test_wrong_masks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty"):
        read_indexed(tmp_path / "empty")
    Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / "color.png")
    with pytest.raises(DatasetError, match=r"color\.png is a coloured picture"):
        read_ids(tmp_path / "color.png")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DatasetError, match=r"bad\.png cannot be read"):
        read_ids(tmp_path / "bad.png")
    with pytest.raises(ExportError, match=r"'dog' on frame 3 is 5×4"):
        clip().add(3, {"dog": np.zeros((4, 5), np.bool_)})
    sized = tmp_path / "sized"
    sized.mkdir()
    Image.new("L", (4, 4), 1).save(sized / "00000.png")
    Image.new("L", (5, 4), 1).save(sized / "00001.png")
    with pytest.raises(DatasetError, match=r"00001\.png has another size"):
        read_indexed(sized)
