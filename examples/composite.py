"""A graph built by hand: an object before a sunset that grows darker, its edge lit by it.

python examples/composite.py                                          the sample clip, with its true mattes
python examples/composite.py shot.mp4 --matte mattes --range 0-47     mattes of 'sam2-roto rotoscope'
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import numpy as np

from compositing import FrameRange, Window
from compositing.color import CAMERA, LINEAR
from compositing.footage.audio import Sound, has_sound
from compositing.graph import Evaluator, Identity, Keys, MovieOutput, read, render, save, source
from sam2_roto.demo import demo_clip, demo_truth
from sam2_roto.export import PlateMetadata, write_matte


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plate", nargs="?", type=Path, default=demo_clip(), help="a clip (default: the sample clip)")
    parser.add_argument("--matte", type=Path, help="folder of mattes (default: the sample clip's own)")
    parser.add_argument("--range", dest="frames", type=FrameRange.parse, default=FrameRange(0, 23))
    parser.add_argument("-o", "--output", type=Path, default=Path("out/composite.mp4"))
    args = parser.parse_args(words)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    mattes = args.matte or sample_mattes(args.output.parent / "mattes", args.frames)

    plate = read(str(args.plate)).then("to_space", target=LINEAR)
    with Evaluator(remember=False) as evaluator:
        frame = evaluator.display(plate, args.frames.first)
        footage = evaluator.reader(plate.inputs[0]).footage

        sky = source(
            "ramp", width=frame.width, height=frame.height, first=(0.1, 0.05, 0.3), last=(1.2, 0.4, 0.1), angle=90.0
        )
        sky = sky.then("exposure", stops=Keys({args.frames.first: 0.0, args.frames.last: -1.0}))
        cut = plate.then("cut_out", read(str(mattes))).then("light_wrap", sky, sigma=frame.width / 120, amount=0.6)
        result = cut.then("over", sky).then("vignette", amount=0.5)
        save(args.output.with_suffix(".json"), result=result)

        rate = footage.rate or Fraction(24)
        span = [(number - footage.first) / rate for number in (args.frames.first, args.frames.last + 1)]
        sound = Sound(args.plate, *span) if has_sound(args.plate) else None
        output = MovieOutput(args.output, CAMERA, identity=Identity(footage.rate), sound=sound)
        done = render(result, output, args.frames, evaluator=evaluator)
    print(f"{done.rendered} frames: {done.files[0]}")


def sample_mattes(folder: Path, frames: FrameRange) -> Path:
    """The sample clip's true masks as mattes, numbered as its frames."""
    folder.mkdir(exist_ok=True)
    truth = demo_truth()
    height, width = truth.shape[1:]
    for frame in frames:
        alpha = truth[frame].astype(np.float32)
        metadata = PlateMetadata(Window.sized(width, height))
        write_matte(folder / f"carp.{frame:04}.exr", {"carp": alpha}, metadata=metadata)
    return folder


if __name__ == "__main__":
    main()
