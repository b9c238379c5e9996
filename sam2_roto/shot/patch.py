"""The difference of two JSON documents, as data that can be applied in both directions.

A patch is a list of changes; each names a path of keys, what was there and what is there now. A side that is left out
was not there at all. Dictionaries are compared key by key; everything else, lists too, is replaced whole.
"""

from __future__ import annotations

import copy
from typing import Any

from sam2_roto.errors import ShotError

Json = dict[str, Any]
Change = Json
"""``{"path": [...], "old": ..., "new": ...}``."""
Patch = list[Change]


def difference(old: Json, new: Json, path: tuple[str, ...] = ()) -> Patch:
    """The patch that makes ``new`` of ``old``; empty where they are equal."""
    changes: Patch = []
    for key in [*old, *(key for key in new if key not in old)]:
        here = (*path, key)
        if key in old and key in new:
            changes.extend(_change(old[key], new[key], here))
        elif key in old:
            changes.append({"path": list(here), "old": old[key]})
        else:
            changes.append({"path": list(here), "new": new[key]})
    return changes


def _change(old: Any, new: Any, path: tuple[str, ...]) -> Patch:
    if isinstance(old, dict) and isinstance(new, dict):
        return difference(old, new, path)
    same = old == new and type(old) is type(new)  # True == 1, and 1 == 1.0
    return [] if same else [{"path": list(path), "old": old, "new": new}]


def inverse(patch: Patch) -> Patch:
    """The patch that takes ``patch`` back."""
    turned = {"old": "new", "new": "old", "path": "path"}
    return [{turned[key]: value for key, value in change.items()} for change in reversed(patch)]


def apply(document: Json, patch: Patch) -> Json:
    """A copy of ``document`` with the changes made; ShotError where it is not the document the patch was made for."""
    result = copy.deepcopy(document)
    for change in patch:
        *above, key = change["path"]
        place = result
        for step in above:
            place = place.get(step, {})
        if ("old" in change) != (key in place) or place.get(key) != change.get("old"):
            raise ShotError(f"a change of {'/'.join(change['path'])} does not fit the shot; its journal is damaged")
        if "new" in change:
            place[key] = copy.deepcopy(change["new"])
        else:
            del place[key]
    return result
