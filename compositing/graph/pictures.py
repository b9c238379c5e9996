"""Rendered frames as picture files: EXR in linear light; PNG, TIFF and JPEG as a display shows them.

A file is written under a hidden name and gets its own once it is whole. Its header names the graph that it was made
by, so that a render that was stopped goes on where it was.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import PIL.Image
from numpy.typing import NDArray

from compositing.errors import OutputError
from compositing.footage import timecode
from compositing.graph.output import Identity, make_folder
from compositing.image import Image
from compositing.operations.alpha import premultiply, unpremultiply, without_alpha
from compositing.operations.colorspace import to_space
from compositing.primaries import KNOWN

ENDINGS = (".exr", ".png", ".tif", ".tiff", ".jpg", ".jpeg")

GRAPH = "compositing/graph"
"""The attribute that names the graph a file was made by."""

_PLACE = re.compile(r"%0?(\d*)d|#+")
_LARGEST = float(np.finfo(np.float16).max)
_QUALITY = 95


class PictureOutput:
    """Writes frames to ``pattern`` (``name.%04d.exr``, ``name.####.png``, or a plain name for a single frame).

    Args:
        pattern: ends in one of ``ENDINGS``; its folder is made where it is absent.
        space: colour space of the files; linear for EXR.
        depth: bits of PNG and TIFF, 8 or 16, and of EXR, 16 or 32 (floats); JPEG has 8.
        graph: name of the graph (``document.digest``).
        newest: modification time of the newest source, in seconds; older files are rendered anew.
    """

    workers = 2

    def __init__(
        self,
        pattern: Path,
        space: str,
        *,
        depth: int | None = None,
        identity: Identity | None = None,
        graph: str = "",
        newest: float = 0.0,
    ) -> None:
        self.pattern, self._space, self._identity = pattern, space, identity or Identity()
        self._graph, self._newest = graph, newest
        self._kind = pattern.suffix.lower()
        if self._kind not in ENDINGS:
            raise OutputError(f"{pattern.name} is no picture file; give a name that ends in {', '.join(ENDINGS)}.")
        self._depth = depth or (16 if self._kind == ".exr" else 8)
        allowed = {".exr": (16, 32), ".jpg": (8,), ".jpeg": (8,)}.get(self._kind, (8, 16))
        if self._depth not in allowed:
            told = " or ".join(map(str, allowed))
            raise OutputError(f"{pattern.name} cannot have {self._depth} bits; give {told}.")
        self._files: dict[int, Path] = {}
        make_folder(pattern.parent)

    def path(self, frame: int) -> Path:
        """The file of a frame."""
        return self.pattern.with_name(numbered(self.pattern.name, frame))

    def has(self, frame: int) -> bool:
        path = self.path(frame)
        if not self._graph or not path.is_file() or path.stat().st_mtime < self._newest:
            return False
        if _graph_of(path) != self._graph:
            return False
        self._files[frame] = path
        return True

    def write(self, frame: int, image: Image) -> None:
        path = self.path(frame)
        with replacing(path) as hidden:
            if self._kind == ".exr":
                self._write_exr(hidden, frame, image)
            else:
                self._write_display(hidden, frame, image)
        self._files[frame] = path

    def close(self) -> list[Path]:
        return [self._files[frame] for frame in sorted(self._files)]

    def abandon(self) -> None:
        """Nothing is left to do: every file is whole."""

    def _write_exr(self, hidden: Path, frame: int, image: Image) -> None:
        linear = premultiply(to_space(image, self._space))
        linear = linear.cropped(linear.data.intersection(linear.display) or linear.display)
        pixels = linear.to_array()
        if self._depth == 16:
            pixels = np.clip(np.nan_to_num(pixels, posinf=_LARGEST, neginf=-_LARGEST), -_LARGEST, _LARGEST)
        spec = oiio.ImageSpec(linear.data.width, linear.data.height, len(linear.channels), "half")
        spec.channelnames = linear.channels
        spec.x, spec.y = linear.data.x0, linear.data.y0
        spec.full_x, spec.full_y = linear.display.x0, linear.display.y0
        spec.full_width, spec.full_height = linear.display.width, linear.display.height
        spec.attribute("compression", "zip:4")
        spec.attribute("DateTime", "")  # equal pictures shall be equal files
        spec.attribute("compositing/color_space", linear.color_space)
        if (chromaticities := KNOWN.get(linear.color_space)) is not None:
            spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), list(chromaticities))
        self._describe(spec, frame)
        kind = np.float16 if self._depth == 16 else np.float32
        spec.set_format(oiio.HALF if self._depth == 16 else oiio.FLOAT)
        _save(hidden, "openexr", spec, pixels.astype(kind))

    def _write_display(self, hidden: Path, frame: int, image: Image) -> None:
        if self._kind in (".jpg", ".jpeg"):
            flat = without_alpha(premultiply(image))  # on black
            hidden.write_bytes(_jpeg(display_codes(flat, self._space, 8), self._graph))
            return
        codes = display_codes(image, self._space, self._depth)
        spec = oiio.ImageSpec(codes.shape[1], codes.shape[0], codes.shape[2], f"uint{self._depth}")
        spec.attribute("oiio:UnassociatedAlpha", 1)
        spec.attribute("ImageDescription", f"{GRAPH}={self._graph}")
        self._describe(spec, frame)
        _save(hidden, "png" if self._kind == ".png" else "tiff", spec, codes)

    def _describe(self, spec: oiio.ImageSpec, frame: int) -> None:
        identity = self._identity
        spec.attribute(GRAPH, self._graph)
        spec.attribute("PixelAspectRatio", float(identity.pixel_aspect))
        if identity.rate is not None:
            rate = [identity.rate.numerator, identity.rate.denominator]
            spec.attribute("framesPerSecond", oiio.TypeDesc("rational"), rate)
        if (word := _timecode(identity.timecode(frame), identity.rate)) is not None:
            spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), [word, 0])
        for name, text in identity.notes.items():
            spec.attribute(name, text)


def numbered(name: str, frame: int) -> str:
    """A file name with the frame's number in its place: ``%04d`` or ``####``; a name without one stays."""
    match = _PLACE.search(name)
    if match is None:
        return name
    digits = int(match[1] or 1) if match[0].startswith("%") else len(match[0])
    return f"{name[: match.start()]}{frame:0{digits}d}{name[match.end() :]}"


def has_place(name: str) -> bool:
    """Whether a file name has a place for the frame's number."""
    return _PLACE.search(name) is not None


def display_codes(image: Image, space: str, depth: int) -> NDArray[np.unsignedinteger[Any]]:
    """The display window in a display encoding, ``[H, W, 3]`` or with straight alpha ``[H, W, 4]``, rounded once."""
    straight = unpremultiply(to_space(image.on_display(), space))
    planes = [straight.rgb().cpu().numpy()]
    if straight.alpha is not None:
        planes.append(straight.alpha[None].cpu().numpy())
    top = (1 << depth) - 1
    scaled = np.nan_to_num(np.concatenate(planes), posinf=1.0, neginf=0.0).clip(0.0, 1.0) * top + 0.5
    codes = np.ascontiguousarray(np.moveaxis(scaled, 0, -1))
    return codes.astype(np.uint8) if depth == 8 else codes.astype(np.uint16)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A hidden name beside ``path`` to write to, which becomes it when the block ends well, and else is removed.

    Raises OutputError for an OSError on the way.
    """
    hidden = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        yield hidden
        os.replace(hidden, path)
    except OSError as error:
        reason = (error.strerror or str(error)).replace(os.fspath(hidden), path.name).rstrip(".")
        raise OutputError(f"{path} cannot be written ({reason}); check the folder and the space left.") from error
    finally:
        hidden.unlink(missing_ok=True)


def _save(path: Path, kind: str, spec: oiio.ImageSpec, pixels: NDArray[Any]) -> None:
    """Raises OSError with OpenImageIO's reason.

    Its PNG writer says "done" on a full disk and only tells of the errors; its TIFF writer always tells of one.
    """
    output = oiio.ImageOutput.create(kind)
    if output is None:
        raise OSError(oiio.geterror())
    done = output.open(os.fspath(path), spec) and output.write_image(np.ascontiguousarray(pixels))
    reason = output.geterror()
    done = output.close() and done
    reason = reason or output.geterror()
    if not done or (reason and kind == "png"):
        raise OSError(reason.strip().splitlines()[0] if reason.strip() else "no reason was given")


def _jpeg(codes: NDArray[np.unsignedinteger[Any]], graph: str) -> bytes:
    """Encoded in memory: the JPEG library ends the whole process where a disk is full."""
    memory = io.BytesIO()
    comment = f"{GRAPH}={graph}".encode()
    PIL.Image.fromarray(codes.astype(np.uint8)).save(memory, "JPEG", quality=_QUALITY, subsampling=0, comment=comment)
    return memory.getvalue()


def _graph_of(path: Path) -> str | None:
    """The graph that a file names; None where it names none or cannot be read."""
    source = oiio.ImageInput.open(os.fspath(path))
    if source is None:
        oiio.geterror()
        return None
    spec = source.spec()
    source.close()
    told = spec.get_string_attribute(GRAPH)
    return told or spec.get_string_attribute("ImageDescription").rpartition(f"{GRAPH}=")[2] or None


def _timecode(text: str | None, rate: Fraction | None) -> int | None:
    """The header's word, or None for a timecode that it cannot hold."""
    try:
        return None if text is None else timecode.pack(text, rate)
    except ValueError:
        return None
