"""Times of the compositing operations at 1080p and 4K, against OpenImageIO, and against movis and moviepy.

    python benchmarks/operations.py [--threads 1] [--repeat 5] [--size 4k] [--only over,chain,table,peers]
        [--device cuda] [--peers-python PATH] [--json FILE]

Jobs that are compared run in alternation, each once in a round. Told are the middle one of the rounds and the spread
between the quartiles, in milliseconds. ``--peers-python`` is a Python that has movis and moviepy. ``--clock cpu``
counts this process's time on the processor, which a busy machine stretches less than the wall clock's.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import torch
from peers import Peer, composite_codes
from torch import Tensor

from compositing.color import encode_srgb, srgb_to_linear
from compositing.image import Image, Window
from compositing.operations import alpha, filter, foreground, generators, grade, grain, keying, match, shadow
from compositing.operations.bands import empty
from compositing.operations.blend import BLENDS, blend
from compositing.operations.chain import chain
from compositing.operations.merge import MERGES, merge, over
from compositing.operations.transform import affine_matrix, reformat, transform

SIZES = {"1080p": (1920, 1080), "4k": (4096, 2160)}
Job = Callable[[], object]


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def times_of(jobs: dict[str, Job], rounds: int, words: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Median and spread of each job in milliseconds, in alternation, after one round to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    clock = CLOCKS[words.clock]
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            start = clock()
            job()
            if words.device == "cuda":
                torch.cuda.synchronize()
            if turn:
                taken[name].append((clock() - start) * 1e3)
    return {name: summary(times) for name, times in taken.items()}


def summary(times: list[float]) -> dict[str, float]:
    """The middle one, and the distance between the quartiles (0 for fewer than 4)."""
    low, _, high = statistics.quantiles(times, n=4) if len(times) > 3 else (0.0, 0.0, 0.0)
    return {"median": round(statistics.median(times), 2), "spread": round(high - low, 2)}


def picture(width: int, height: int, seed: int, data: Window | None = None, device: str = "cpu") -> Image:
    """Premultiplied RGBA with a random alpha on the whole window or a part of it, in memory that numpy found."""
    window = data or Window.sized(width, height)
    pixels = torch.from_numpy(np.random.default_rng(seed).random((4, window.height, window.width), dtype=np.float32))
    pixels[3] *= 0.5
    pixels[:3] *= pixels[3]
    return Image(pixels.to(device), ("R", "G", "B", "A"), window, Window.sized(width, height))


def buffer(image: Image) -> oiio.ImageBuf:
    spec = oiio.ImageSpec(image.data.width, image.data.height, 4, oiio.FLOAT)
    spec.x, spec.y = image.data.x0, image.data.y0
    spec.full_width, spec.full_height = image.display.width, image.display.height
    spec.channelnames, spec.alpha_channel = ("R", "G", "B", "A"), 3
    result = oiio.ImageBuf(spec)
    result.set_pixels(oiio.ROI(), image.to_array())
    return result


def box_of(width: int, height: int) -> Window:
    """Three tenths of the frame."""
    return Window.sized(width * 55 // 100, height * 55 // 100, width // 5, height // 5)


def over_jobs(width: int, height: int, device: str) -> dict[str, Job]:
    """The same merge by both libraries, on whole pictures and with a foreground of three tenths of the frame."""
    a, b = picture(width, height, 1, device=device), picture(width, height, 2, device=device)
    small = picture(width, height, 3, box_of(width, height), device)
    out = torch.zeros_like(b.pixels) if device == "cuda" else torch.from_numpy(np.zeros_like(b.pixels.numpy()))
    jobs: dict[str, Job] = {
        "over, ours": lambda: over(a, b, out=out),
        "over, small data window, ours": lambda: over(small, b, out=out),
    }
    if device == "cpu":
        destination, first, second, third = oiio.ImageBuf(buffer(b).spec()), buffer(a), buffer(b), buffer(small)
        jobs["over, OpenImageIO"] = lambda: oiio.ImageBufAlgo.over(destination, first, second)
        jobs["over, small data window, OpenImageIO"] = lambda: oiio.ImageBufAlgo.over(destination, third, second)
    return jobs | {"over, small data window, into the background, ours": lambda: over(small, b, out=b.pixels)}


def relit(a: Image, light: Image, b: Image) -> Image:
    """Five operations: half a stop more, multiply, plus, over, one stop less."""
    lit = merge("plus", merge("multiply", grade.exposure(a, 0.5), light), a)
    return grade.exposure(over(lit, b), -1.0)


def chain_jobs(width: int, height: int, device: str) -> dict[str, Job]:
    """The five operations on whole pictures, and on a cut-out of three tenths of the frame."""
    jobs: dict[str, Job] = {}
    for words, box in (("", None), (", small data window", box_of(width, height))):
        a, light = (picture(width, height, seed, box, device) for seed in (1, 2))
        b = picture(width, height, 3, device=device)
        out = empty(tuple(b.pixels.shape), b.pixels.device)
        jobs[f"chain of five{words}, ours"] = partial(chain, relit, a, light, b, out=out)
        jobs[f"chain of five{words}, ours one by one"] = partial(relit, a, light, b)
        if device == "cpu":
            jobs[f"chain of five{words}, OpenImageIO"] = their_chain(a, light, b)
    return jobs


def their_chain(a: Image, light: Image, b: Image) -> Job:
    """The five operations by OpenImageIO on the frame, with two reused buffers; checked against ours once."""
    first, second, third = buffer(a.on_display()), buffer(light.on_display()), buffer(b)
    spare, destination = oiio.ImageBuf(first.spec()), oiio.ImageBuf(third.spec())
    algo, gain = oiio.ImageBufAlgo, math.sqrt(2.0)

    def job() -> bool:
        done = algo.mul(spare, first, (gain, gain, gain, 1.0)) and algo.mul(spare, spare, second)
        done = done and algo.add(spare, spare, first) and algo.over(destination, spare, third)
        return bool(done and algo.mul(destination, destination, (0.5, 0.5, 0.5, 1.0)))

    job()
    difference = np.abs(chain(relit, a, light, b).to_array() - np.asarray(destination.get_pixels(oiio.FLOAT)))
    if difference.max() > 1e-4:
        raise SystemExit(f"The two libraries differ by {difference.max()}; the comparison would mean nothing.")
    return job


def peer_jobs(width: int, height: int, device: str) -> dict[str, Job]:
    """A cut-out over a plate from 8-bit codes to 8-bit codes, in linear light, as movis and moviepy do it in codes."""
    codes, alpha, plate = composite_codes(width, height)
    front, back = (torch.from_numpy(array.transpose(2, 0, 1).copy()).to(device) for array in (codes, plate))
    cover = torch.from_numpy(alpha).to(device)[None]
    decode = srgb_to_linear(torch.arange(256, dtype=torch.float32, device=device) / 255)

    def in_light() -> object:
        cut = torch.cat([decode[front.int()] * cover, cover])
        a, b = Image.from_pixels(cut), Image.from_pixels(decode[back.int()])
        return encode_srgb(over(a, b).pixels[:3])

    def in_codes() -> object:
        a = Image.from_pixels(torch.cat([front.float() * cover, cover]))
        return over(a, Image.from_pixels(back.float())).pixels[:3].round().to(torch.uint8)

    return {"composite, ours, linear light": in_light, "composite, ours, in codes as the peers": in_codes}


def peer_times(width: int, height: int, words: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Ours and the peers' 1080p composite in alternation."""
    ours = peer_jobs(width, height, words.device)
    taken: dict[str, list[float]] = {name: [] for name in (*ours, "composite, movis", "composite, moviepy")}
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(words, width, height, Path(folder))
        for turn in range(words.repeat + 1):
            found = {name: times_of({name: job}, 1, words)[name]["median"] for name, job in ours.items()}
            found |= {f"composite, {name}": peer.milliseconds(name) for name in ("movis", "moviepy")}
            for name, value in found.items() if turn else ():
                taken[name].append(value)
        peer.close()
    return {name: summary(times) for name, times in taken.items()}


