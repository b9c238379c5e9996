"""The argument parser: complains in one sentence, and lays help out as it was written."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any, NoReturn, TypeAlias

_NEGATIVE = re.compile(r"-[\d.][-\d.,]*$")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps line breaks as they were written, and gives the options' names a wide column."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34)


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` whose complaint is one sentence, and whose help keeps the line breaks of its examples."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", HelpFormatter)
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)
        # Python knows -1 for a value, but takes the range -2-1 and the point -3,4 for options.
        self._negative_number_matcher = _NEGATIVE

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where to read on, and end with status 2."""
        print(f"{self.prog}: {message}; see '{self.prog} --help'", file=sys.stderr)
        raise SystemExit(2)


# Only type checkers can subscribe it: at run time the class takes no parameter.
Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"
"""What ``add_subparsers`` returns; argparse has no public name for it."""
