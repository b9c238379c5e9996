"""Graphs as JSON: a list of nodes, inputs before those that take them, each with the places of its inputs in the list.

{"format": 1,
 "nodes": [{"kind": "read", "settings": {"path": "plate.mov"}},
           {"kind": "exposure", "inputs": [0], "settings": {"stops": {"keys": {"1001": 0, "1024": 1}}}}],
 "roots": {"result": 1}}
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compositing.errors import CompositingError, GraphError, OutputError
from compositing.graph.node import Keys, Node, Setting, walk

FORMAT = 1
"""Version of the layout."""


def save(path: str | os.PathLike[str], **roots: Node) -> None:
    """Write graphs under their names into one file; nodes that they share are written once.

    Paths of footage are kept as they were given. Raises OutputError where the file cannot be written.
    """
    place = Path(path)
    hidden = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        hidden.write_text(json.dumps(to_json(**roots), indent=1) + "\n", encoding="utf-8")
        hidden.replace(place)
    except OSError as error:
        raise OutputError(f"{place} cannot be written ({error.strerror}); choose another name or folder.") from error
    finally:
        hidden.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> dict[str, Node]:
    """The graphs of a file by their names. Raises GraphError where it is none, or of another version."""
    place = Path(path)
    try:
        data = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise GraphError(f"{place} cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise GraphError(f"{place.name} is no JSON ({error}); save the graph again.") from error
    try:
        return from_json(data)
    except CompositingError as error:
        raise GraphError(f"{place.name}: {error}") from error


def to_json(**roots: Node) -> dict[str, Any]:
    """Graphs as numbers, words, lists and dictionaries."""
    nodes = walk(*roots.values())
    places = {node: place for place, node in enumerate(nodes)}
    return {
        "format": FORMAT,
        "nodes": [_node_to_json(node, places) for node in nodes],
        "roots": {name: places[root] for name, root in roots.items()},
    }


def from_json(data: Any) -> dict[str, Node]:
    """What ``to_json`` gave. Raises GraphError for anything else."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise GraphError(f"this is no graph of format {FORMAT}; save it again with this version.")
    nodes: list[Node] = []
    try:
        for place, entry in enumerate(data["nodes"]):
            inputs = entry.get("inputs", [])
            if not all(isinstance(each, int) and 0 <= each < place for each in inputs):
                raise GraphError(f"node {place} takes inputs that do not come before it; save the graph again.")
            settings = {name: _setting_from_json(value) for name, value in entry.get("settings", {}).items()}
            nodes.append(Node(str(entry["kind"]), tuple(nodes[each] for each in inputs), settings))
        return {str(name): nodes[root] for name, root in data["roots"].items()}
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise GraphError(f"the graph is damaged ({error!r}); save it again.") from error


def digest(node: Node) -> str:
    """A short name that is the same for equal graphs, and another one for any other."""
    return hashlib.sha256(json.dumps(to_json(node=node), sort_keys=True).encode()).hexdigest()[:16]


def _node_to_json(node: Node, places: Mapping[Node, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": node.kind}
    if node.inputs:
        entry["inputs"] = [places[each] for each in node.inputs]
    if node.settings:
        entry["settings"] = {name: _setting_to_json(node, name, value) for name, value in node.settings.items()}
    return entry


def _setting_to_json(node: Node, name: str, value: Setting) -> Any:
    if isinstance(value, Keys):
        return {"keys": {str(frame): _setting_to_json(node, name, each) for frame, each in value.values.items()}}
    if isinstance(value, tuple):
        return [_setting_to_json(node, name, each) for each in value]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise GraphError(f"The setting {name!r} of {node.kind} is {value!r}, which cannot be saved; give numbers or words.")


def _setting_from_json(value: Any) -> Setting:
    if isinstance(value, dict):
        return Keys({int(frame): _setting_from_json(each) for frame, each in value["keys"].items()})  # type: ignore[misc]
    if isinstance(value, list):
        return tuple(_setting_from_json(each) for each in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise GraphError(f"a setting is {value!r}, which is no number, word or list.")
