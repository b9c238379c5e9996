"""``python -m sam2_roto.training`` is ``sam2-roto train``."""

from __future__ import annotations

import argparse
import sys

from compositing.errors import CompositingError
from sam2_roto.training.cli import add_options, run


def main() -> int:
    """Run one command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m sam2_roto.training")
    add_options(parser)
    try:
        return run(parser.parse_args())
    except CompositingError as error:
        print(f"sam2-roto train: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
