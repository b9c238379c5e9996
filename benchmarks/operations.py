"""Times of the compositing operations at 1080p and 4K, and of ``over`` against OpenImageIO with a reused destination.

    python benchmarks/operations.py [--threads 1] [--repeat 5] [--size 4k] [--only over,chain] [--json FILE]

The middle one of ``--repeat`` runs is told, in milliseconds. Figures hold for an idle machine only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import OpenImageIO as oiio
import torch
from torch import Tensor

from compositing.image import Image, Window
from compositing.operations import alpha, filter, foreground, generators, grade, grain, keying, match, shadow
from compositing.operations.blend import BLENDS, blend
from compositing.operations.merge import MERGES, merge, over
from compositing.operations.transform import affine_matrix, reformat, transform

SIZES = {"1080p": (1920, 1080), "4k": (4096, 2160)}
Job = Callable[[], object]


def milliseconds(job: Job, repeat: int) -> float:
    """The median time of a job after one run to warm up."""
    job()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def picture(width: int, height: int, seed: int, data: Window | None = None) -> Image:
    """Premultiplied RGBA with a random alpha on the whole window or a part of it."""
    window = data or Window.sized(width, height)
    pixels = torch.rand(4, window.height, window.width, generator=torch.Generator().manual_seed(seed))
    pixels[:3] *= pixels[3]
    return Image(pixels, ("R", "G", "B", "A"), window, Window.sized(width, height))


def buffer(image: Image) -> oiio.ImageBuf:
    spec = oiio.ImageSpec(image.data.width, image.data.height, 4, oiio.FLOAT)
    spec.x, spec.y = image.data.x0, image.data.y0
    spec.full_width, spec.full_height = image.display.width, image.display.height
    spec.channelnames, spec.alpha_channel = ("R", "G", "B", "A"), 3
    result = oiio.ImageBuf(spec)
    result.set_pixels(oiio.ROI(), image.to_array())
    return result


def over_jobs(width: int, height: int) -> dict[str, Job]:
    """The same merge by both libraries, on whole pictures and with a foreground of three tenths of the frame."""
    a, b = picture(width, height, 1), picture(width, height, 2)
    box = Window.sized(width * 55 // 100, height * 55 // 100, width // 5, height // 5)
    small = picture(width, height, 3, box)
    out, destination = torch.empty_like(b.pixels), oiio.ImageBuf(buffer(b).spec())
    first, second, third = buffer(a), buffer(b), buffer(small)
    return {
        "over, ours": lambda: over(a, b, out=out),
        "over, OpenImageIO": lambda: oiio.ImageBufAlgo.over(destination, first, second),
        "over, small data window, ours": lambda: over(small, b, out=out),
        "over, small data window, into the background, ours": lambda: over(small, b, out=b.pixels),
        "over, small data window, OpenImageIO": lambda: oiio.ImageBufAlgo.over(destination, third, second),
    }


def chain_jobs(width: int, height: int) -> dict[str, Job]:
    """Five operations in a row: gain, multiply, plus, over, multiply, on a cut-out of three tenths of the frame."""
    box = Window.sized(width * 55 // 100, height * 55 // 100, width // 5, height // 5)
    a, light, b = picture(width, height, 1, box), picture(width, height, 2, box), picture(width, height, 3)
    gain = torch.tensor([1.1, 1.0, 0.9, 1.0])[:, None, None]
    work, out = torch.empty_like(a.pixels), torch.empty_like(b.pixels)

    def ours() -> Image:
        graded = Image(torch.mul(a.pixels, gain, out=work), a.channels, a.data, a.display)
        lit = merge("multiply", graded, light, out=work)
        lit = merge("plus", lit, a, out=work)
        whole = over(lit, b, out=out)
        return Image(whole.pixels.mul_(0.5), whole.channels, whole.data, whole.display)

    first, second, third = buffer(a.on_display()), buffer(light.on_display()), buffer(b)
    spare, destination = oiio.ImageBuf(first.spec()), oiio.ImageBuf(third.spec())

    def theirs() -> bool:
        algo = oiio.ImageBufAlgo
        done = algo.mul(spare, first, (1.1, 1.0, 0.9, 1.0)) and algo.mul(spare, spare, second)
        done = done and algo.add(spare, spare, first) and algo.over(destination, spare, third)
        return bool(done and algo.mul(destination, destination, 0.5))

    return {"chain of five, ours": ours, "chain of five, OpenImageIO": theirs}


def table_jobs(width: int, height: int) -> dict[str, Job]:
    """Every operation on whole pictures."""
    a, b = picture(width, height, 1), picture(width, height, 2)
    out, matte = torch.empty_like(b.pixels), Image(a.pixels[3:], ("A",), a.data, a.display)
    turned: Tensor = affine_matrix(rotate=3, centre=(width / 2, height / 2))
    jobs: dict[str, Job] = {f"merge {name}": (lambda name=name: merge(name, a, b, out=out)) for name in MERGES}
    jobs |= {f"blend {name}": (lambda name=name: blend(name, a, b, out=out)) for name in BLENDS}
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
        "foreground": lambda: foreground.estimate_foreground(b, matte),
        "transform, cubic": lambda: transform(a, turned),
        "reformat to a half, lanczos": lambda: reformat(a, width // 2, height // 2),
        "grain removed": lambda: grain.remove_grain(a),
        "colour match": lambda: match.color_match(a, b),
        "shadow": lambda: shadow.shadow(a),
        "vignette": lambda: generators.vignette(a),
    }


JOBS = {"over": over_jobs, "chain": chain_jobs, "table": table_jobs}


def main() -> None:
    """Read the words, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of both libraries (default 1)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each, the middle one is told (default 5)")
    parser.add_argument("--size", choices=[*SIZES, "both"], default="both")
    parser.add_argument("--only", default="over,chain,table", help="some of over, chain, table")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    oiio.attribute("threads", words.threads)
    figures: dict[str, dict[str, float]] = {}
    for size in SIZES if words.size == "both" else [words.size]:
        print(f"\n{size}, {words.threads} thread(s), milliseconds")
        for part in words.only.split(","):
            for name, job in JOBS[part](*SIZES[size]).items():
                figures.setdefault(size, {})[name] = round(milliseconds(job, words.repeat), 2)
                print(f"  {name:52} {figures[size][name]:9.2f}", flush=True)
    if words.json:
        words.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
