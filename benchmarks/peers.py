"""movis and moviepy at one composite of 8-bit pictures, in a Python of their own; see ``operations.py``."""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np


def composite_codes(width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Foreground ``[H, W, 3]`` uint8, a soft disc ``[H, W]`` float32, and the plate ``[H, W, 3]`` uint8."""
    random = np.random.default_rng(0)
    front, plate = random.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    y, x = np.ogrid[:height, :width]
    alpha = np.clip((height * 0.4 - np.hypot(x - width / 2, y - height / 2)) / 20 + 0.5, 0, 1)
    return front, alpha.astype(np.float32), plate


# Run by the Python that has the peers.
PEERS = """
import json, sys, time
import cv2
import numpy as np
import movis
from moviepy import CompositeVideoClip, ImageClip
clock = time.process_time if sys.argv[2] == "cpu" else time.perf_counter
cv2.setNumThreads(int(sys.argv[3]))
front, alpha, plate = (np.load(sys.argv[1])[name] for name in ("front", "alpha", "plate"))
height, width = alpha.shape
top = np.dstack([front, np.round(alpha * 255).astype(np.uint8)])
scene = movis.layer.Composition((width, height), duration=100.0)
scene.add_layer(movis.layer.Image(np.dstack([plate, np.full_like(plate[..., 0], 255)]), duration=100.0))
# A layer that moves by less than a pixel's part is drawn anew for each frame, past the cache of still layers.
moving = scene.add_layer(movis.layer.Image(top, duration=100.0), name="top")
moving.opacity.enable_motion().extend([0.0, 100.0], [1.0, 0.99])
clip = CompositeVideoClip([ImageClip(plate), ImageClip(top, transparent=True)], size=(width, height))
clip = clip.with_duration(100.0)
for line in sys.stdin:
    name, moment = line.split()
    start = clock()
    picture = scene(float(moment)) if name == "movis" else clip.get_frame(float(moment))
    print(json.dumps([(clock() - start) * 1e3, list(picture.shape)]), flush=True)
"""


class Peer:
    """movis and moviepy in a process of their own, asked for one frame at a time so that runs alternate."""

    def __init__(self, asked: argparse.Namespace, width: int, height: int, folder: Path) -> None:
        front, alpha, plate = composite_codes(width, height)
        np.savez(folder / "plates.npz", front=front, alpha=alpha, plate=plate)
        words = [asked.peers_python, "-c", PEERS, str(folder / "plates.npz"), asked.clock, str(asked.threads)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._moment = 0.0

    def milliseconds(self, name: str) -> float:
        """What the peer took for the next frame, by its own clock."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._moment += 0.04
        self._process.stdin.write(f"{name} {self._moment}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("The peers' Python stopped; see its words above (it needs movis and moviepy).")
        return float(json.loads(answer)[0])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
