"""COCO instance annotations: pictures, objects and run-length masks in one JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sam2_roto.errors import DatasetError
from sam2_roto.export.annotations import Annotations, read_json, write_json
from sam2_roto.export.rle import Rle


def write_coco(path: Path, annotations: Annotations, *, file_name: str = "{frame:05d}.jpg") -> None:
    """Write the clip as COCO instances: one picture per annotated frame, one category per object.

    ``file_name`` gives a picture's name from its frame number. Raises OutputError where the file cannot be written.
    """
    images = [
        {
            "id": index,
            "frame": frame,
            "file_name": file_name.format(frame=frame),
            "width": annotations.width,
            "height": annotations.height,
        }
        for index, frame in enumerate(annotations.frames, start=1)
    ]
    categories = [{"id": index, "name": name} for index, name in enumerate(annotations.objects, start=1)]
    instances: list[dict[str, Any]] = []
    for index, frame in enumerate(annotations.frames, start=1):
        for name, rle in annotations.masks[frame].items():
            number = annotations.objects.index(name) + 1
            instances.append(_instance(len(instances) + 1, index, number, rle))
    write_json(path, {"images": images, "annotations": instances, "categories": categories})


def read_coco(path: Path) -> Annotations:
    """Read COCO instances whose pictures are the frames of one clip and whose categories are its objects.

    Several instances of a category on one frame are joined. Frames are numbered by ``frame``, or by the pictures'
    ids where that is absent. Raises DatasetError for polygons and for files of another layout.
    """
    data = read_json(path)
    try:
        images = {image["id"]: image for image in data["images"]}
        names = {category["id"]: str(category["name"]) for category in data["categories"]}
        sizes = {(int(image["width"]), int(image["height"])) for image in images.values()}
        if len(sizes) != 1:
            raise DatasetError(f"{path} has pictures of {len(sizes)} sizes; give the frames of one clip.")
        annotations = Annotations(*sizes.pop(), objects=list(names.values()))
        frames = {key: int(image.get("frame", key)) for key, image in images.items()}
        annotations.masks.update({frame: {} for frame in frames.values()})
        for instance in data["annotations"]:
            masks = annotations.masks[frames[instance["image_id"]]]
            name, rle = names[instance["category_id"]], _segmentation(path, instance["segmentation"])
            masks[name] = Rle.encode(masks[name].decode() | rle.decode()) if name in masks else rle
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path} is not COCO's layout ({type(error).__name__}: {error}); export it again."
        ) from error
    return annotations


def _instance(number: int, image: int, category: int, rle: Rle) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": rle.to_json(),
        "area": rle.area(),
        "bbox": list(rle.box()),
        "iscrowd": 0,
    }


def _segmentation(path: Path, segmentation: Any) -> Rle:
    if isinstance(segmentation, list):
        raise DatasetError(f"{path} has outlines as polygons; export it with run-length masks.")
    return Rle.from_json(segmentation)
