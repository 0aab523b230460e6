"""Exports a ResNet-50 with random weights and settled BatchNorm statistics, with uint8 images: for time and memory.

    python export_resnet50.py OUT_DIR [COUNT ...]

Writes resnet50.onnx (BatchNorm unfolded) and resnet50-COUNT.npy for each count: uint8 NHWC, 224 by 224; 128 by default.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import nn

from export import images, settle
from vision import resnet50
from writing import check_model, describe, write_model

SIZE = 224
DEFAULT_COUNT = 128


def draw(random: np.random.Generator, model: nn.Module, count: int) -> dict[str, np.ndarray]:
    # Statistics of a few images are enough to keep the signal's size: settling asks for 16 a batch.
    return images(SIZE)(random, model, count // 4)


def write_images(path: Path, count: int) -> None:
    """Noise of three coarsenesses, one image at a time."""
    random = np.random.default_rng(1)
    array = open_memmap(path, "w+", np.uint8, (count, SIZE, SIZE, 3))
    for index in range(count):
        (image,) = images(SIZE)(random, nn.Identity(), 1)["image"]
        array[index] = np.clip(image.transpose(1, 2, 0) * 60 + 120, 0, 255)
    array.flush()


def main(out: Path, counts: list[int]) -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    model = resnet50()
    settle(model, draw, random)
    samples = draw(random, model, 8)
    path = out / "resnet50.onnx"
    out.mkdir(parents=True, exist_ok=True)
    axes = {name: {0: "batch"} for name in ("image", "logits")}
    write_model(path, model, samples, ["logits"], axes, keep_batch_norm=True)
    print(f"{describe(path)}, error {check_model(path, model, [samples]):.0e}")
    for count in counts or [DEFAULT_COUNT]:
        write_images(out / f"resnet50-{count}.npy", count)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(count) for count in sys.argv[2:]])
