"""The matte as a strip, which a Mask modifier of the plate's strip reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import SceneError
from .source import SEQUENCER, Source, strips_of


def place_strip(source: Source, mattes: Mapping[int, Path], name: str) -> Any:
    """Put the matte on a free channel above the plate's strip, and let that be masked by it; gives the new strip.

    The strip has one file for each frame of the timeline, so it fits whatever the plate's strip does with its time. It
    is muted: the modifier reads it all the same. ``mattes`` are grey pictures by the plate's frame number.
    """
    strips = strips_of(source.scene) if source.kind == SEQUENCER else None
    if strips is None:
        raise SceneError("A matte becomes a strip beside a strip; select one in the sequencer.")
    files = [mattes[plate] for plate in source.times.plates]
    plate, label = source.holder, f"{name} matte"
    known = next((strip for strip in strips if strip.name == label and strip.type == "IMAGE"), None)
    if known is not None:
        strips.remove(known)
    channel = _free_channel(strips, source.times.first, source.times.last + 1, plate.channel)
    strip = strips.new_image(label, str(files[0]), channel, source.times.first)
    for file in files[1:]:
        strip.elements.append(file.name)
    strip.frame_final_duration = len(files)
    # What is in the sequencer's own space is taken as it is; Non-Color would be converted as if it were linear.
    strip.colorspace_settings.name = source.scene.sequencer_colorspace_settings.name
    strip.mute = True
    _lie_as(strip, plate)
    _mask(plate, strip, name)
    return strip


def _free_channel(strips: Any, first: int, end: int, below: int) -> int:
    taken = {strip.channel for strip in strips if strip.frame_final_start < end and first < strip.frame_final_end}
    return next(channel for channel in range(below + 1, 129) if channel not in taken or channel == 128)


def _lie_as(strip: Any, plate: Any) -> None:
    """Give a strip the place, size and crop of the plate's picture."""
    for field in ("offset_x", "offset_y", "scale_x", "scale_y", "rotation", "origin"):
        setattr(strip.transform, field, getattr(plate.transform, field))
    for field in ("min_x", "max_x", "min_y", "max_y"):
        setattr(strip.crop, field, getattr(plate.crop, field))
    strip.use_flip_x, strip.use_flip_y = plate.use_flip_x, plate.use_flip_y


def _mask(plate: Any, matte: Any, name: str) -> None:
    label = f"{name} mask"
    modifier = plate.modifiers.get(label) or plate.modifiers.new(name=label, type="MASK")
    modifier.input_mask_type = "STRIP"
    modifier.input_mask_strip = matte
    plate.blend_type = "ALPHA_OVER"
