"""What clips are made from: regions of pictures, things followed, masklets, artwork, and the library on disk."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sam2_roto.errors import DatasetError
from sam2_roto.training.clips import HELD_OUT_SEEDS, TextureLibrary, generate_clip
from sam2_roto.training.clips.artwork import collect_artwork, decode_sprite, load_artwork, main
from sam2_roto.training.clips.fields import octave_noise
from sam2_roto.training.clips.follow import followed
from sam2_roto.training.clips.footage import split_shots
from sam2_roto.training.clips.masklets import decode_rle, read_masklets
from sam2_roto.training.clips.packed import Packed, pack_mask, unpack_mask
from sam2_roto.training.clips.regions import central, clear_edge, color_segments, components, moving_mask, snapped


def _ground(height: int = 144, width: int = 256) -> np.ndarray:
    """A grey, textured ground."""
    tone = octave_noise(np.random.default_rng(3), 256, coarsest=8)[:height, :width]
    return np.repeat((70 + 60 * tone)[..., None], 3, axis=2).astype(np.uint8)


def _with_disc(ground: np.ndarray, x: int, y: int, radius: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """A red disc on the ground, and its mask."""
    picture, mask = ground.copy(), np.zeros(ground.shape[:2], np.uint8)
    cv2.circle(mask, (x, y), radius, (1,), -1)
    picture[mask > 0] = (200, 40, 30)
    return picture, mask


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def _encode_rle(mask: np.ndarray) -> str:
    """COCO's compressed run lengths of a mask, written from the format's description."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    runs = [0, *runs] if flat[0] else runs
    text = ""
    for index, run in enumerate(runs):
        value, more = run - (runs[index - 2] if index > 2 else 0), True
        while more:
            group = value & 31
            value >>= 5
            more = value != -1 if group & 16 else value != 0
            text += chr(group + (32 if more else 0) + 48)
    return text


def test_run_lengths_decode_to_the_mask_they_were_made_from() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        noise = cv2.GaussianBlur(rng.random((40, 57)), (0, 0), float(rng.uniform(0.5, 4)))
        mask = (noise > np.median(noise)).astype(np.uint8)
        assert (decode_rle(_encode_rle(mask), 40, 57) == mask).all()


def test_masklets_of_sa_v_are_moving_shapes_of_one_size(shared_dir: Path) -> None:
    masklets = list(read_masklets(shared_dir / "clips" / "sav" / "sav_000001_manual.json"))
    assert masklets
    for masklet in masklets:
        assert len(masklet) >= 16
        assert len({mask.shape for mask in masklet}) == 1
        assert all(mask.any() for mask in masklet)
        assert any((one != other).any() for one, other in itertools.pairwise(masklet))


def test_a_file_that_is_no_annotation_is_refused_by_name(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"masklet": 3}')
    with pytest.raises(DatasetError, match=r"wrong\.json"):
        list(read_masklets(wrong))


def test_packed_records_come_back_from_disk(tmp_path: Path) -> None:
    mask = np.random.default_rng(1).random((11, 7)) > 0.5
    Packed.of([(pack_mask(mask), [11, 7]), (pack_mask(mask[:3]), [3, 7])], 2).save(tmp_path, "masks")
    back = Packed.load(tmp_path, "masks")
    bits, (height, width) = back.record(1)
    assert len(back) == 2
    assert (unpack_mask(bits, height, width) == 255 * mask[:3]).all()


def test_segments_follow_colour() -> None:
    picture, mask = _with_disc(np.full((72, 128, 3), 90, np.uint8), 60, 36)
    segments = color_segments(picture, 300.0)
    inside = segments[36, 60]
    assert _iou((segments == inside).astype(np.uint8), mask) > 0.85


def test_clear_edge_tells_a_thing_from_a_patch_of_ground() -> None:
    picture, mask = _with_disc(_ground(), 120, 70)
    assert clear_edge(picture, mask) > 0.95
    assert clear_edge(_ground(), mask) < 0.3


def test_a_rough_mask_is_drawn_to_the_edges() -> None:
    picture, mask = _with_disc(_ground(), 120, 70)
    cut = snapped(picture, cv2.dilate(mask, np.ones((5, 5), np.uint8)))
    assert cut is not None
    assert _iou(cut, mask) > 0.95


def test_the_thing_in_the_middle_is_found_and_an_empty_ground_has_none() -> None:
    picture, mask = _with_disc(_ground(288, 256)[:, :256], 128, 144, 60)
    cut = central(picture)
    assert cut is not None
    assert _iou(cut, mask) > 0.9
    assert central(np.full((288, 512, 3), 90, np.uint8)) is None


