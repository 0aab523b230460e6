"""One static quantization by neural-compressor's ONNX path, to measure against: its whole process is timed from outside.

    pip install "neural-compressor==2.6" "onnx<1.17" "onnxruntime<1.20" "numpy<2"    (3.x has no ONNX path)
    python neural_compressor_static.py MODEL.onnx IMAGES.npy OUT.onnx minmax|kl

IMAGES.npy: uint8 NHWC, normalized here with the ImageNet statistics.
"""

import os
import sys

import numpy as np
import onnx
from neural_compressor import PostTrainingQuantConfig, quantization

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


class Images:
    """One image a run, in file order."""

    batch_size = 1

    def __init__(self, images: np.ndarray) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self):
        for image in self.images:
            pixels = (image.astype(np.float32) / 255 - MEAN) / STD
            yield np.ascontiguousarray(pixels.transpose(2, 0, 1))[None], 0


def main(model: str, images: str, output: str, method: str) -> None:
    samples, network = np.load(images, mmap_mode="r"), onnx.load(model)
    # It leaves a workspace in the current folder.
    os.chdir(os.path.dirname(os.path.abspath(output)))
    config = PostTrainingQuantConfig(
        approach="static",
        calibration_sampling_size=[len(samples)],
        op_type_dict={".*": {"activation": {"algorithm": [method]}}},
        quant_level=1,
    )
    quantized = quantization.fit(network, config, calib_dataloader=Images(samples))
    quantized.save(os.path.basename(output))


main(*sys.argv[1:])
