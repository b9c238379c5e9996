"""``python -m sam2_roto`` is ``sam2-roto``."""

from __future__ import annotations

import sys

from sam2_roto.cli import main

if __name__ == "__main__":
    sys.exit(main())
