"""``sam2-roto models``: which networks there are, which weights are here, and getting those that are not."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from sam2_roto.checkpoints import PUBLISHED, cache_folder, fetch, find, hash_file, place, verify
from sam2_roto.checkpoints.published import EMBEDDED
from sam2_roto.cli.parser import Subparsers
from sam2_roto.cli.progress import ProgressBar
from sam2_roto.errors import CheckpointError

_EXAMPLES = """examples:
  sam2-roto models list
  sam2-roto models fetch sam2.1_hiera_tiny sam2.1_hiera_large
  sam2-roto models verify                        every published file that is here
  sam2-roto models verify ~/Downloads/big.pt     which published file is this?

Weights are kept in SAM2_ROTO_CACHE where that is set, else in the platform's cache folder. A machine without network
takes files that were downloaded elsewhere: 'models list' shows the folder. A broken download goes on where it stopped.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``models`` and its three actions."""
    parser = subparsers.add_parser(
        "models",
        help="list, fetch and verify the networks' weights",
        description="The networks that can be used, and their weights.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "action", nargs="?", choices=sorted(_ACTIONS), default="list", help="what to do (default: list)"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="models; 'verify' also takes files")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Do the action that was asked for."""
    return _ACTIONS[args.action](args)


def _list(args: argparse.Namespace) -> int:
    if args.names:
        raise CheckpointError(f"'models list' lists all and takes no name; leave '{args.names[0]}' out")
    rows = [_row(name) for name in (EMBEDDED, *PUBLISHED)]
    if args.json:
        print(json.dumps({"folder": str(cache_folder()), "models": rows}, indent=2))
        return 0
    for row in rows:
        size = f"{row['bytes'] / 1e6:.0f} MB" if isinstance(row["bytes"], int) else "-"
        print(f"{row['name']:<24} {size:>8}  {row['state']}")
    print(f"\nweights are kept in {cache_folder()}")
    return 0


def _row(name: str) -> dict[str, object]:
    path, here = place(name), find(name)
    entry = PUBLISHED.get(name)
    size = entry.size if entry else path.stat().st_size if here else None
    if entry is None:
        state = "in the package" if here else "missing from the package"
    else:
        state = "here" if here else "partly here" if path.with_name(path.name + ".part").is_file() else "not here"
    return {"name": name, "bytes": size, "state": state, "path": str(path), "url": entry.url if entry else None}


def _fetch(args: argparse.Namespace) -> int:
    if not args.names:
        raise CheckpointError("no model is named; 'sam2-roto models list' shows which can be fetched")
    for name in args.names:
        place(name)  # an unknown name is told before the first long download
    with ProgressBar(args.quiet, unit="B") as progress:
        paths = {name: str(fetch(name, progress)) for name in args.names}
    _print(args, paths)
    return 0


def _verify(args: argparse.Namespace) -> int:
    names = args.names or [name for name in PUBLISHED if find(name)]
    if not names:
        raise CheckpointError(f"no published weights are in {cache_folder()}; fetch some, or name a file")
    with ProgressBar(args.quiet, unit="B") as progress:
        results = {name: str(verify(name, progress=progress)) if name in PUBLISHED else _known(name) for name in names}
    _print(args, results)
    return 0


def _known(text: str) -> str:
    """Name of the published file that the file ``text`` is."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise CheckpointError(f"'{text}' is neither a published model nor a file")
    found = hash_file(path)
    for entry in PUBLISHED.values():
        if entry.sha256 == found:
            return entry.name
    raise CheckpointError(f"{path} is none of the published files (SHA-256 {found})")


def _print(args: argparse.Namespace, results: dict[str, str]) -> None:
    if args.json:
        print(json.dumps(results, indent=2))
        return
    for name, result in results.items():
        print(f"{name}  {result}")


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {"list": _list, "fetch": _fetch, "verify": _verify}
