"""The command line: ``sam2-roto COMMAND …``, also ``python -m sam2_roto``.

A command is a module with two functions: ``add_parser(subparsers)`` describes its options, ``run(args)`` does the work
and returns the exit status. Only the module of the command that is asked for is imported, so that help comes at once.

Exit status: 0 done; 2 the user's words or files are wrong; 1 a failure of ours; 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from types import ModuleType

from compositing.errors import CompositingError
from compositing.heap import keep_freed_memory
from sam2_roto.cli import plugins
from sam2_roto.cli.parser import Parser, Subparsers

COMMANDS: dict[str, tuple[str, str]] = {
    "rotoscope": ("sam2_roto.cli.rotoscope", "mattes of the objects that you mark in a clip"),
    "composite": ("sam2_roto.cli.composite", "put an object before another background"),
    "demo": ("sam2_roto.cli.demo", "rotoscope the sample clip and compare with its truth"),
    "shot": ("sam2_roto.cli.shot", "work on a shot in steps: mark, track, review, correct"),
    "review": ("sam2_roto.cli.review", "the frames of a shot to look at"),
    "evaluate": ("sam2_roto.cli.evaluate", "J, F and J&F of a model on clips with true masks"),
    "export-annotations": (
        "sam2_roto.cli.export_annotations",
        "turn finished mattes into training data (SA-V, DAVIS, COCO)",
    ),
    "train": ("sam2_roto.training.cli", "train a model on generated clips, or fine-tune one on your own masks"),
    "benchmark": ("sam2_roto.cli.benchmark", "how fast each stage is on this machine"),
    "serve": ("sam2_roto.cli.serve", "the local service that editors and scripts call"),
    "models": ("sam2_roto.cli.models", "list, fetch and verify the networks' weights"),
}
"""Name of the command → its module, and what it does. Adapters add theirs, see ``sam2_roto.cli.plugins``."""

_DESCRIPTION = """Rotoscoping with SAM 2: mark an object in one frame, get its matte in every frame."""

_EXAMPLES = """examples:
  sam2-roto rotoscope shot.mp4 -o mattes --click dog:0:410,250
  sam2-roto rotoscope plates/sh010.1001.exr -o mattes --box car:1001:300,120,520,400 --feather 2
  sam2-roto models fetch sam2.1_hiera_large

'sam2-roto COMMAND --help' tells what a command can do.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (by default that of the process) and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Threads that wait by spinning stall one another once another program wants the cores; sleeping costs nothing.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    try:
        status = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone, as 'head' does. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status


def _run(words: list[str]) -> int:
    try:
        module, parser = _prepare(words)
        return int(module.run(parser.parse_args(words)) or 0) if module else _help(parser, words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    except CompositingError as error:
        print(f"sam2-roto: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sam2-roto: stopped; give the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last line of defence: every failure ends in a sentence and a report
        return _report(error, words)


def _prepare(words: list[str]) -> tuple[ModuleType | None, argparse.ArgumentParser]:
    """The module of the command that ``words`` ask for, and a parser that knows it in full and the others by name."""
    parser = Parser(prog="sam2-roto", description=_DESCRIPTION, epilog=_EXAMPLES)
    subparsers: Subparsers = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    asked = next((word for word in words if not word.startswith("-")), None)
    commands = COMMANDS if asked in COMMANDS else {**COMMANDS, **plugins.commands(besides=COMMANDS)}
    module = importlib.import_module(commands[asked][0]) if asked in commands else None
    for name, (_, purpose) in commands.items():
        if module and name == asked:
            module.add_parser(subparsers)
            _add_common(subparsers.choices[name])
        else:
            subparsers.add_parser(name, help=purpose)
    return module, parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.conflict_handler = "resolve"
    parser.add_argument("--quiet", "-q", action="store_true", help="print results and errors alone, no progress")
    parser.add_argument("--debug", action="store_true", help="where the program itself fails, show the traceback")


def _help(parser: argparse.ArgumentParser, words: list[str]) -> int:
    """No command that is known: help where nothing is asked for, a complaint otherwise."""
    if not words:
        parser.print_help()
        return 0
    parser.parse_args(words)
    return 0


def _report(error: Exception, words: list[str]) -> int:
    """Tell of a failure of ours in one sentence, and keep the traceback where it can be found; status 1."""
    text = "".join(traceback.format_exception(error))
    said = f"sam2-roto: failed with {type(error).__name__}: {str(error).strip() or 'no message'}"
    if "--debug" in words:
        print(f"{text}{said}", file=sys.stderr)
        return 1
    prefix = time.strftime("sam2-roto-%Y%m%d-%H%M%S-")
    with tempfile.NamedTemporaryFile("w", prefix=prefix, suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(f"sam2-roto {' '.join(words)}\nPython {sys.version}\n\n{text}")
    print(f"{said}; the traceback is in {file.name}", file=sys.stderr)
    return 1