def test_what_moves_against_the_camera_is_found() -> None:
    ground = _ground(200, 256)
    before, _ = _with_disc(ground[:144], 100, 70)
    after, mask = _with_disc(ground[2:146], 108, 70)
    found = components(moving_mask(before, after))
    assert max(_iou(piece, mask) for piece in found) > 0.5


def test_an_outlined_thing_is_followed() -> None:
    pairs = [_with_disc(_ground(), 60 + 6 * index, 70) for index in range(6)]
    entry = {"frame": 2, "before": 2, "after": 3, "outline": [[42, 40], [102, 42], [104, 100], [44, 98]]}
    track = followed(np.stack([picture for picture, _ in pairs]), entry)
    assert [frame for frame, _ in track] == list(range(6))
    assert min(_iou(mask, pairs[frame][1]) for frame, mask in track) > 0.85


def test_shots_end_at_cuts() -> None:
    dark, bright = np.full((6, 64, 64, 3), 20, np.uint8), np.full((9, 64, 64, 3), 200, np.uint8)
    assert split_shots(np.concatenate([dark, bright])) == [(0, 6), (6, 15)]


@pytest.fixture
def art_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "art"
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
    picture, mask = _with_disc(_ground(), 120, 70, 50)
    cv2.imwrite(str(folder / "one" / "disc.png"), np.dstack([picture, 255 * mask]))
    (folder / "two" / "inside.rcc").write_bytes(b"head" + (folder / "one" / "disc.png").read_bytes() + b"tail")
    cv2.imwrite(str(folder / "two" / "photo.jpg"), cv2.resize(_ground(), (640, 360)) * np.uint8(2))
    return folder


def test_artwork_is_sorted_packed_and_read_back(art_folder: Path, tmp_path: Path) -> None:
    found = collect_artwork(art_folder)
    assert (len(found.sprites), found.groups, len(found.stills)) == (2, [0, 1], 1)
    main([str(art_folder), str(tmp_path / "artwork.npz")])
    back = load_artwork(tmp_path / "artwork.npz")
    color, alpha = decode_sprite(back.sprites[0])
    assert back.groups == [0, 1]
    assert abs(float((alpha > 127).mean()) - np.pi / 4) < 0.03
    assert np.abs(color[alpha > 250].mean(axis=0) - (30, 40, 200)).max() < 12, "the file's blue is the sprite's blue"
    assert np.abs(back.stills[0].astype(int) - found.stills[0]).mean() < 4


def test_a_file_that_is_no_pack_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "artwork.npz").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"artwork\.npz"):
        load_artwork(tmp_path / "artwork.npz")


def _write_movie(target: Path, count: int) -> None:
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv420p"
        for index in range(count):
            picture, _ = _with_disc(_ground(), 60 + 4 * index, 70)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_library_is_prepared_once_and_shared_by_name(tmp_path: Path, art_folder: Path) -> None:
    clips, cache = tmp_path / "clips", tmp_path / "cache"
    clips.mkdir()
    _write_movie(clips / "disc.mp4", 20)
    _write_movie(clips / "dog.mp4", 12)
    main([str(art_folder), str(tmp_path / "artwork.npz")])
    library = TextureLibrary.build(clips, artwork=tmp_path / "artwork.npz", cache_dir=cache)
    assert library.training.footage.shape == (10, 288, 512, 3)
    assert library.held_out.footage.shape == (6, 288, 512, 3)
    assert (len(library.training.sprites), len(library.held_out.sprites)) == (2, 0)
    assert len(library.training.regions) > 0
    packed = pickle.dumps(library)
    assert len(packed) < 1000, "workers get the folder's name, not the pictures"
    again = TextureLibrary.build(clips, artwork=tmp_path / "artwork.npz", cache_dir=cache)
    assert again.folder == library.folder
    assert [path.name for path in cache.iterdir()] == [library.folder.name if library.folder else ""]
    for seed in range(HELD_OUT_SEEDS.stop, HELD_OUT_SEEDS.stop + 12):
        one = generate_clip(seed, size=64, frames=3, library=library)
        other = generate_clip(seed, size=64, frames=3, library=pickle.loads(packed))
        assert (one.frames == other.frames).all()
        assert (one.labels == other.labels).all()


def test_a_movie_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a movie")
    with pytest.raises(DatasetError, match=r"broken\.mp4"):
        TextureLibrary.build(tmp_path, cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir()), "nothing half made is left"
