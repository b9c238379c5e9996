"""From one click to mattes: EXR files, an overlay movie and a contact sheet.

python examples/rotoscope_a_clip.py                                 the sample clip
python examples/rotoscope_a_clip.py shot.mp4 --click 410,250 -o mattes
"""

from __future__ import annotations

import argparse
from pathlib import Path

from compositing import FrameRange, open_footage
from sam2_roto import Click, RotoscopeJob, rotoscope
from sam2_roto.demo import CLICK, demo_clip


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, default=demo_clip())
    parser.add_argument("--click", default=f"{CLICK[0]},{CLICK[1]}", help="a pixel X,Y of the first frame")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/rotoscope_a_clip"))
    parser.add_argument("--range", type=FrameRange.parse, help="FIRST-LAST, to be quick (default: all frames)")
    parser.add_argument("--model", help="a model's name or a weights file")
    parser.add_argument("--image-size", type=int)
    args = parser.parse_args(words)

    x, y = map(float, args.click.split(","))
    with open_footage(args.clip) as footage:
        first = args.range.first if args.range else footage.first
    job = RotoscopeJob(
        footage=args.clip,
        output=args.output,
        prompts=(Click("subject", first, x, y),),
        frames=args.range,
        model=args.model,
        image_size=args.image_size,
        feather=2.0,  # pixels of the plate; give another number and run again: nothing is tracked twice
    )
    result = rotoscope(job, progress=lambda stage, done, total: print(f"\r{stage} {done}/{total}  ", end=""))

    print(f"\n{len(result.mattes)} mattes, from {result.mattes[0]} to {result.mattes[-1].name}")
    for name, frames in result.absent.items():
        print(f"{name} is not seen on {len(frames)} frames")
    for path in result.previews:
        print(path)


if __name__ == "__main__":
    main()
