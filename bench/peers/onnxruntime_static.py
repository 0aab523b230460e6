"""One static quantization by Python's onnxruntime, to measure against: its whole process is timed from outside.

    pip install onnx onnxruntime numpy
    python onnxruntime_static.py MODEL.onnx IMAGES.npy OUT.onnx minmax|entropy|percentile

IMAGES.npy: uint8 NHWC, normalized here with the ImageNet statistics; W8A8, weights per channel.
"""

import sys

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


class Images(CalibrationDataReader):
    """One image a run, in file order."""

    def __init__(self, input_name: str, images: np.ndarray) -> None:
        mean = np.array([0.485, 0.456, 0.406], np.float32)
        std = np.array([0.229, 0.224, 0.225], np.float32)
        pixels = (images.astype(np.float32) / 255 - mean) / std
        self.feeds = ({input_name: image[None]} for image in np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))

    def get_next(self):
        return next(self.feeds, None)


def main(model: str, images: str, output: str, method: str) -> None:
    input_name = onnxruntime.InferenceSession(model).get_inputs()[0].name
    prepared = output + ".prepared.onnx"
    quant_pre_process(model, prepared)
    quantize_static(
        prepared,
        output,
        Images(input_name, np.load(images)),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=METHODS[method],
    )


main(*sys.argv[1:])
