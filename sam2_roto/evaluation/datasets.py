"""Data sets as clips with true masks: DAVIS, MOSE, YouTube-VOS, SA-V, or plain folders and movies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compositing.footage import Footage, open_footage
from sam2_roto.errors import DatasetError
from sam2_roto.evaluation.masks import MaskSource, holds_pictures, open_masks

_LAYOUTS = (
    ("JPEGImages/480p", "Annotations/480p"),
    ("JPEGImages/Full-Resolution", "Annotations/Full-Resolution"),
    ("JPEGImages_24fps", "Annotations_6fps"),
    ("JPEGImages", "Annotations"),
)
_LISTS = ("ImageSets/2017/{}.txt", "ImageSets/{}.txt", "{}.txt")
_MOVIES = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm"})
_SIDECARS = ("{}", "{}.json", "{}_manual.json", "{}_auto.json")


@dataclass(frozen=True)
class AnnotatedClip:
    """A clip and its true masks; the masks' frame numbers are those of the footage."""

    name: str
    footage: Path
    masks: MaskSource

    def open(self) -> Footage:
        """The footage. Raises FootageError, or DatasetError where its numbers and the masks' do not meet."""
        footage = open_footage(self.footage)
        strays = sorted(set(self.masks.frames) - set(footage.frames))
        if strays:
            first, last = self.masks.frames[0], self.masks.frames[-1]
            footage.close()
            raise DatasetError(
                f"{self.name} has a mask for frame {strays[0]} (masks {first}-{last}) but no such picture (frames "
                f"{footage.first}-{footage.last}); number the masks as the frames."
            )
        return footage


def open_clips(frames: Path, masks: Path) -> list[AnnotatedClip]:
    """Pair frames with masks.

    Args:
        frames: a movie, a folder of pictures, or a folder of such movies or folders, one per clip.
        masks: for one clip whatever ``open_masks`` takes; for several, a folder with the same per clip, by its name.

    Raises DatasetError where either is not there or nothing can be paired.
    """
    for place in (frames, masks):
        if not place.exists():
            raise DatasetError(f"There is no file or folder {place}; check the path.")
    if frames.is_file() or holds_pictures(frames):
        return [AnnotatedClip(frames.stem if frames.is_file() else _clip_name(frames), frames, open_masks(masks))]
    clips = [
        AnnotatedClip(part.stem, part, open_masks(found)) for part in _parts(frames) for found in _sidecar(masks, part)
    ]
    if not clips:
        raise DatasetError(f"No clip in {frames} has masks of its name in {masks}; give matching folders.")
    return clips


def open_dataset(root: Path, split: str | None = None) -> list[AnnotatedClip]:
    """The clips of a data set in the layout in which it is published.

    Args:
        root: folder of DAVIS, MOSE, YouTube-VOS or SA-V, or of movies with their ``_manual.json`` beside them.
        split: a list of clips that the data set brings (``val``), or a folder of it (``valid``); all clips if None.

    Raises DatasetError where the layout or the split is not known.
    """
    if split and (root / split).is_dir():
        return open_dataset(root / split)
    for pictures, truth in _LAYOUTS:
        if (root / pictures).is_dir() and (root / truth).is_dir():
            clips = open_clips(root / pictures, root / truth)
            break
    else:
        if not root.is_dir() or not _parts(root):
            raise DatasetError(f"{root} has no layout that is known; give the folders of frames and masks instead.")
        clips = open_clips(root, root)
    return clips if split is None else _chosen(clips, root, split)


def _clip_name(folder: Path) -> str:
    """A folder's name; that of the one above where it is only called ``frames``."""
    generic = folder.name.lower() in ("frames", "images", "jpegimages", "plate", "plates")
    return folder.resolve().parent.name if generic else folder.name


def _parts(folder: Path) -> list[Path]:
    return sorted(
        part
        for part in folder.iterdir()
        if (part.is_dir() and holds_pictures(part)) or (part.is_file() and part.suffix.lower() in _MOVIES)
    )


def _sidecar(masks: Path, part: Path) -> Iterator[Path]:
    """The first file or folder of masks that belongs to a clip."""
    candidates = (masks / pattern.format(part.stem) for pattern in _SIDECARS)
    found = next((path for path in candidates if path.exists() and path != part), None)
    if found is not None:
        yield found


def _chosen(clips: list[AnnotatedClip], root: Path, split: str) -> list[AnnotatedClip]:
    lists = [root / pattern.format(split) for pattern in _LISTS]
    path = next((path for path in lists if path.is_file()), None)
    if path is None:
        raise DatasetError(f"{root} has no list '{split}'; it would be one of {', '.join(map(str, lists))}.")
    names = set(path.read_text(encoding="utf-8").split())
    chosen = [clip for clip in clips if clip.name in names]
    if not chosen:
        raise DatasetError(f"None of the clips that {path} lists is in {root}; check the list.")
    return chosen
