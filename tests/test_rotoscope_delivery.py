"""Everything that can be delivered of a shot, read back by other implementations; failures leave nothing behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import get_args

import av
import cv2
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
import torch
from numpy.typing import NDArray

from compositing.errors import OutputError
from compositing.footage import Footage, open_footage
from sam2_roto.deliverables import Deliverables, MovieKind
from sam2_roto.delivery import Delivered, Delivery, delivery_notes
from sam2_roto.errors import Cancelled, ExportError
from sam2_roto.export import frames as kinds
from sam2_roto.export.cryptomatte import name_id
from sam2_roto.export.splines import from_json
from sam2_roto.job import Click, Preset, RotoscopeJob
from sam2_roto.mattes import Choke, Feather, MatteRecipe
from sam2_roto.mattes.recipe import PRESETS
from sam2_roto.rotoscoping import read_recipe

OBJECTS = ("ball", "box")
FRAMES = range(2, 8)
NOTES = {"sam2_roto/model": "nano", "sam2_roto/version": "1"}

Array = NDArray[np.float32]


@pytest.fixture
def plate(shot: Path) -> Iterator[Footage]:
    with open_footage(shot) as footage:
        yield footage


def mattes(frame: int) -> dict[str, Array]:
    """A soft disc that moves, and a box that is not there on frames 4 and 5."""
    rows, columns = np.mgrid[:64, :96].astype(np.float32)
    disc = np.clip((14 - np.hypot(columns - 24 - 2 * frame, rows - 32)) / 4, 0, 1)
    box = ((abs(columns - 70) < 9) & (abs(rows - 48) < 7)).astype(np.float32)
    return {"ball": disc} if frame in (4, 5) else {"ball": disc, "box": box}


def whole(frame: int, name: str) -> Array:
    return mattes(frame).get(name, np.zeros((64, 96), np.float32))


def logits(frame: int) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(cv2.resize(matte, (16, 16)) * 16 - 8) for name, matte in mattes(frame).items()}


def deliver(folder: Path, footage: Footage, what: Deliverables) -> Delivered:
    with Delivery(folder, "shot", OBJECTS, footage, FRAMES, what, notes=NOTES) as delivery:
        for frame in FRAMES:
            delivery.write(frame, mattes(frame), logits(frame))
        return delivery.close()


def channels(path: Path) -> dict[str, NDArray[np.float16]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: channel.pixels for part in file.parts for name, channel in part.channels.items()}


def by_openimageio(path: Path, channel: str, part: int = 0) -> Array:
    """A channel over the display window, as OpenImageIO reads it."""
    picture = oiio.ImageBuf(str(path), part, 0)
    spec = picture.spec()
    full = np.zeros((spec.full_height, spec.full_width), np.float32)
    pixels = picture.get_pixels(oiio.FLOAT)
    assert pixels is not None
    full[spec.y : spec.y + spec.height, spec.x : spec.x + spec.width] = pixels[..., spec.channelnames.index(channel)]
    return full


@pytest.mark.parametrize("layout", ["layers", "parts", "objects"])
def test_every_frame_has_every_object(tmp_path: Path, plate: Footage, layout: str) -> None:
    done = deliver(tmp_path, plate, Deliverables(layout=layout, preview=False))  # type: ignore[arg-type]
    assert done.absent == {"ball": (), "box": (4, 5)}
    for frame in FRAMES:
        for index, name in enumerate(OBJECTS):
            alone = layout == "objects"
            path = tmp_path / f"shot_matte{f'_{name}' if alone else ''}.{frame:04d}.exr"
            assert path in done.files["mattes"]
            assert sorted(channels(path)) == (["A"] if alone else ["ball.A", "box.A"])
            found = by_openimageio(path, "A" if alone else f"{name}.A", index if layout == "parts" else 0)
            np.testing.assert_array_equal(found, whole(frame, name).astype(np.float16))
            with OpenEXR.File(str(path)) as file:
                assert file.header()["sam2_roto/model"] == "nano"
                assert file.header()["framesPerSecond"] == 24
    assert len(list(tmp_path.iterdir())) == len(done.files["mattes"])


def test_plate_under_the_matte(tmp_path: Path, plate: Footage) -> None:
    done = deliver(tmp_path, plate, Deliverables(rgba=True, preview=False, compression="piz"))
    assert [path.name for path in done.files["rgba"]][:2] == ["shot_rgba_ball.0002.exr", "shot_rgba_box.0002.exr"]
    color = plate.read(6).rgb().numpy()
    for index, channel in enumerate("RGB"):
        found = by_openimageio(tmp_path / "shot_rgba_ball.0006.exr", channel)
        np.testing.assert_array_equal(found, (color[index] * whole(6, "ball")).astype(np.float16))
    assert set(channels(tmp_path / "shot_rgba_box.0004.exr")) == set("RGBA")


def test_cryptomatte_is_decoded_by_another_implementation(tmp_path: Path, plate: Footage) -> None:
    api = pytest.importorskip("cryptomatte_api", reason="cryptomatte-api is not installed")
    done = deliver(tmp_path, plate, Deliverables(cryptomatte=True, preview=False, compression="dwaa"))
    assert len(done.files["crypto"]) == len(FRAMES)
    for frame in (3, 4):
        (found,) = api.Cryptomatte.load(tmp_path / f"shot_crypto.{frame:04d}.exr")
        assert dict(found.metadata().manifest().mapping_uint32()) == {name: name_id(name) for name in OBJECTS}
        for name in OBJECTS:
            assert abs(found.mask(name) - whole(frame, name)).max() <= 1e-3


@pytest.mark.parametrize(
    ("kind", "within"), [("prores4444", 2 / 1023), ("ffv1", 1e-5), ("png", 1e-5), ("vp9", 12 / 255)]
)
def test_movies_with_alpha(tmp_path: Path, plate: Footage, kind: MovieKind, within: float) -> None:
    done = deliver(tmp_path, plate, Deliverables(movie=kind, preview=False))
    assert [path.stem for path in done.files["movies"]] == ["shot_alpha_ball", "shot_alpha_box"]
    with open_footage(done.files["movies"][0]) as movie:
        assert (len(movie), movie.rate) == (len(FRAMES), Fraction(24))
        for index, frame in enumerate(FRAMES):
            picture = movie.read(index)
            assert picture.alpha is not None
            assert abs(picture.alpha.numpy() - whole(frame, "ball")).max() <= within
            solid = whole(frame, "ball") == 1
            assert abs(picture.rgb().numpy() - plate.read(frame).rgb().numpy().clip(0, 1))[:, solid].mean() < 0.03
    with av.open(str(done.files["movies"][0])) as container:
        assert container.streams.video[0].average_rate == 24
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert tags["sam2_roto/model"] == "nano"


def test_a_movie_shows_plates_of_other_primaries_as_views_do(tmp_path: Path) -> None:
    odd = (0.684, 0.313, 0.221, 0.848, 0.0861, -0.102, 0.3127, 0.329)  # ARRI Wide Gamut 3
    (tmp_path / "plate").mkdir()
    for frame in FRAMES:
        picture = oiio.ImageBuf(oiio.ImageSpec(96, 64, 3, "half"))
        oiio.ImageBufAlgo.fill(picture, (0.2, 0.3, 0.1))
        picture.specmod().attribute("chromaticities", oiio.TypeDesc("float[8]"), odd)
        assert picture.write(str(tmp_path / "plate" / f"shot.{frame:04d}.exr"))
    with open_footage(tmp_path / "plate") as footage:
        done = deliver(tmp_path / "out", footage, Deliverables(movie="ffv1", rgba=True, preview=False))
        wanted = footage.view(3)[32, 30]
    with open_footage(done.files["movies"][0]) as movie:
        codes = movie.read(1).rgb()[:, 32, 30].numpy() * 255
    assert np.abs(codes - wanted).max() < 0.6
    raw = by_openimageio(tmp_path / "out" / "shot_rgba_ball.0003.exr", "R")
    assert raw[32, 30] == pytest.approx(0.2, abs=1e-3)


def test_trimaps_and_confidence(tmp_path: Path, plate: Footage) -> None:
    deliver(tmp_path, plate, Deliverables(trimap=6.0, confidence=True, preview=False))
    trimap = cv2.imread(str(tmp_path / "shot_trimap_box.0003.png"), cv2.IMREAD_UNCHANGED)
    assert trimap is not None
    assert (trimap.shape, set(np.unique(trimap))) == ((64, 96), {0, 128, 255})
    assert (trimap[48, 58:82] == [0] + 6 * [128] + 11 * [255] + 6 * [128]).all()
    sure = cv2.imread(str(tmp_path / "shot_confidence_ball.0003.png"), cv2.IMREAD_UNCHANGED)
    assert sure is not None
    assert (sure.dtype, sure.shape) == (np.uint16, (64, 96))
    assert sure[32, 30] > 0.9 * 65535
    assert sure.min() < 0.5 * 65535
    absent = cv2.imread(str(tmp_path / "shot_confidence_box.0004.png"), cv2.IMREAD_UNCHANGED)
    assert absent is not None
    assert absent.min() == 65535


def test_splines_of_each_object(tmp_path: Path, plate: Footage) -> None:
    done = deliver(tmp_path, plate, Deliverables(splines=tmp_path / "shapes" / "shot.json", preview=False))
    assert [path.name for path in done.files["splines"]] == ["shot_ball.json", "shot_box.json"]
    spline = from_json(json.loads(done.files["splines"][0].read_text(encoding="utf-8")))
    assert (spline.name, spline.frames[0], spline.frames[-1]) == ("ball", 2, 7)


def test_previews(tmp_path: Path, plate: Footage) -> None:
    done = deliver(tmp_path, plate, Deliverables())
    assert [path.name for path in done.files["previews"]] == ["overlay.mp4", "contact_sheet.png"]
    with open_footage(done.files["previews"][0]) as movie:
        assert len(movie) == len(FRAMES)


def test_what_is_lossy_is_told(plate: Footage) -> None:
    assert delivery_notes(Deliverables(rgba=True, cryptomatte=True), plate) == []
    said = delivery_notes(Deliverables(rgba=True, cryptomatte=True, compression="dwaa", movie="vp9"), plate)
    assert [word for note in said for word in ("lossy on R, G, B", "zip, because", "VP9 is lossy") if word in note] == [
        "lossy on R, G, B",
        "zip, because",
        "VP9 is lossy",
    ]


ALL = Deliverables(rgba=True, cryptomatte=True, movie="png", trimap=4.0, confidence=True)


def test_a_delivery_that_is_stopped_leaves_whole_files_only(tmp_path: Path, plate: Footage) -> None:
    before = set(threading.enumerate())

    def stopped() -> None:
        with Delivery(tmp_path, "shot", OBJECTS, plate, FRAMES, ALL) as delivery:
            for frame in list(FRAMES)[:4]:
                delivery.write(frame, mattes(frame), logits(frame))
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        stopped()
    assert set(threading.enumerate()) == before
    assert {path.suffix for path in tmp_path.iterdir()} <= {".exr", ".png"}
    assert not [
        path.name for path in tmp_path.iterdir() if path.name.startswith(".") or path.name.startswith("overlay")
    ]


def test_an_error_of_any_writer_comes_out(tmp_path: Path, plate: Footage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr(kinds, "write_cryptomatte", fail)
    before = set(threading.enumerate())
    with pytest.raises(OutputError, match="the disk is full"):
        deliver(tmp_path, plate, ALL)
    assert set(threading.enumerate()) == before
    assert not [path.name for path in tmp_path.iterdir() if path.suffix in (".mp4", ".mov", ".part")]


def test_an_unknown_object_is_refused(tmp_path: Path, plate: Footage) -> None:
    with (
        Delivery(tmp_path, "shot", OBJECTS, plate, FRAMES, Deliverables(preview=False)) as delivery,
        pytest.raises(ExportError, match="no object 'cow'"),
    ):
        delivery.write(2, {"cow": whole(2, "ball")})


def test_presets_are_those_of_the_recipes() -> None:
    assert get_args(Preset) == tuple(PRESETS)


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    own = MatteRecipe(edge_width=2.0, steps=(Choke(1.0),))
    path.write_text(json.dumps(own.to_json()), encoding="utf-8")
    job = RotoscopeJob(Path("a.mp4"), tmp_path, (Click("ball", 0, 3, 4),), recipe=path, feather=4.0)
    assert read_recipe(job) == MatteRecipe(edge_width=2.0, steps=(Choke(1.0), Feather(2.0, 2.0)))
    path.write_text("no recipe", encoding="utf-8")
    with pytest.raises(ExportError, match=r"mine\.json holds no recipe"):
        read_recipe(job)
