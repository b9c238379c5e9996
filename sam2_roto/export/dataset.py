"""A finished rotoscope as training data: its masklets in the layout of SA-V, DAVIS or COCO, with the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from compositing.footage import Footage, View, open_footage
from compositing.footage.frames import summarise
from compositing.footage.writer import MovieWriter
from sam2_roto.errors import ExportError, StoreError
from sam2_roto.export.annotations import Annotations, Mask
from sam2_roto.export.coco import write_coco
from sam2_roto.export.files import make_folder, replacing
from sam2_roto.export.indexed import write_indexed
from sam2_roto.export.record import Record
from sam2_roto.export.sav import sav_frames, write_sav
from sam2_roto.masklets import MaskletStore
from sam2_roto.mattes.masks import object_masks

Layout = Literal["sav", "davis", "coco"]

Tell = Callable[[str, int, int], None]

_JPEG_QUALITY = 95
_MOVIE_CRF = 14  # close to lossless for the eye, a tenth of its size


def export_dataset(
    store: MaskletStore, folder: Path, layout: Layout, name: str, *, pictures: bool, progress: Tell
) -> list[Path]:
    """Write the masklets of a store, and where ``pictures`` is asked for the frames that they belong to.

    With pictures the folder is a data set by itself. Files, ``name`` being the clip's:

    - ``sav``: ``<name>_auto.json``, six annotated frames per second, counted from 0; ``<name>.mp4`` of all frames.
    - ``davis``: ``Annotations/<name>/00000.png``, ``JPEGImages/<name>/00000.jpg``, in the plate's own numbers.
    - ``coco``: ``<name>.json``, ``<name>/00000.jpg``, in the plate's own numbers.

    Returns the files and folders written. Raises StoreError for a store that is not finished, ExportError where the
    layout cannot hold it or the name is none, OutputError where a clip of that name is there that this job has not
    written, and errors of footage and output.
    """
    _check_name(name)
    _check_finished(store)
    make_folder(folder)
    record, maker, wanted = Record(folder), f"annotations {store.key}", _places(folder, layout, name, pictures)
    record.check(wanted, maker, "choose another --name, or remove it first")
    record.add(wanted, maker)
    write = {"sav": _write_sav, "davis": _write_davis, "coco": _write_coco}[layout]
    return list(write(store, folder, name, pictures, progress))


def _check_name(name: str) -> None:
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise ExportError(f"'{name}' cannot name a clip; give a --name without slashes that is neither '.' nor '..'")


def _places(folder: Path, layout: Layout, name: str, pictures: bool) -> list[Path]:
    """The files and folders that hold a clip; the last one its pictures."""
    places = {
        "sav": [folder / f"{name}_auto.json", folder / f"{name}.mp4"],
        "davis": [folder / "Annotations" / name, folder / "JPEGImages" / name],
        "coco": [folder / f"{name}.json", folder / name],
    }[layout]
    return places if pictures else places[:1]


def masklet_annotations(
    store: MaskletStore, frames: Mapping[int, int], *, exclusive: bool, progress: Tell
) -> Annotations:
    """The masks of all objects, as the published model makes them from logits.

    ``frames`` maps the number that a frame shall have to its number in the store; ``exclusive`` is as in
    :func:`~sam2_roto.mattes.masks.object_masks`.
    """
    plate, names = store.job["plate"], store.job["objects"]
    size = plate["height"], plate["width"]
    annotations = Annotations(plate["width"], plate["height"], list(names))
    for done, (number, frame) in enumerate(frames.items(), start=1):
        annotations.add(number, _masks(store, frame, names, size, exclusive))
        progress("masks", done, len(frames))
    return annotations


def _masks(
    store: MaskletStore, frame: int, names: Sequence[str], size: tuple[int, int], exclusive: bool
) -> dict[str, Mask]:
    found = {name: result.logits for name in names if (result := store.read(name, frame)) and result.present}
    if not found:
        return {}
    masks = object_masks(list(found.values()), size, exclusive=exclusive).numpy()
    return dict(zip(found, masks, strict=True))


def _write_sav(store: MaskletStore, folder: Path, name: str, pictures: bool, progress: Tell) -> Iterator[Path]:
    plate = store.job["plate"]
    if not pictures and len(store.frames) != plate["last"] - plate["first"] + 1:
        raise ExportError(
            f"SA-V speaks of a whole movie, but {store.folder} has the frames {summarise(store.frames)} of "
            f"{plate['first']}-{plate['last']} alone; give --pictures to write a movie of them, or choose davis or coco"
        )
    rate = Fraction(plate["rate"] or 24)
    frames = {index: store.frames[index] for index in sav_frames(len(store.frames), float(rate))}
    annotations = masklet_annotations(store, frames, exclusive=False, progress=progress)
    annotations.attributes["object_names"] = list(annotations.objects)
    path = folder / f"{name}_auto.json"
    write_sav(path, annotations, video=name, rate=float(rate), frame_count=len(store.frames))
    yield path
    if pictures:
        movie = folder / f"{name}.mp4"
        with MovieWriter(movie, rate, crf=_MOVIE_CRF) as writer:
            for _, view in _views(store, progress):
                writer.write(view)
        yield movie


def _write_davis(store: MaskletStore, folder: Path, name: str, pictures: bool, progress: Tell) -> Iterator[Path]:
    frames = {frame: frame for frame in store.frames}
    masks = folder / "Annotations" / name
    write_indexed(masks, masklet_annotations(store, frames, exclusive=True, progress=progress))
    yield masks
    if pictures:
        yield _write_pictures(folder / "JPEGImages" / name, store, progress)


def _write_coco(store: MaskletStore, folder: Path, name: str, pictures: bool, progress: Tell) -> Iterator[Path]:
    frames = {frame: frame for frame in store.frames}
    annotations = masklet_annotations(store, frames, exclusive=False, progress=progress)
    path = folder / f"{name}.json"
    spelled = name.replace("{", "{{").replace("}", "}}")
    write_coco(path, annotations, file_name=f"{spelled}/{{frame:05d}}.jpg")
    yield path
    if pictures:
        yield _write_pictures(folder / name, store, progress)


def _write_pictures(folder: Path, store: MaskletStore, progress: Tell) -> Path:
    make_folder(folder)
    for frame, view in _views(store, progress):
        with replacing(folder / f"{frame:05d}.jpg") as hidden:
            Image.fromarray(view).save(hidden, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return folder


def _views(store: MaskletStore, progress: Tell) -> Iterator[tuple[int, View]]:
    """The plate's frames as the network saw them."""
    with closing(_open_plate(store.job)) as footage:
        for done, (frame, view) in enumerate(footage.views(store.frames), start=1):
            yield frame, view
            progress("pictures", done, len(store.frames))


def _open_plate(job: Mapping[str, Any]) -> Footage:
    footage = open_footage(job["footage"], start=job["plate"]["first"], color_space=job["color_space"])
    if (footage.width, footage.height) != (job["plate"]["width"], job["plate"]["height"]):
        footage.close()
        raise ExportError(f"{job['footage']} has another size than when it was rotoscoped; rotoscope it again")
    return footage


def _check_finished(store: MaskletStore) -> None:
    for name in store.job["objects"]:
        missing = store.missing(name)
        if missing:
            raise StoreError(
                f"'{name}' is not tracked yet on frame {summarise(missing)} in {store.folder}; "
                "give the rotoscope command again to finish it"
            )
