"""Steps through time: chatter taken out along the motion, and edges blurred as the shutter would."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.mattes.scene import Moment, Picture, Scene, changing_box

Box = tuple[int, int, int, int]

_ALIKE = 0.05  # difference of colour, 0 to 1, at which a neighbour counts for 1/e
_PATCH = 9  # side of the patches, in pixels of the reduced plate, in which colours are compared first
_FASTEST = 48  # samples along a blur at most


def stabilised(scene: Scene, strength: float = 1.0) -> Tensor:
    """Alpha averaged with that of the frames round it, each carried along the plate's motion to this one.

    A neighbour counts where its plate, carried likewise, looks as this one, in patches and pixel for pixel: where
    something is uncovered, or the motion was measured wrongly, it does not, and nothing trails behind. Where it is off
    by less than a hair's width, hairs are not smeared.

    Args:
        scene: the frames; those without plate or object are left out, and alone the matte stays as it is.
        strength: weight of a neighbour that looks the same; 1 counts it as much as the frame itself.

    Returns:
        float32 ``[H, W]``.
    """
    alpha, picture = scene.moment.alpha, scene.moment.picture
    others = scene.others()
    if alpha is None or picture is None or not others or strength <= 0:
        return _alpha_of(scene)
    box = _union([changing_box(moment.alpha, 16) for moment in (scene.moment, *others) if moment.alpha is not None])
    if box is None:
        return alpha
    total = alpha[box[1] : box[3], box[0] : box[2]].clone()
    weights = torch.ones_like(total)
    for other in others:
        carried, weight = _carried(picture, other, box, alpha.shape)
        weight = weight * strength
        total += weight * carried
        weights += weight
    steady = alpha.clone()
    steady[box[1] : box[3], box[0] : box[2]] = total / weights
    return steady


def motion_blurred(scene: Scene, shutter: float) -> Tensor:
    """Alpha smeared along the object's own motion over the part ``shutter`` of a frame's time, centred on the frame.

    The motion is that of the plate inside the matte, between this frame and those beside it, carried outwards from it.
    Without plate or neighbours the matte stays as it is.
    """
    alpha, picture = scene.moment.alpha, scene.moment.picture
    velocity = None if picture is None else _velocity(scene)
    if alpha is None or velocity is None or shutter <= 0:
        return _alpha_of(scene)
    height, width = alpha.shape
    inside = F.interpolate(alpha[None, None], size=velocity.shape[1:], mode="area")[0, 0]
    motion = _spread(velocity, inside) * _scales(velocity, alpha.shape)
    reach = shutter * float((motion.norm(dim=0) * (_blurred(inside[None], 8)[0] > 1e-3)).max())
    box = changing_box(alpha, reach / 2 + 2)
    if reach < 0.5 or box is None:
        return alpha
    x0, y0, x1, y1 = box
    path = shutter * _at_box(motion, box, (height, width))
    count = min(_FASTEST, max(3, math.ceil(reach)))
    smeared = torch.zeros(y1 - y0, x1 - x0, device=alpha.device)
    for sample in range(count):
        smeared += _sample(alpha[None], box, path * ((sample + 0.5) / count - 0.5))[0]
    result = alpha.clone()
    result[y0:y1, x0:x1] = smeared / count
    return result


def _alpha_of(scene: Scene) -> Tensor:
    if scene.moment.alpha is None:
        raise ValueError(f"the object is absent on frame {scene.moment.frame}")
    return scene.moment.alpha


def _carried(picture: Picture, other: Moment, box: Box, size: torch.Size) -> tuple[Tensor, Tensor]:
    """Another frame's alpha brought to this one within ``box``, and how far it is to be believed, 0 to 1."""
    if other.alpha is None or other.picture is None:
        raise ValueError(f"frame {other.frame} lacks its matte or plate")
    flow = picture.flow_to(other.picture)
    here, there = (_planes(plate, flow.device) for plate in (picture, other.picture))
    small = (0, 0, flow.shape[2], flow.shape[1])
    difference = (here - _sample(there, small, flow)).abs_().mean(0, keepdim=True)
    path = _at_box(flow * _scales(flow, size), box, (size[0], size[1]))
    weight = _at_box(_alike(_blurred(difference, _PATCH)), box, (size[0], size[1]))
    weight *= _alike(_difference(picture, other.picture, box, path))
    return _sample(other.alpha[None], box, path)[0], weight[0]


def _alike(difference: Tensor) -> Tensor:
    return torch.exp(-((difference / _ALIKE) ** 2))


