"""Commands that other packages add, found by entry points.

A package names a table in its ``pyproject.toml``::

    [project.entry-points."sam2_roto.commands"]
    host_adapters = "host_adapters.commands:COMMANDS"

The table is like ``sam2_roto.cli.COMMANDS``: the command's name → its module, and what it does in a line. The module
that holds the table should import nothing, for it is read whenever help is shown; a command's own module is imported
when the command is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

GROUP = "sam2_roto.commands"

Commands = dict[str, tuple[str, str]]


def commands(besides: Mapping[str, object] = MappingProxyType({})) -> Commands:
    """The commands of all packages that add some, but for names that are taken.

    A package that cannot be loaded is told of and left out.
    """
    found: Commands = {}
    for entry in entry_points(group=GROUP):
        found.update(_table(entry))
    return {name: command for name, command in found.items() if name not in besides}


def _table(entry: EntryPoint) -> Commands:
    try:
        return {str(name): (str(module), str(purpose)) for name, (module, purpose) in entry.load().items()}
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        print(f"sam2-roto: the commands of {entry.value} are left out: {error}", file=sys.stderr)
        return {}
