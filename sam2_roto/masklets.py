"""MaskletStore: the logits and scores of every object and frame, on disk as they are made.

A store is a folder::

    job.json          what the masklets were made from; another job is refused
    <object>.masklet  one record of fixed size per frame of the clip, at the frame's place

A record is a header, the object pointer (float32) and the logits (float16), of which there are fewer where things are
not thin (``tracking/fineness.py``); then the rest of the record is a hole. The header holds the side of the logits, the
window of the plate that they cover, where it is not the whole plate, and a checksum, so a record that a killed process
left half written counts as missing. Files are sparse, and are read and written in place: memory does not grow with the
clip, and no file is ever rewritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import torch

from compositing.closing import Closing
from sam2_roto.errors import StoreError
from sam2_roto.model import ModelConfig
from sam2_roto.tracking.objects import ObjectFrame
from sam2_roto.tracking.sight import Sight
from sam2_roto.tracking.window import Window

FORMAT = 3
"""Version of the layout, in ``job.json``."""

_JOB = "job.json"
_SUFFIX = ".masklet"
_HEADER = struct.Struct("<4sIffBxH6I")
_MAGIC = b"MSK3"
_Place = tuple[int, int, int, int, int, int]
_WHOLE: _Place = (0, 0, 0, 0, 0, 0)
_PROMPTED, _HELD = 1, 2


class MaskletStore(Closing):
    """Results by object and frame; an ``Archive`` for the tracker, and a ``CropArchive`` for one that sees a window.

    Results seen through a window are read as logits over the whole plate, of as many cells as that needs;
    ``read_cropped`` gives them as they are. ``size`` is the plate's width and height, needed to write such.

    ``frames`` are the clip's own numbers. ``job`` is anything that JSON can hold and that decides the logits: a store
    made from another job raises StoreError, unless ``overwrite``. ``load`` opens a store to read it.
    """

    def __init__(
        self,
        folder: Path,
        frames: Sequence[int],
        config: ModelConfig,
        job: Mapping[str, Any],
        *,
        overwrite: bool = False,
        size: tuple[int, int] = (0, 0),
    ) -> None:
        self._size = size
        title = {"format": FORMAT, "side": config.finest_logit_size, "width": config.width, "frames": list(frames)}
        self._arrange(folder, json.loads(json.dumps({**title, "job": job})), mode="r+b")
        self._claim(overwrite)

    @classmethod
    def load(cls, folder: Path) -> MaskletStore:
        """The store that a run left in ``folder``, whatever its job; StoreError where there is none."""
        found = _read_title(folder / _JOB)
        if found is None:
            raise StoreError(f"there are no masklets in {folder}; give the output folder of 'sam2-roto rotoscope'")
        store = cls.__new__(cls)
        store._size = (0, 0)
        store._arrange(folder, found, mode="rb")
        return store

    def _arrange(self, folder: Path, title: Mapping[str, Any], mode: Literal["rb", "r+b"]) -> None:
        self.folder = folder
        self._title, self._mode = title, mode
        self.job: Mapping[str, Any] = title["job"]
        self.frames: list[int] = title["frames"]
        self._places = {frame: place for place, frame in enumerate(self.frames)}
        self._width = int(title["width"])
        self._record = _HEADER.size + 4 * self._width + 2 * int(title["side"]) ** 2
        self._files: dict[str, BinaryIO] = {}

    @property
    def key(self) -> str:
        """A word for the job, which no other job has."""
        return hashlib.sha256(json.dumps(self._title, sort_keys=True).encode()).hexdigest()[:16]

    def write(self, name: str, frame: int, result: ObjectFrame) -> None:
        """Keep one object's result on one frame.

        Raises StoreError where the disk refuses, KeyError where the frame is not of the clip.
        """
        self._write(name, frame, result, _WHOLE)

    def write_cropped(self, name: str, frame: int, window: Window, result: ObjectFrame) -> None:
        """Keep a result whose logits cover a window. Raises StoreError and KeyError as ``write``."""
        self._write(name, frame, result, (*window, *self._size))

    def keep(self, name: str, frame: int, sight: Sight) -> None:
        """Keep a result with the window that its logits cover, if any. Raises StoreError and KeyError as ``write``."""
        if sight.window is None:
            self.write(name, frame, sight.result)
        else:
            self.write_cropped(name, frame, sight.window, sight.result)

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        """The kept result (logits as float32, on the CPU), or ``None`` where there is none, or half of one."""
        found = self._read(name, frame)
        return None if found is None else _sight(found).on_plate(found[1][4:])

    def read_cropped(self, name: str, frame: int) -> tuple[Window, ObjectFrame] | None:
        """The window and the result as the network gave it; ``None`` also where the whole plate was seen."""
        found = self.sight(name, frame)
        return None if found is None or found.window is None else (found.window, found.result)

    def sight(self, name: str, frame: int) -> Sight | None:
        """The kept result as the network gave it, with the window if there was one."""
        found = self._read(name, frame)
        return None if found is None else _sight(found)

    def _write(self, name: str, frame: int, result: ObjectFrame, place: _Place) -> None:
        pointer = result.pointer.float().cpu().numpy().astype("<f4")
        logits = result.logits.half().cpu().numpy().astype("<f2")
        body = pointer.tobytes() + logits.tobytes()
        flags = _PROMPTED * result.prompted + _HELD * result.held
        fields = (result.score, result.iou, flags, len(logits), *place)
        record = _HEADER.pack(_MAGIC, _checksum(body, fields), *fields) + body
        try:
            file = self._files.get(name) or self._create(name)
            file.seek(self._places[frame] * self._record)
            if file.write(record) < len(record):
                raise OSError(0, "no space left")
        except OSError as error:
            raise StoreError(
                f"{self._path(name)} cannot be written: {error.strerror}; free space, then give the same command again"
            ) from error

    def _read(self, name: str, frame: int) -> tuple[ObjectFrame, _Place] | None:
        """A whole record, and the window and plate that it names."""
        file = self._files.get(name) or self._open(name)
        if file is None or frame not in self._places:
            return None
        file.seek(self._places[frame] * self._record)
        data = file.read(self._record)
        if len(data) < _HEADER.size:
            return None
        magic, checksum, *fields = _HEADER.unpack_from(data)
        score, iou, flags, side, *place = fields
        body = data[_HEADER.size : _HEADER.size + 4 * self._width + 2 * side**2]
        if magic != _MAGIC or checksum != _checksum(body, fields):
            return None
        pointer = np.frombuffer(body, "<f4", self._width).copy()
        logits = np.frombuffer(body, "<f2", offset=4 * self._width).reshape(side, side)
        result = ObjectFrame(
            logits=torch.from_numpy(logits.astype(np.float32)),
            score=score,
            iou=iou,
            pointer=torch.from_numpy(pointer),
            prompted=bool(flags & _PROMPTED),
            held=bool(flags & _HELD),
        )
        return result, cast(_Place, tuple(place))

    def has(self, name: str, frame: int) -> bool:
        """Whether a whole record is there."""
        return self._read(name, frame) is not None

    def missing(self, name: str) -> list[int]:
        """Frames of the clip that are not tracked yet, ascending."""
        return [frame for frame in self.frames if not self.has(name, frame)]

    def close(self) -> None:
        """Let go of the files."""
        while self._files:
            self._files.popitem()[1].close()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_SUFFIX}"

    def _create(self, name: str) -> BinaryIO:
        """The object's file, made where it is absent; unbuffered, so that what is written outlives a killed process."""
        self._path(name).touch()
        self._files[name] = cast(BinaryIO, self._path(name).open("r+b", buffering=0))
        return self._files[name]

    def _open(self, name: str) -> BinaryIO | None:
        """The object's file where there is one."""
        path = self._path(name)
        try:
            self._files[name] = cast(BinaryIO, path.open(self._mode, buffering=0))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be opened: {error.strerror}; check its permissions") from error
        return self._files[name]

    def _claim(self, overwrite: bool) -> None:
        """Take the folder for this job: go on with its records, or start anew. A store without records is no one's."""
        path = self.folder / _JOB
        found = _read_title(path, forgiving=overwrite)
        if found == self._title:
            return
        old = list(self.folder.glob(f"*{_SUFFIX}"))
        if old and found is not None and not overwrite:
            raise StoreError(
                f"{self.folder} holds masklets of another job (other {_differences(found, self._title)}); "
                "choose another output folder, or give --overwrite to replace them"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for file in old:
                file.unlink()
            hidden = path.with_name(f".{_JOB}.part")
            hidden.write_text(json.dumps(self._title, indent=1), encoding="utf-8")
            os.replace(hidden, path)
        except OSError as error:
            raise StoreError(f"the folder {self.folder} cannot be written: {error.strerror}; choose another") from error


def _sight(found: tuple[ObjectFrame, _Place]) -> Sight:
    result, place = found
    return Sight(result, None if place == _WHOLE else Window(*place[:4]))


def _checksum(body: bytes, fields: Sequence[float]) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<ffBH6I", *fields)))


def _read_title(path: Path, forgiving: bool = False) -> dict[str, Any] | None:
    """What ``job.json`` says, ``None`` where there is none; StoreError where it is not ours, unless ``forgiving``."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] == FORMAT and {"side", "width", "frames", "job"} <= set(found):
            return dict(found)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        if not forgiving:
            raise StoreError(f"{path} is damaged; give --overwrite, or choose another output folder") from error
        return None
    if not forgiving:
        raise StoreError(f"{path} is of another version; give --overwrite, or choose another output folder")
    return None


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Names of what differs between two jobs."""
    first, second = ({**title, **title["job"]} for title in (found, wanted))
    names = sorted(key for key in first | second if key != "job" and first.get(key) != second.get(key))
    return ", ".join(names)
