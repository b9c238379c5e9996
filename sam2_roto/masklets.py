"""MaskletStore: the logits and scores of every object and frame, on disk as they are made.

A store is a folder::

    job.json          what the masklets were made from; another job is refused
    <object>.masklet  one record of fixed size per frame of the clip, at the frame's place

A record is a header, the object pointer (float32) and the logits (float16). The header holds a checksum, so a record
that a killed process left half written counts as missing. Files are sparse, and are read and written in place: memory
does not grow with the clip, and no file is ever rewritten.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch

from sam2_roto.errors import StoreError
from sam2_roto.model import ModelConfig
from sam2_roto.tracking.objects import ObjectFrame

FORMAT = 1
"""Version of the layout, in ``job.json``."""

_HEADER = struct.Struct("<4sIffB3x")
_MAGIC = b"MSK1"


class MaskletStore:
    """Results by object and frame; an ``Archive`` for the tracker.

    ``frames`` are the clip's own numbers. ``job`` is anything that JSON can hold and that decides the logits: a store
    made from another job raises StoreError, unless ``overwrite``.
    """

    def __init__(
        self,
        folder: Path,
        frames: Sequence[int],
        config: ModelConfig,
        job: Mapping[str, Any],
        *,
        overwrite: bool = False,
    ) -> None:
        self.folder = folder
        self.frames = list(frames)
        self._places = {frame: place for place, frame in enumerate(self.frames)}
        self._side, self._width = config.logit_size, config.width
        self._record = _HEADER.size + 4 * self._width + 2 * self._side**2
        self._files: dict[str, int] = {}
        self._claim(job, overwrite)

    def write(self, name: str, frame: int, result: ObjectFrame) -> None:
        """Keep one object's result on one frame; StoreError where the disk refuses."""
        pointer = result.pointer.float().cpu().numpy().astype("<f4")
        logits = result.logits.half().cpu().numpy().astype("<f2")
        body = pointer.tobytes() + logits.tobytes()
        fields = (result.score, result.iou, result.prompted)
        header = _HEADER.pack(_MAGIC, _checksum(body, fields), *fields)
        try:
            os.pwrite(self._file(name), header + body, self._places[frame] * self._record)
        except OSError as error:
            raise StoreError(
                f"{self._path(name)} cannot be written: {error.strerror}; free space, then go on"
            ) from error

    def read(self, name: str, frame: int) -> ObjectFrame | None:
        """The kept result (logits as float32, on the CPU), or ``None`` where there is none, or half of one."""
        if frame not in self._places:
            return None
        data = os.pread(self._file(name), self._record, self._places[frame] * self._record)
        if len(data) < self._record:
            return None
        magic, checksum, score, iou, prompted = _HEADER.unpack_from(data)
        body = data[_HEADER.size :]
        if magic != _MAGIC or checksum != _checksum(body, (score, iou, bool(prompted))):
            return None
        pointer = np.frombuffer(body, "<f4", self._width).copy()
        logits = np.frombuffer(body, "<f2", offset=4 * self._width).reshape(self._side, self._side)
        return ObjectFrame(
            torch.from_numpy(logits.astype(np.float32)), score, iou, torch.from_numpy(pointer), bool(prompted)
        )

    def has(self, name: str, frame: int) -> bool:
        """Whether a whole record is there."""
        return self.read(name, frame) is not None

    def missing(self, name: str) -> list[int]:
        """Frames of the clip that are not tracked yet, ascending."""
        return [frame for frame in self.frames if not self.has(name, frame)]

    def close(self) -> None:
        """Let go of the files."""
        while self._files:
            os.close(self._files.popitem()[1])

    def __enter__(self) -> MaskletStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.masklet"

    def _file(self, name: str) -> int:
        if name not in self._files:
            try:
                self._files[name] = os.open(self._path(name), os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                raise StoreError(f"{self._path(name)} cannot be opened: {error.strerror}") from error
        return self._files[name]

    def _claim(self, job: Mapping[str, Any], overwrite: bool) -> None:
        """Take the folder for this job: go on with its records, or start anew."""
        wanted = json.loads(json.dumps({"format": FORMAT, "record": self._record, "frames": self.frames, **job}))
        path = self.folder / "job.json"
        found = _read_job(path)
        if found is not None and found != wanted and not overwrite:
            differing = ", ".join(sorted(key for key in wanted | found if wanted.get(key) != found.get(key)))
            raise StoreError(
                f"{self.folder} holds masklets of another job (other {differing}); "
                "choose another output folder, or give --overwrite to replace them"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if found != wanted:
                for old in self.folder.glob("*.masklet"):
                    old.unlink()
                temporary = path.with_suffix(".json.part")
                temporary.write_text(json.dumps(wanted, indent=1))
                temporary.replace(path)
        except OSError as error:
            raise StoreError(f"the folder {self.folder} cannot be written: {error.strerror}; choose another") from error


def _checksum(body: bytes, fields: tuple[float, float, bool]) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<ffB", *fields)))


def _read_job(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} is damaged; give --overwrite, or choose another output folder") from error
    return found if isinstance(found, dict) else None
