"""The tracker by hand: an object is added half way, corrected, and followed backwards to the beginning.

python examples/several_objects.py                                  the sample clip
python examples/several_objects.py shot.mp4 --first 410,250 --second 600,300 --correct 390,260
"""

from __future__ import annotations

import argparse
from pathlib import Path

from compositing import open_footage
from sam2_roto import FramePrompt, MatteRecipe, Tracker, load_model
from sam2_roto.demo import CLICK, demo_clip
from sam2_roto.export.contact import ContactSheet
from sam2_roto.export.preview import overlay
from sam2_roto.tracking import FrameResult


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, default=demo_clip())
    parser.add_argument("--first", default=f"{CLICK[0]},{CLICK[1]}", help="a pixel X,Y on an object, first frame")
    parser.add_argument("--second", default="624,300", help="a pixel X,Y on another object, half way")
    parser.add_argument("--correct", help="a pixel X,Y that belongs to the first object, half way")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/several_objects.png"))
    parser.add_argument("--frames", type=int, help="only so many frames, to be quick (default: all)")
    parser.add_argument("--model", help="a model's name or a weights file")
    parser.add_argument("--image-size", type=int)
    args = parser.parse_args(words)

    with open_footage(args.clip) as footage:
        frames = list(footage.frames)[: args.frames]
        half = frames[len(frames) // 2]
        tracker = Tracker(load_model(args.model, image_size=args.image_size), footage, frames=frames)
        sheet, size = ContactSheet(args.clip.name, ("first", "second")), (footage.height, footage.width)

        def show(result: FrameResult, label: str) -> None:
            """Put a frame with the mattes of its objects on the contact sheet."""
            logits = [result.objects[name].logits for name in ("first", "second") if name in result.objects]
            mattes = [MatteRecipe().apply(rows, size).cpu().numpy() for rows in logits]
            sheet.add(f"{result.frame} {label}", overlay(footage.view(result.frame), mattes))
            print(result.frame, label, {name: f"score {entry.score:.1f}" for name, entry in result.objects.items()})

        tracker.prompt("first", frames[0], click(args.first))
        for result in tracker.propagate(stop=half):  # frames come one by one; leave the loop whenever you like
            if result.frame == frames[0]:
                show(result, "marked")

        tracker.prompt("second", half, click(args.second))  # a new object, at any time
        if args.correct:
            tracker.prompt("first", half, click(args.correct))  # refines what was tracked on that frame
        for result in tracker.propagate(start=half):
            if result.frame in (half, frames[-1]):
                show(result, "forward")

        for result in tracker.propagate(start=half, reverse=True):
            if result.frame == frames[0]:
                show(result, "backward")

        tracker.remove("second")  # the first is not touched
        print("left:", *tracker.objects)

    args.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.write(args.output)
    print(args.output)


def click(text: str) -> FramePrompt:
    """``"X,Y"`` as a click on an object."""
    x, y = map(float, text.split(","))
    return FramePrompt(points=((x, y, True),))


if __name__ == "__main__":
    main()