def _difference(picture: Picture, other: Picture, box: Box, path: Tensor) -> Tensor:
    """How much the pixels of ``box`` differ from where ``path`` leads in another plate: ``[1, h, w]``, 0 to 1."""
    x0, y0, x1, y1 = box
    if path.device.type == "cpu":  # in codes, a sixth of the time
        x = path[0].numpy() + np.arange(x0, x1, dtype=np.float32)
        y = path[1].numpy() + np.arange(y0, y1, dtype=np.float32)[:, None]
        moved = cv2.remap(other.view, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        codes = cv2.transform(cv2.absdiff(picture.view[y0:y1, x0:x1], moved), np.full((1, 3), 1 / 3, np.float32))
        return torch.from_numpy(codes)[None].float().div_(255)
    height, width = other.view.shape[:2]
    return (picture.planes(box) - _sample(other.planes((0, 0, width, height)), box, path)).abs_().mean(0, keepdim=True)


def _velocity(scene: Scene) -> Tensor | None:
    """Motion of the reduced plate per frame, ``[2, h, w]``, from the nearest neighbour on either side."""
    now, picture = scene.moment, scene.moment.picture
    beside = [m for m in scene.moments if m.picture is not None and abs(m.frame - now.frame) == 1]
    if picture is None or not beside:
        return None
    steps = [picture.flow_to(m.picture) * (m.frame - now.frame) for m in beside if m.picture is not None]
    return torch.stack(steps).mean(0)


def _spread(velocity: Tensor, inside: Tensor) -> Tensor:
    """The object's velocity, carried outwards from where it is solid by averages over wider and wider windows."""
    weight = (inside > 0.95).float()[None]
    if not bool(weight.any()):
        weight = inside[None]
    found, sure = torch.zeros_like(velocity), torch.zeros_like(weight)
    for side in (5, 13, 33, 81):
        share = _blurred(weight, side)
        mean = _blurred(velocity * weight, side) / share.clamp(min=1e-6)
        fresh = (share > 1e-4) & (sure < 0.5)
        found, sure = torch.where(fresh, mean, found), torch.where(fresh, torch.ones_like(sure), sure)
    return found


def _planes(picture: Picture, device: torch.device) -> Tensor:
    return torch.from_numpy(picture.small).to(device).permute(2, 0, 1).float().div_(255)


def _scales(field: Tensor, size: torch.Size) -> Tensor:
    """What turns x and y in pixels of ``field`` into pixels of a plate of ``size``."""
    return torch.tensor([size[1] / field.shape[2], size[0] / field.shape[1]], device=field.device).view(2, 1, 1)


def _at_box(field: Tensor, box: Box, size: tuple[int, int]) -> Tensor:
    """A reduced field ``[C, h, w]`` at the plate pixels of ``box``, bilinear."""
    x0, y0, x1, y1 = box
    (height, width), (h, w) = size, field.shape[1:]
    y = (torch.arange(y0, y1, device=field.device) + 0.5) * (2 / height) - 1
    x = (torch.arange(x0, x1, device=field.device) + 0.5) * (2 / width) - 1
    if (height, width) == (h, w):
        return field[:, y0:y1, x0:x1]
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    return F.grid_sample(field[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]


def _sample(planes: Tensor, box: Box, path: Tensor) -> Tensor:
    """``planes [C, H, W]`` where ``path [2, h, w]`` leads from the pixels of ``box``; the border goes on outwards."""
    x0, y0, x1, y1 = box
    height, width = planes.shape[1:]
    x = (torch.arange(x0, x1, device=path.device) + path[0] + 0.5) * (2 / width) - 1
    y = (torch.arange(y0, y1, device=path.device)[:, None] + path[1] + 0.5) * (2 / height) - 1
    grid = torch.stack([x, y], dim=-1)[None]
    return F.grid_sample(planes[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0]


def _blurred(planes: Tensor, side: int) -> Tensor:
    """Means over windows of about ``side`` pixels, at the border over the part that is there."""
    taps = side // 2
    rows = F.avg_pool2d(planes[None], (2 * taps + 1, 1), 1, (taps, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, 2 * taps + 1), 1, (0, taps), count_include_pad=False)[0]


def _union(boxes: list[Box | None]) -> Box | None:
    known = [box for box in boxes if box is not None]
    if not known:
        return None
    x0, y0, x1, y1 = zip(*known, strict=True)
    return min(x0), min(y0), max(x1), max(y1)
