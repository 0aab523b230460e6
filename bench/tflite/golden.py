"""Golden codes of TFLite's own int8 kernels, by LiteRT's reference resolver; Softmax by TFLite Micro, whose kernel alone is in
integers throughout.

    pip install ai-edge-litert numpy pyyaml && pip install --no-deps tflite-micro
    python bench/tflite/golden.py test/integer/golden/tflite.json

Each case is a model of one operator, made here as a flatbuffer: its inputs, its numbers, and what the kernel gives.
"""

import json
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro.python.tflite_micro import runtime as micro

random = np.random.default_rng(18)


class Net:
    """A model of one operator."""

    def __init__(self):
        self.buffers = [tfl.BufferT()]
        self.tensors = []

    def tensor(self, shape, kind, scale, zero, data=None, axis=0):
        buffer = 0
        if data is not None:
            made = tfl.BufferT()
            made.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.buffers.append(made)
            buffer = len(self.buffers) - 1
        grid = tfl.QuantizationParametersT()
        scales = np.atleast_1d(np.asarray(scale, np.float32))
        grid.scale = scales
        grid.zeroPoint = np.broadcast_to(np.asarray(zero, np.int64), scales.shape).copy()
        grid.quantizedDimension = axis
        tensor = tfl.TensorT()
        tensor.shape = np.asarray(shape, np.int32)
        tensor.type = kind
        tensor.buffer = buffer
        tensor.name = f"t{len(self.tensors)}"
        tensor.quantization = grid
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def run(self, operator, version, options_type, options, operands, output, feeds, is_micro=False):
        op = tfl.OperatorT()
        op.inputs, op.outputs = np.asarray(operands, np.int32), np.asarray([output], np.int32)
        op.builtinOptionsType, op.builtinOptions = options_type, options
        code = tfl.OperatorCodeT()
        code.builtinCode = operator
        code.deprecatedBuiltinCode = min(operator, 127)
        code.version = version
        graph = tfl.SubGraphT()
        graph.tensors, graph.operators = self.tensors, [op]
        graph.inputs = np.asarray([index for index, _ in feeds], np.int32)
        graph.outputs = np.asarray([output], np.int32)
        model = tfl.ModelT()
        model.version, model.buffers = 3, self.buffers
        model.operatorCodes, model.subgraphs = [code], [graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        if is_micro:
            interpreter = micro.Interpreter.from_bytes(bytes(builder.Output()), arena_size=2**20)
            for i, (_, data) in enumerate(feeds):
                interpreter.set_input(data, i)
            interpreter.invoke()
            return interpreter.get_output(0)
        interpreter = Interpreter(
            model_content=bytes(builder.Output()),
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        )
        interpreter.allocate_tensors()
        for (index, data), detail in zip(feeds, interpreter.get_input_details()):
            interpreter.set_tensor(detail["index"], data)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def codes(*shape):
    return random.integers(-128, 128, shape).astype(np.int8)


def nchw(array):
    return array.transpose(0, 3, 1, 2)


def value(array):
    return {"dims": list(array.shape), "data": array.flatten().tolist()}


def floats(scale):
    return np.atleast_1d(np.asarray(scale, np.float32)).astype(float).tolist()


INT8, INT32 = tfl.TensorType.INT8, tfl.TensorType.INT32
NONE, RELU, RELU6 = 0, 1, 3


def bounds(activation, scale, zero):
    low, high = -128, 127
    if activation != NONE:
        low = max(low, zero)
    if activation == RELU6:
        high = min(high, zero + int(round(6 / float(np.float32(scale)))))
    return {"low": low, "high": high}


def convolution(name, depthwise, kernel, stride, dilation, same, activation, inputs=5, outputs=6):
    """Conv2D or DepthwiseConv2D, per channel, as ONNX has it: NCHW and OIHW."""
    net = Net()
    x = codes(2, 7, 6, inputs)
    sx, zx, sy, zy = 0.0237, -13, (0.031 if activation else 0.11), (-128 if activation else 17)
    channels = inputs * 2 if depthwise else outputs
    sw = (0.006 * 1.7 ** random.uniform(-3, 3, channels)).astype(np.float32)
    shape = (1, *kernel, channels) if depthwise else (channels, *kernel, inputs)
    w = random.integers(-127, 128, shape).astype(np.int8)
    bias = random.integers(-6000, 6000, channels).astype(np.int32)
    options = tfl.DepthwiseConv2DOptionsT() if depthwise else tfl.Conv2DOptionsT()
    options.padding = tfl.Padding.SAME if same else tfl.Padding.VALID
    options.strideH, options.strideW = stride
    options.dilationHFactor, options.dilationWFactor = dilation
    options.fusedActivationFunction = activation
    if depthwise:
        options.depthMultiplier = 2
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    sizes = [-(-n // s) if same else (n - r) // s + 1 for n, r, s in zip((7, 6), reach, stride)]
    operands = [
        net.tensor(x.shape, INT8, sx, zx),
        net.tensor(w.shape, INT8, sw, 0, w, axis=3 if depthwise else 0),
        net.tensor(bias.shape, INT32, np.float32(sx) * sw, 0, bias),
    ]
    output = net.tensor((2, *sizes, channels), INT8, sy, zy)
    kind = tfl.BuiltinOperator.DEPTHWISE_CONV_2D if depthwise else tfl.BuiltinOperator.CONV_2D
    option = tfl.BuiltinOptions.DepthwiseConv2DOptions if depthwise else tfl.BuiltinOptions.Conv2DOptions
    y = net.run(kind, 3, option, options, operands, output, [(operands[0], x)])
    total = [max(0, (o - 1) * s + r - n) if same else 0 for o, s, r, n in zip(sizes, stride, reach, (7, 6))]
    before = [t // 2 for t in total]
    return {
        "name": name,
        "operator": "conv",
        "inputs": [{**value(nchw(x)), "scale": floats(sx), "zeroPoint": zx}],
        "weight": value(w.transpose(3, 0, 1, 2) if depthwise else w.transpose(0, 3, 1, 2)),
        "weightScales": floats(sw),
        "bias": bias.tolist(),
        "strides": stride,
        "dilations": dilation,
        "pads": [*before, *(t - b for t, b in zip(total, before))],
        "group": inputs if depthwise else 1,
        "output": {**value(nchw(y)), "scale": floats(sy), "zeroPoint": zy},
        **bounds(activation, sy, zy),
    }


def connected(name, activation, sy, most=(127, 9000)):
    """Weights and biases up to a magnitude: small ones leave sums that a multiplier above 1 does not saturate."""
    net = Net()
    x, w = codes(4, 24), random.integers(-most[0], most[0] + 1, (9, 24)).astype(np.int8)
    x = x if most[0] > 1 else (31 + x // 16).astype(np.int8)
    bias = random.integers(-most[1], most[1], 9).astype(np.int32)
    sx, zx, sw, zy = 0.043, 31, 0.0071, (-128 if activation else -7)
    options = tfl.FullyConnectedOptionsT()
    options.fusedActivationFunction = activation
    operands = [
        net.tensor(x.shape, INT8, sx, zx),
        net.tensor(w.shape, INT8, sw, 0, w),
        net.tensor(bias.shape, INT32, np.float32(sx) * np.float32(sw), 0, bias),
    ]
    output = net.tensor((4, 9), INT8, sy, zy)
    option = tfl.BuiltinOptions.FullyConnectedOptions
    y = net.run(tfl.BuiltinOperator.FULLY_CONNECTED, 4, option, options, operands, output, [(operands[0], x)])
    return {
        "name": name,
        "operator": "fully-connected",
        "inputs": [{**value(x), "scale": floats(sx), "zeroPoint": zx}],
        "weight": value(w),
        "weightScales": floats([sw] * 9),
        "bias": bias.tolist(),
        "output": {**value(y), "scale": floats(sy), "zeroPoint": zy},
        **bounds(activation, sy, zy),
    }


def pair(name, kind, grids, activation):
    """Add or Mul of two activations: grids of both and of the result."""
    net = Net()
    (s1, z1), (s2, z2), (sy, zy) = grids
    a, b = codes(1, 16, 16, 1), codes(1, 16, 16, 1)
    options = tfl.AddOptionsT() if kind == "add" else tfl.MulOptionsT()
    options.fusedActivationFunction = activation
    operands = [net.tensor(a.shape, INT8, s1, z1), net.tensor(b.shape, INT8, s2, z2)]
    output = net.tensor(a.shape, INT8, sy, zy)
    operator = tfl.BuiltinOperator.ADD if kind == "add" else tfl.BuiltinOperator.MUL
    option = tfl.BuiltinOptions.AddOptions if kind == "add" else tfl.BuiltinOptions.MulOptions
    y = net.run(operator, 2, option, options, operands, output, list(zip(operands, (a, b))))
    return {
        "name": name,
        "operator": kind,
        "inputs": [
            {**value(nchw(a)), "scale": floats(s1), "zeroPoint": z1},
            {**value(nchw(b)), "scale": floats(s2), "zeroPoint": z2},
        ],
        "output": {**value(nchw(y)), "scale": floats(sy), "zeroPoint": zy},
        **bounds(activation, sy, zy),
    }


def pool(name, kernel, stride, same):
    net = Net()
    x, scale, zero = codes(1, 7, 6, 3), 0.05, 9
    options = tfl.Pool2DOptionsT()
    options.padding = tfl.Padding.SAME if same else tfl.Padding.VALID
    options.filterHeight, options.filterWidth = kernel
    options.strideH, options.strideW = stride
    sizes = [-(-n // s) if same else (n - k) // s + 1 for n, k, s in zip((7, 6), kernel, stride)]
    operand, output = net.tensor(x.shape, INT8, scale, zero), net.tensor((1, *sizes, 3), INT8, scale, zero)
    kind = tfl.BuiltinOperator.AVERAGE_POOL_2D
    y = net.run(kind, 2, tfl.BuiltinOptions.Pool2DOptions, options, [operand], output, [(operand, x)])
    total = [max(0, (o - 1) * s + k - n) if same else 0 for o, s, k, n in zip(sizes, stride, kernel, (7, 6))]
    before = [t // 2 for t in total]
    grid = {"scale": floats(scale), "zeroPoint": zero}
    return {
        "name": name,
        "operator": "average-pool",
        "inputs": [{**value(nchw(x)), **grid}],
        "kernel": kernel,
        "strides": stride,
        "pads": [*before, *(t - b for t, b in zip(total, before))],
        "output": {**value(nchw(y)), **grid},
        "low": -128,
        "high": 127,
    }


def mean(name, sx, zx, sy, zy):
    net = Net()
    x = codes(3, 5, 7, 8)
    options = tfl.ReducerOptionsT()
    options.keepDims = True
    operands = [
        net.tensor(x.shape, INT8, sx, zx),
        net.tensor((2,), INT32, 1, 0, np.asarray([1, 2], np.int32)),
    ]
    net.tensors[1].quantization = None
    output = net.tensor((3, 1, 1, 8), INT8, sy, zy)
    option = tfl.BuiltinOptions.ReducerOptions
    y = net.run(tfl.BuiltinOperator.MEAN, 2, option, options, operands, output, [(operands[0], x)])
    return {
        "name": name,
        "operator": "average-pool",
        "inputs": [{**value(nchw(x)), "scale": floats(sx), "zeroPoint": zx}],
        "kernel": [5, 7],
        "strides": [1, 1],
        "pads": [0, 0, 0, 0],
        "output": {**value(nchw(y)), "scale": floats(sy), "zeroPoint": zy},
        "low": -128,
        "high": 127,
    }


def softmax(name, sx, zx, terms, wide=False):
    """Shares of 8 bits, or of 16: the codes are then those less 32,768."""
    net = Net()
    x = codes(1, 8, terms)
    options = tfl.SoftmaxOptionsT()
    options.beta = 1.0
    sy, zy = (2.0**-16, -(2**15)) if wide else (2.0**-8, -128)
    operand = net.tensor(x.shape, INT8, sx, zx)
    output = net.tensor(x.shape, tfl.TensorType.INT16 if wide else INT8, sy, zy)
    option = tfl.BuiltinOptions.SoftmaxOptions
    y = net.run(tfl.BuiltinOperator.SOFTMAX, 2, option, options, [operand], output, [(operand, x)], is_micro=True)
    return {
        "name": name,
        "operator": "softmax",
        "inputs": [{**value(x), "scale": floats(sx), "zeroPoint": zx}],
        "output": {**value(y), "scale": floats(sy), "zeroPoint": zy},
        "low": -128,
        "high": 127,
    }


def products(name, grids, shapes):
    net = Net()
    (s1, z1), (s2, z2), (sy, zy) = grids
    a, b = codes(*shapes[0]), codes(*shapes[1])
    operands = [net.tensor(a.shape, INT8, s1, z1), net.tensor(b.shape, INT8, s2, z2)]
    outer = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    output = net.tensor((*outer, a.shape[-2], b.shape[-1]), INT8, sy, zy)
    option = tfl.BuiltinOptions.BatchMatMulOptions
    options = tfl.BatchMatMulOptionsT()
    y = net.run(tfl.BuiltinOperator.BATCH_MATMUL, 4, option, options, operands, output, list(zip(operands, (a, b))))
    return {
        "name": name,
        "operator": "batch-matmul",
        "inputs": [
            {**value(a), "scale": floats(s1), "zeroPoint": z1},
            {**value(b), "scale": floats(s2), "zeroPoint": z2},
        ],
        "output": {**value(y), "scale": floats(sy), "zeroPoint": zy},
        "low": -128,
        "high": 127,
    }


cases = [
    convolution("Conv2D 3×3", False, [3, 3], [1, 1], [1, 1], True, NONE),
    convolution("Conv2D 3×3, strides, ReLU", False, [3, 3], [2, 2], [1, 1], True, RELU),
    convolution("Conv2D 2×3, dilated, ReLU6", False, [2, 3], [1, 1], [2, 1], False, RELU6),
    convolution("DepthwiseConv2D 3×3", True, [3, 3], [1, 1], [1, 1], True, NONE),
    convolution("DepthwiseConv2D 3×2, strides, ReLU6", True, [3, 2], [2, 1], [1, 1], False, RELU6),
    connected("FullyConnected", NONE, 0.35),
    connected("FullyConnected, M above 1, ReLU", RELU, 0.0002, (1, 40)),
    pair("Add", "add", [(0.021, -5), (0.0134, 40), (0.0282, 3)], NONE),
    pair("Add of far scales, ReLU", "add", [(0.3, 0), (0.0007, -128), (0.31, -128)], RELU),
    pair("Mul", "mul", [(0.021, -5), (0.0134, 40), (0.017, 3)], NONE),
    pool("AveragePool2D 2×2", [2, 2], [2, 2], False),
    pool("AveragePool2D 3×3, padded", [3, 3], [1, 2], True),
    mean("Mean to a smaller scale", 0.05, -3, 0.0171, 5),
    mean("Mean to another zero point", 0.031, 20, 0.044, -11),
    softmax("Softmax", 0.021, -9, 11),
    softmax("Softmax of a wide scale, most of it beyond exp", 0.31, 4, 17),
    softmax("Softmax of many terms", 0.05, 0, 120),
    softmax("Softmax to shares of 16 bits", 0.043, 12, 9, wide=True),
    products("BatchMatMul", [(0.021, -5), (0.0134, 40), (0.043, 3)], [(2, 3, 5, 8), (2, 3, 8, 7)]),
    products("BatchMatMul, broadcast", [(1 / 256, -128), (0.02, 7), (0.011, -4)], [(2, 3, 4, 16), (1, 3, 16, 5)]),
]
with open(sys.argv[1], "w") as file:
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    file.write(f"[\n{lines}\n]\n")
