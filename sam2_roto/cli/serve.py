"""``sam2-roto serve``: the local service that programs on this machine call."""

from __future__ import annotations

import argparse
import http.client
import json
import re
import time
from pathlib import Path
from typing import Any

from sam2_roto.cli.parser import Subparsers
from sam2_roto.errors import ServiceError
from sam2_roto.service.runtime import read_address
from sam2_roto.service.settings import Settings, runtime_folder, state_folder

_DESCRIPTION = """The local service, for editors and scripts whose own Python cannot carry torch.

It listens on 127.0.0.1 alone, and answers whoever sends the token in service.json, a file that only you can read.
Programs that need it start it; it ends when nothing was asked of it for a while."""

_EXAMPLES = """examples:
  sam2-roto serve                                  until nothing is asked for 15 minutes
  sam2-roto serve --idle 0 --port 8765             until Ctrl-C, on a port of your own
  sam2-roto serve --device cuda:0 --device cuda:1  a job at a time on each
  sam2-roto serve --stop                           end the one that runs

The file service.json lies in SAM2_ROTO_RUNTIME where that is set, jobs and shots in SAM2_ROTO_STATE.
"""

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")  # whether it is here, only torch can tell, which the service spares


def add_parser(subparsers: Subparsers) -> None:
    """Describe ``serve`` and its options."""
    parser = subparsers.add_parser(
        "serve",
        help="the local service that editors call",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, metavar="N", help="port to listen on (default: any that is free)")
    add("--idle", type=float, default=900, metavar="SECONDS", help="end after so long without a request (0: never)")
    add("--device", action="append", metavar="D", help="auto, cpu, cuda, cuda:1 or mps; can be repeated")
    add("--jobs", type=int, default=1, metavar="N", help="jobs that run at a time on each device (default: 1)")
    add("--allow-origin", action="append", metavar="URL", help="let web pages of this origin call; can be repeated")
    add("--runtime", type=Path, default=runtime_folder(), metavar="DIR", help="folder of service.json")
    add("--state", type=Path, default=state_folder(), metavar="DIR", help="folder of jobs, shots and logs")
    add("--stop", action="store_true", help="end the service that runs; its jobs go on with the next")
    add("--json", action="store_true", help="print the address as one line of JSON")


def run(args: argparse.Namespace) -> int:
    """Serve until told to end."""
    if args.stop:
        return stop(args.runtime)
    for device in args.device or ():
        if not _DEVICE.fullmatch(device):
            raise ServiceError(f"the device '{device}' is not known; give auto, cpu, cuda, cuda:1 or mps")
    settings = Settings(
        runtime=args.runtime.expanduser().absolute(),
        state=args.state.expanduser().absolute(),
        port=args.port,
        idle=args.idle,
        devices=tuple(args.device or ("auto",)),
        jobs=args.jobs,
        origins=tuple(args.allow_origin or ()),
    )
    from sam2_roto.service.server import serve

    def ready(address: dict[str, Any]) -> None:
        if args.json:
            print(json.dumps({key: value for key, value in address.items() if key != "token"}), flush=True)
        elif not args.quiet:
            print(f"listening on {address['host']}:{address['port']}; the token is in {settings.runtime}", flush=True)

    serve(settings, ready)
    return 0


def stop(runtime: Path) -> int:
    """End the service that runs, and wait until it has."""
    address = read_address(runtime)
    if address is None:
        raise ServiceError(f"no service runs in {runtime}")
    try:
        connection = http.client.HTTPConnection(address["host"], address["port"], timeout=10)
        connection.request("POST", "/v1/shutdown", headers={"Authorization": f"Bearer {address['token']}"})
        connection.getresponse().read()
    except OSError as error:
        raise ServiceError(f"the service that {runtime} tells of has died; the next one takes its place") from error
    until = time.monotonic() + 30
    while read_address(runtime) == address and time.monotonic() < until:
        time.sleep(0.05)
    return 0
