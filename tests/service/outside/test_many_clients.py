"""Two hundred previews at once, from eight clients, beside a job that tracks."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from host_adapters.client import Client

REQUESTS, CLIENTS = 200, 8


def clicks(count: int) -> list[tuple[int, int, int]]:
    """Frame, x and y of clicks all over the shot."""
    return [(7 * n % 20, 4 + 11 * n % 88, 4 + 5 * n % 56) for n in range(count)]


def preview(client: Client, shot: str, click: Sequence[int]) -> dict[str, Any]:
    frame, x, y = click
    return client.preview(shot, "thing", frame, points=[(x, y, True)])


def test_200_previews_at_once_from_8_clients(client: Client, known: str) -> None:
    others = [Client(start=False, runtime=client.runtime, timeout=120) for _ in range(CLIENTS)]
    asked = clicks(REQUESTS)
    with ThreadPoolExecutor(REQUESTS) as pool:
        answers = list(pool.map(lambda n: preview(others[n % CLIENTS], known, asked[n]), range(REQUESTS)))
    assert [answer["frame"] for answer in answers] == [frame for frame, _, _ in asked]
    assert all(answer["mask"].startswith(b"\x89PNG") for answer in answers)
    alone = [preview(client, known, click) for click in asked[:5]]
    assert answers[:5] == alone  # whoever asks beside, the answer is the same
    assert client.shot(known)["objects"] == []  # and nothing was said


def test_clients_edit_shots_of_their_own_at_once(client: Client, folder: Path, footage: Path) -> None:
    def work(n: int) -> dict[str, Any]:
        mine = Client(start=False, runtime=client.runtime, timeout=120)
        shot = mine.new_shot(footage, folder=str(folder / f"own{n}.roto"), model="nano", image_size=64)["id"]
        mine.prompt(shot, f"disc{n}", 0, points=[(24, 32, True)])
        mine.prompt(shot, f"disc{n}", 1, points=[(26, 32, True)])
        mine.undo(shot)
        return mine.shot(shot)

    with ThreadPoolExecutor(CLIENTS) as pool:
        shots = list(pool.map(work, range(CLIENTS)))
    assert len({shot["id"] for shot in shots}) == CLIENTS
    told = [[(entry["name"], entry["keyframes"]) for entry in shot["objects"]] for shot in shots]
    assert told == [[(f"disc{n}", [0])] for n in range(CLIENTS)]


def test_previews_go_on_while_a_job_tracks(client: Client, folder: Path, footage: Path) -> None:
    shot = client.new_shot(footage, folder=str(folder / "tracked.roto"), model="nano", image_size=64)["id"]
    client.prompt(shot, "disc", 0, points=[(24, 32, True)])
    before = zlib.crc32(preview(client, shot, (5, 34, 32))["mask"])
    job = client.track(shot)
    during = {zlib.crc32(preview(client, shot, (5, 34, 32))["mask"]) for _ in range(5)}
    assert during == {before}
    done = client.wait(job, timeout=240)
    assert done["state"] == "done"
    assert client.shot(shot)["tracked"] == {"disc": 0}
