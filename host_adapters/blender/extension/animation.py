"""F-curves, which Blender 4.4 and 5.0 keep in other places than before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def curves_of(datablock: Any) -> Iterator[Any]:
    """The F-curves that move something of a datablock."""
    data = datablock.animation_data
    action = data.action if data else None
    if action is None:
        return
    if hasattr(action, "fcurves"):
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                if bag.slot_handle == data.action_slot_handle:
                    yield from bag.fcurves


def moving(datablock: Any, path: str) -> bool:
    """Whether a property is animated or driven."""
    data = datablock.animation_data
    driven = data is not None and any(driver.data_path == path for driver in data.drivers)
    return driven or any(curve.data_path == path for curve in curves_of(datablock))


def step_keys(datablock: Any, holder: Any, field: str, values: Mapping[int, float]) -> None:
    """Give a property these values from these frames on, without anything between."""
    for frame, value in values.items():
        setattr(holder, field, type(getattr(holder, field))(value))
        holder.keyframe_insert(field, frame=frame)
    path = holder.path_from_id(field)
    for curve in curves_of(datablock):
        if curve.data_path == path:
            for key in curve.keyframe_points:
                key.interpolation = "CONSTANT"
