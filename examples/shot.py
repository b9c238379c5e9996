"""A shot, corrected: mark, track, ask where a click helps most, correct there, and track only what that touches.

python examples/shot.py                                        the sample clip
python examples/shot.py shot.mp4 --click 410,250 -o work
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torch import Tensor

from compositing import FrameRange
from sam2_roto import Shot
from sam2_roto.demo import CLICK, demo_clip
from sam2_roto.shot import Session, TrackingSettings


def surest(logits: Tensor, width: int, height: int) -> tuple[float, float, bool]:
    """A click where the network is surest of the object; a person would click where it is wrong."""
    side = logits.shape[-1]
    row, column = divmod(int(logits.argmax()), side)
    return (column + 0.5) * width / side, (row + 0.5) * height / side, True


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, default=demo_clip())
    parser.add_argument("--click", default=f"{CLICK[0]},{CLICK[1]}", help="a pixel X,Y of the first frame")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/shot"))
    parser.add_argument("--range", type=FrameRange.parse, help="FIRST-LAST, to be quick (default: all frames)")
    parser.add_argument("--model", help="a model's name or a weights file")
    parser.add_argument("--image-size", type=int)
    args = parser.parse_args(words)

    x, y = map(float, args.click.split(","))
    settings = TrackingSettings(model=args.model, image_size=args.image_size)
    with Shot.new(args.output / "work.roto", args.clip, frames=args.range, settings=settings) as shot:
        first = shot.document.range.first
        with Session(shot) as session:
            session.click("subject", first, [(x, y, True)])
            print("tracked:", session.track().tracked)

            fix = shot.review().fix()
            assert fix is not None  # only one frame is a keyframe
            print(f"a click helps most on frame {fix.frame}")
            shown = session.results.read("subject", fix.frame)
            assert shown is not None
            footage = shot.document.footage
            session.click("subject", fix.frame, [surest(shown.logits, footage.width, footage.height)])
            print("tracked again:", session.track().tracked)
            shot.undo()
            print("undone, tracked again:", session.track().tracked)
            shot.redo()
        delivered = shot.export(args.output / "mattes")
    print(f"{len(delivered.files['mattes'])} mattes, from {delivered.files['mattes'][0]}")


if __name__ == "__main__":
    main()