def table_jobs(width: int, height: int, device: str) -> dict[str, Job]:
    """Every operation on whole pictures."""
    a, b = picture(width, height, 1, device=device), picture(width, height, 2, device=device)
    disc = torch.from_numpy(composite_codes(width, height)[1]).to(device)[None]
    soft = Image(disc, ("A",), a.data, a.display)
    out, matte = torch.empty_like(b.pixels), Image(a.pixels[3:], ("A",), a.data, a.display)
    turned: Tensor = affine_matrix(rotate=3, centre=(width / 2, height / 2))
    jobs: dict[str, Job] = {f"merge {name}": partial(merge, name, a, b, out=out) for name in MERGES}
    jobs |= {f"blend {name}": partial(blend, name, a, b, out=out) for name in BLENDS}
    return jobs | {
        "unpremultiply": lambda: alpha.unpremultiply(a),
        "grade": lambda: grade.grade(a, gain=1.2, gamma=1.1),
        "cdl": lambda: grade.cdl(a, grade.Cdl(1.1, 0.01, 1.1, 0.9)),
        "saturation": lambda: grade.saturation(a, 1.2),
        "keymix": lambda: keying.keymix(a, b, matte),
        "despill": lambda: keying.despill(a),
        "light wrap, sigma 8": lambda: keying.light_wrap(a, b, sigma=8),
        "gaussian, sigma 8": lambda: filter.gaussian(a, 8, edges="repeat"),
        "box, 15": lambda: filter.box(a, 15, edges="repeat"),
        "defocus, radius 12": lambda: filter.defocus(a, 12, edges="repeat"),
        "erode, radius 2": lambda: filter.erode(a, 2),
        "edge extend": lambda: filter.edge_extend(a),
        "foreground, soft edge of 20 pixels": lambda: foreground.estimate_foreground(b, soft),
        "foreground, all soft": lambda: foreground.estimate_foreground(b, matte),
        "transform, cubic": lambda: transform(a, turned),
        "reformat to a half, lanczos": lambda: reformat(a, width // 2, height // 2),
        "grain removed": lambda: grain.remove_grain(alpha.without_alpha(b)),
        "colour match": lambda: match.color_match(a, b),
        "shadow": lambda: shadow.shadow(a),
        "vignette": lambda: generators.vignette(a),
    }


JOBS = {"over": over_jobs, "chain": chain_jobs, "table": table_jobs}


def measured(part: str, size: str, words: argparse.Namespace) -> Iterator[tuple[str, dict[str, float]]]:
    """The figures of one part at one size, as they come; the table's jobs, not compared, run one by one."""
    width, height = SIZES[size]
    if part == "peers":
        yield from peer_times(width, height, words).items()
        return
    jobs = JOBS[part](width, height, words.device)
    if part != "table":
        yield from times_of(jobs, words.repeat, words).items()
        return
    for name, job in jobs.items():
        yield name, times_of({name: job}, words.repeat, words)[name]


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of both libraries (default 1)")
    parser.add_argument("--repeat", type=int, default=5, help="rounds, of which the middle one is told (default 5)")
    parser.add_argument("--size", choices=[*SIZES, "both"], default="both")
    parser.add_argument("--only", default="over,chain,table", help="some of over, chain, table, peers")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--peers-python", help="a Python with movis and moviepy; adds peers at 1080p")
    parser.add_argument("--clock", choices=[*CLOCKS], default="wall")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    return parser.parse_args()


def main() -> None:
    """Read the words, run, print."""
    words = parsed()
    torch.set_num_threads(words.threads)
    oiio.attribute("threads", words.threads)
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for size in SIZES if words.size == "both" else [words.size]:
        print(f"\n{size}, {words.device}, {words.threads} thread(s), {words.clock} milliseconds: median, spread")
        parts = words.only.split(",")
        for part in [*parts, "peers"] if words.peers_python and size == "1080p" and "peers" not in parts else parts:
            for name, figure in measured(part, size, words):
                figures.setdefault(size, {})[name] = figure
                print(f"  {name:52} {figure['median']:9.2f} {figure['spread']:9.2f}", flush=True)
    if words.json:
        words.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
