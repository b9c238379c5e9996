"""One picture: a click that could mean three things, then a second click that says which.

python examples/image_mode.py                                       a frame of the sample clip
python examples/image_mode.py photo.jpg --click 410,250 --beside 300,80
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from compositing import open_footage
from sam2_roto import ImagePredictor, load_model
from sam2_roto.demo import CLICK, demo_clip


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="?", type=Path, default=demo_clip(), help="a picture, or a clip's first frame")
    parser.add_argument("--click", default=f"{CLICK[0]},{CLICK[1]}", help="a pixel X,Y on the object")
    parser.add_argument("--beside", default="40,40", help="a pixel X,Y that does not belong to it")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/image_mode.png"))
    parser.add_argument("--model", help="a model's name or a weights file")
    parser.add_argument("--image-size", type=int)
    args = parser.parse_args(words)

    with open_footage(args.picture) as footage:
        view = footage.view(footage.first)  # uint8 RGB [H, W, 3]
    predictor = ImagePredictor(load_model(args.model, image_size=args.image_size))
    predictor.set_image(view)  # the picture is encoded once, prompts are answered at once

    on = click(args.click, True)
    first = predictor.predict(points=[on])
    for index, iou in enumerate(first.iou.tolist()):
        share = first.masks()[index].mean()
        print(f"candidate {index}: {share:.1%} of the picture, IoU predicted {iou:.2f}")

    refined = predictor.predict(points=[on, click(args.beside, False)], logits=first.logits[first.best])
    alpha = refined.alpha()  # float32 [H, W] in 0..1, with antialiased edges
    print(f"refined: {alpha.mean():.1%} of the picture")

    args.output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(255 * alpha + 0.5)).save(args.output)
    print(args.output)


def click(text: str, positive: bool) -> tuple[float, float, bool]:
    """``"X,Y"`` as a click on the object, or beside it."""
    x, y = map(float, text.split(","))
    return x, y, positive


if __name__ == "__main__":
    main()
