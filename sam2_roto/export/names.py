"""Names of objects as layers and as parts of file names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sam2_roto.errors import ExportError

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_]")


def layer_name(name: str) -> str:
    """The name with every character that some host refuses in a layer replaced by an underscore."""
    layer = _FORBIDDEN.sub("_", name)
    if not layer.strip("_"):
        raise ExportError(
            f"The object name '{name}' has no letter or digit of a-z and 0-9 in it; give it another name."
        )
    return layer


def layer_names(names: Iterable[str]) -> dict[str, str]:
    """Object name to layer name, in order. Raises ExportError where two names become one layer."""
    layers: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in names:
        layer = layer_name(name)
        if layer in taken and taken[layer] != name:
            raise ExportError(f"The objects '{taken[layer]}' and '{name}' would share the layer '{layer}'; rename one.")
        taken[layer] = name
        layers[name] = layer
    if not layers:
        raise ExportError("There is no object to export; mark at least one.")
    return layers
