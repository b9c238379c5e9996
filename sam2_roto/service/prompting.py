"""Prompts of clients, answered by a shot's session. Needs torch."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sam2_roto.boxes import box_of
from sam2_roto.errors import PromptError
from sam2_roto.maskfile import read_mask
from sam2_roto.mattes.alpha import alpha_from_logits
from sam2_roto.shot import edits
from sam2_roto.shot.document import Corners, Document, Point, Stroke
from sam2_roto.shot.pictures import keep_mask
from sam2_roto.shot.pictures import read_mask as read_kept
from sam2_roto.shot.session import Session, Shown

from .room import Room

Json = dict[str, Any]


@dataclass(frozen=True)
class Prompt:
    """What a client says about an object on a frame; all of it together is one edit."""

    object: str
    frame: int
    points: tuple[Point, ...] = ()
    box: Corners | None = None
    mask: Path | None = None
    strokes: tuple[Stroke, ...] = ()


def say(room: Room, prompt: Prompt, width: int | None = None) -> Json:
    """Make the prompt an edit; gives what is seen now. Raises PromptError, ShotError."""
    session = room.session
    change = _change(session, prompt)
    with room.models.using:
        result = session.say(f"prompt {prompt.object} {prompt.frame}", prompt.object, prompt.frame, change)
    exact = session.shot.object(prompt.object).keyframes[prompt.frame].exact
    painted = None if exact is None else _painted(session, exact)
    return show(
        Shown(result, painted), prompt.object, prompt.frame, (session.footage.width, session.footage.height), width
    )


def preview(room: Room, prompt: Prompt, width: int | None = None) -> Json:
    """What the prompt would give; nothing is said. Raises PromptError, ShotError."""
    session = room.session
    change = _change(session, prompt)
    with room.models.using:
        shown = session.ask(prompt.object, prompt.frame, change)
    return show(shown, prompt.object, prompt.frame, (session.footage.width, session.footage.height), width)


def show(shown: Shown, name: str, frame: int, plate: tuple[int, int], width: int | None) -> Json:
    """An answer for clients: figures, and the matte as a picture ``width`` pixels wide (the plate's width if None)."""
    result = shown.result
    size = scaled(plate, width)
    if shown.painted is not None:
        alpha = resized(shown.painted, size)
    elif result.present:
        alpha = alpha_from_logits(result.logits, (size[1], size[0])).numpy()
    else:
        alpha = np.zeros((size[1], size[0]), np.float32)
    return {
        "object": name,
        "frame": frame,
        "present": result.present,
        "score": result.score,
        "predicted_iou": result.iou,
        "box": bounds(alpha, plate),
        "mask": base64.b64encode(png(gray(alpha))).decode("ascii"),
    }


def scaled(plate: tuple[int, int], width: int | None) -> tuple[int, int]:
    """Width and height of a picture of the plate that is ``width`` wide, and no wider than the plate."""
    if width is None or width >= plate[0]:
        return plate
    return width, max(1, round(plate[1] * width / plate[0]))


def resized(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """The picture ``[H, W]`` or ``[H, W, 3]`` made smaller, each pixel the mean of those it stands for."""
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def bounds(alpha: NDArray[np.float32], plate: tuple[int, int]) -> list[float] | None:
    """Left, top, right and bottom edge of what is over half, in pixels of the plate; ``None`` where nothing is."""
    box = box_of(alpha > 0.5)
    if box is None:
        return None
    across, down = plate[0] / alpha.shape[1], plate[1] / alpha.shape[0]
    return [edge * scale for edge, scale in zip(box, (across, down, across, down), strict=True)]


def gray(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Coverage 0..1 as bytes."""
    return np.asarray(np.clip(alpha, 0, 1) * 255 + 0.5, np.uint8)


def png(picture: NDArray[np.uint8]) -> bytes:
    """A gray ``[H, W]`` or RGB ``[H, W, 3]`` picture as PNG, packed for speed."""
    ordered = picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])
    done, data = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done
    return data.tobytes()


def _change(session: Session, prompt: Prompt) -> edits.Change:
    """The prompt as a change of the document."""
    name, frame = prompt.object, prompt.frame
    if not (prompt.points or prompt.strokes or prompt.box is not None or prompt.mask is not None):
        raise PromptError(f"nothing is said about '{name}' on frame {frame}; give points, a box, a mask or strokes")
    digest = None if prompt.mask is None else _keep(session, prompt)

    def change(document: Document) -> Document:
        if digest is not None:
            document = edits.set_mask(document, name, frame, digest)
        if prompt.box is not None:
            document = edits.set_box(document, name, frame, prompt.box)
        if prompt.points:
            document = edits.add_points(document, name, frame, prompt.points)
        if prompt.strokes:
            document = edits.add_strokes(document, name, frame, prompt.strokes)
        return document

    return change


def _keep(session: Session, prompt: Prompt) -> str:
    """Keep the picture of a mask with the shot; gives its digest."""
    assert prompt.mask is not None
    if prompt.box is not None or prompt.points:
        raise PromptError(f"'{prompt.object}' has a mask and another prompt beside it; give the mask alone, or strokes")
    document = edits.with_object(session.shot.document, prompt.object)
    edits.set_mask(document, prompt.object, prompt.frame, "")  # refuses before a file is written
    size = (session.footage.width, session.footage.height)
    return keep_mask(session.shot.folder, read_mask(prompt.mask), size)


def _painted(session: Session, digest: str) -> NDArray[np.float32]:
    return read_kept(session.shot.folder, digest)
