"""Golden gradients of every operator with a rule, by torch in float64: test/derive/golden/<operator>.json.

    python bench/gradients/golden.py     # torch 2.13

Values are drawn once, from a fixed seed, and kept to three digits so that the files stay small.
"""

import json
import math
import pathlib
import zlib

import torch
import torch.nn.functional as F

OUT = pathlib.Path(__file__).parents[2] / "test" / "derive" / "golden"
files = {}


def array(*dims, low=-1.0, high=1.0, away=(), by=0.15):
    """Uniform numbers of three digits; none within `by` of the kinks in `away`."""
    values = torch.empty(dims, dtype=torch.float64).uniform_(low, high, generator=generator)
    for kink in away:
        near = (values - kink).abs() < by
        values = torch.where(near, kink + torch.where(values >= kink, by, -by), values)
    return (values * 1000).round() / 1000


def f(value):
    """A float attribute, whole or not."""
    return {"float": value}


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def stored(tensor):
    kind = {} if tensor.is_floating_point() else {"type": str(tensor.dtype).removeprefix("torch.")}
    values = [float(f"{v:.9g}") for v in tensor.flatten().tolist()]
    values = [int(v) if v == int(v) else v for v in values]
    return {"dims": list(tensor.shape), "values": values, **kind}


def case(op, name, function, inputs, attributes=None, domain="", opset=17, wanted=None):
    """One case. `function` is torch's; inputs that are integers, or not in `wanted`, get no gradient."""
    global generator
    made = [make() if callable(make) else make for make in inputs]
    takes = [
        t is not None and t.is_floating_point() and (wanted is None or at in wanted) for at, t in enumerate(made)
    ]
    leaves = [t.clone().requires_grad_(take) if t is not None else None for t, take in zip(made, takes)]
    outputs = function(*leaves)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    seeds = [array(*output.shape) for output in outputs]
    total = sum((output * seed).sum() for output, seed in zip(outputs, seeds))
    total.backward()
    files.setdefault(op, []).append(
        {
            "name": name,
            "attributes": attributes or {},
            **({"domain": domain} if domain else {}),
            **({"opset": opset} if opset != 17 else {}),
            "inputs": [None if t is None else stored(t) for t in made],
            "gradients": [stored(seed) for seed in seeds],
            "expected": [stored(leaf.grad)["values"] if take else None for leaf, take in zip(leaves, takes)],
        }
    )


def section(op):
    """Each operator draws from its own seed, so that a new one leaves the others as they are."""
    global generator
    generator = torch.Generator().manual_seed(zlib.crc32(op.encode()))


def convolutions():
    section("Conv")
    for name, x, w, settings in [
        ("3x3, padded", (2, 3, 5, 6), (4, 3, 3, 3), {"padding": 1}),
        ("1x1", (2, 3, 4, 4), (4, 3, 1, 1), {}),
        ("stride 2", (2, 3, 6, 7), (4, 3, 3, 3), {"stride": 2, "padding": 1}),
        ("1x1, stride 2", (1, 3, 6, 6), (4, 3, 1, 1), {"stride": 2}),
        ("stride 3 by 2, 5x3", (1, 2, 11, 8), (3, 2, 5, 3), {"stride": (3, 2), "padding": (2, 0)}),
        ("dilated", (1, 2, 8, 8), (3, 2, 3, 3), {"dilation": 2, "padding": 2}),
        ("dilated, stride 2", (1, 2, 9, 8), (3, 2, 3, 3), {"dilation": 2, "padding": 1, "stride": 2}),
        ("2 groups", (2, 4, 5, 5), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
        ("2 groups, stride 2", (2, 4, 5, 5), (6, 2, 3, 3), {"groups": 2, "padding": 1, "stride": 2}),
        ("depthwise", (2, 3, 5, 5), (3, 1, 3, 3), {"groups": 3, "padding": 1}),
        ("depthwise, stride 2", (2, 3, 6, 6), (3, 1, 3, 3), {"groups": 3, "padding": 1, "stride": 2}),
        ("depthwise, two a channel", (1, 2, 5, 5), (4, 1, 3, 3), {"groups": 2}),
        ("padded beyond the kernel", (1, 2, 4, 4), (2, 2, 2, 2), {"padding": 2}),
        ("1-D", (2, 3, 9), (4, 3, 3), {"padding": 1}),
        ("1-D, stride 2", (2, 3, 9), (4, 3, 4), {"padding": 1, "stride": 2}),
        ("3-D", (1, 2, 4, 4, 3), (2, 2, 2, 3, 1), {}),
    ]:
        rank = len(x) - 2
        many = lambda v: list(v) if isinstance(v, tuple) else [v] * rank
        attributes = {
            "pads": many(settings.get("padding", 0)) * 2,
            "strides": many(settings.get("stride", 1)),
            "dilations": many(settings.get("dilation", 1)),
            "group": settings.get("groups", 1),
        }
        function = getattr(F, f"conv{rank}d")
        case("Conv", name, lambda x, w, b: function(x, w, b, **settings), [array(*x), array(*w), array(w[0])], attributes)
    case(
        "Conv",
        "padded unevenly",
        lambda x, w: F.conv2d(F.pad(x, (0, 2, 1, 0)), w),
        [array(1, 2, 5, 4), array(3, 2, 3, 3)],
        {"pads": [1, 0, 0, 2]},
    )
    case(
        "Conv",
        "auto_pad, stride 2",
        lambda x, w: F.conv2d(F.pad(x, (0, 1, 0, 1)), w, stride=2),
        [array(1, 2, 6, 6), array(3, 2, 3, 3)],
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    )
    section("ConvTranspose")
    for name, x, w, settings in [
        ("stride 2", (1, 3, 4, 4), (3, 2, 2, 2), {"stride": 2}),
        ("3x3, padded, output padding", (1, 3, 4, 3), (3, 2, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
        ("2 groups", (2, 4, 3, 3), (4, 3, 3, 3), {"groups": 2, "padding": 1}),
        ("dilated", (1, 2, 4, 4), (2, 2, 3, 3), {"dilation": 2}),
        ("depthwise", (1, 3, 3, 3), (3, 1, 2, 2), {"groups": 3, "stride": 2}),
        ("1-D", (2, 3, 5), (3, 2, 3), {"stride": 2, "padding": 1}),
    ]:
        rank = len(x) - 2
        attributes = {
            "pads": [settings.get("padding", 0)] * rank * 2,
            "strides": [settings.get("stride", 1)] * rank,
            "dilations": [settings.get("dilation", 1)] * rank,
            "output_padding": [settings.get("output_padding", 0)] * rank,
            "group": settings.get("groups", 1),
        }
        function = getattr(F, f"conv_transpose{rank}d")
        outputs = w[1] * settings.get("groups", 1)
        case(
            "ConvTranspose",
            name,
            lambda x, w, b: function(x, w, b, **settings),
            [array(*x), array(*w), array(outputs)],
            attributes,
        )


def products():
    section("Gemm")
    for a_turned in (0, 1):
        for b_turned in (0, 1):
            case(
                "Gemm",
                f"transA={a_turned}, transB={b_turned}",
                lambda a, b, c: 0.5 * (a.T if a_turned else a) @ (b.T if b_turned else b) + 2 * c,
                [array(*((4, 3) if a_turned else (3, 4))), array(*((5, 4) if b_turned else (4, 5))), array(5)],
                {"transA": a_turned, "transB": b_turned, "alpha": f(0.5), "beta": f(2)},
            )
    case("Gemm", "a column added", lambda a, b, c: a @ b + c, [array(3, 4), array(4, 2), array(3, 1)])
    section("MatMul")
    for name, a, b in [
        ("matrices", (3, 4), (4, 5)),
        ("a stack by a matrix", (2, 3, 4), (4, 5)),
        ("a matrix by a stack", (3, 4), (2, 4, 5)),
        ("stacks", (2, 3, 3, 4), (2, 3, 4, 2)),
        ("stacks, broadcast", (2, 1, 3, 4), (3, 4, 2)),
        ("a vector by a matrix", (4,), (4, 5)),
        ("a stack by a vector", (2, 3, 4), (4,)),
        ("vectors", (4,), (4,)),
    ]:
        case("MatMul", name, torch.matmul, [array(*a), array(*b)])


def arithmetic():
    shapes = [
        ("the same shape", (2, 3, 4), (2, 3, 4)),
        ("a channel", (2, 3, 4), (3, 1)),
        ("both broadcast", (2, 1, 4), (3, 1)),
        ("a scalar", (2, 3), ()),
        ("from a scalar", (), (2, 3)),
    ]
    for op, function in [("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Div", torch.div)]:
        section(op)
        for name, a, b in shapes:
            case(op, name, function, [array(*a), array(*b, low=0.5, high=2) if op == "Div" else array(*b)])
    section("Sum")
    case("Sum", "three", lambda a, b, c: a + b + c, [array(2, 3), array(3), array(2, 1)])
    section("Pow")
    case("Pow", "of a positive base", torch.pow, [array(2, 3, low=0.5, high=2), array(3)])
    case("Pow", "squared", lambda x, p: x**2, [array(2, 3), torch.tensor(2.0, dtype=torch.float64)], wanted=[0])
    section("Where")
    condition = torch.tensor([[True, False, True], [False, False, True]])
    case("Where", "broadcast", torch.where, [condition, array(2, 3), array(3)])


def functions():
    for op, name, function, value, attributes, domain, opset in [
        ("Relu", "plain", torch.relu, array(3, 5, away=[0]), {}, "", 17),
        ("LeakyRelu", "a tenth", lambda x: F.leaky_relu(x, 0.1), array(3, 5, away=[0]), {"alpha": f(0.1)}, "", 17),
        ("Sigmoid", "plain", torch.sigmoid, array(3, 5, low=-3, high=3), {}, "", 17),
        (
            "HardSigmoid",
            "the default",
            lambda x: (0.2 * x + 0.5).clip(0, 1),
            array(3, 8, low=-4, high=4, away=[-2.5, 2.5]),
            {},
            "",
            17,
        ),
        (
            "HardSigmoid",
            "a sixth",
            F.hardsigmoid,
            array(3, 8, low=-4, high=4, away=[-3, 3]),
            {"alpha": f(1 / 6), "beta": f(0.5)},
            "",
            17,
        ),
        ("HardSwish", "plain", F.hardswish, array(3, 8, low=-4, high=4, away=[-3, 3]), {}, "", 17),
        ("Tanh", "plain", torch.tanh, array(3, 5, low=-2, high=2), {}, "", 17),
        ("Erf", "plain", torch.erf, array(3, 5, low=-2, high=2), {}, "", 17),
        ("Gelu", "exact", F.gelu, array(3, 5, low=-3, high=3), {}, "", 20),
        (
            "Gelu",
            "by tanh",
            lambda x: F.gelu(x, approximate="tanh"),
            array(3, 5, low=-3, high=3),
            {"approximate": "tanh"},
            "",
            20,
        ),
        ("Gelu", "of onnxruntime", F.gelu, array(3, 5, low=-3, high=3), {}, "com.microsoft", 17),
        ("Softplus", "plain", F.softplus, array(3, 5, low=-3, high=3), {}, "", 17),
        ("Exp", "plain", torch.exp, array(3, 5), {}, "", 17),
        ("Log", "plain", torch.log, array(3, 5, low=0.5, high=3), {}, "", 17),
        ("Sqrt", "plain", torch.sqrt, array(3, 5, low=0.5, high=3), {}, "", 17),
        ("Reciprocal", "plain", torch.reciprocal, array(3, 5, low=0.5, high=3), {}, "", 17),
        ("Neg", "plain", torch.neg, array(3, 5), {}, "", 17),
        ("Abs", "plain", torch.abs, array(3, 5, away=[0]), {}, "", 17),
        ("Identity", "plain", lambda x: x * 1, array(3, 5), {}, "", 17),
        ("Softmax", "the last axis", lambda x: F.softmax(x, -1), array(2, 3, 5), {"axis": -1}, "", 17),
        ("Softmax", "another axis", lambda x: F.softmax(x, 1), array(2, 3, 5), {"axis": 1}, "", 17),
        ("LogSoftmax", "the last axis", lambda x: F.log_softmax(x, -1), array(2, 3, 5), {"axis": -1}, "", 17),
    ]:
        case(op, name, function, [value], attributes, domain, opset)
    section("Elu")
    case("Elu", "the default", F.elu, [array(3, 5, low=-3, high=3, away=[0])])
    case("Elu", "a half", lambda x: F.elu(x, 0.5), [array(3, 5, low=-3, high=3, away=[0])], {"alpha": f(0.5)})
    section("PRelu")
    case("PRelu", "a slope a channel", lambda x, a: torch.where(x > 0, x, a * x), [array(2, 3, 4, away=[0]), array(3, 1)])
    section("Clip")
    low, high = torch.tensor(-0.5, dtype=torch.float64), torch.tensor(0.6, dtype=torch.float64)
    clipped = lambda x, l, h: torch.where(x < l, l, torch.where(x > h, h, x))
    case("Clip", "both bounds", clipped, [array(3, 6, away=[-0.5, 0.6], by=0.05), low, high])
    case("Clip", "the lower bound", lambda x, l: torch.where(x < l, l, x), [array(3, 6, away=[-0.5], by=0.05), low])
    case(
        "Clip",
        "the upper bound",
        lambda x, _, h: torch.where(x > h, h, x),
        [array(3, 6, away=[0.6], by=0.05), None, high],
    )


def normalizations():
    section("LayerNormalization")
    case(
        "LayerNormalization",
        "the last axis",
        lambda x, g, b: F.layer_norm(x, (6,), g, b, 1e-3),
        [array(2, 3, 6), array(6), array(6)],
        {"axis": -1, "epsilon": f(1e-3)},
    )
    case(
        "LayerNormalization",
        "two axes, no bias",
        lambda x, g: F.layer_norm(x, (3, 4), g),
        [array(2, 3, 4), array(3, 4)],
        {"axis": 1},
    )
    for op, domain, opset in [
        ("RMSNormalization", "", 23),
        ("SimplifiedLayerNormalization", "", 17),
    ]:
        section(op)
        case(
            op,
            "the last axis",
            lambda x, g: F.rms_norm(x, (6,), g, 1e-3),
            [array(2, 3, 6), array(6)],
            {"axis": -1, "epsilon": f(1e-3)},
            domain,
            opset,
        )
    section("InstanceNormalization")
    case(
        "InstanceNormalization",
        "2-D",
        lambda x, g, b: F.instance_norm(x, weight=g, bias=b, eps=1e-3),
        [array(2, 3, 3, 4), array(3), array(3)],
        {"epsilon": f(1e-3)},
    )
    section("GroupNormalization")
    case(
        "GroupNormalization",
        "a scale a channel",
        lambda x, g, b: F.group_norm(x, 2, g, b, 1e-3),
        [array(2, 4, 3, 3), array(4), array(4)],
        # In float64 the runtime is to compute in float64, too.
        {"num_groups": 2, "epsilon": f(1e-3), "stash_type": 11},
        opset=21,
    )
    case(
        "GroupNormalization",
        "a scale a group",
        lambda x, g, b: F.group_norm(x, 2, g.repeat_interleave(2), b.repeat_interleave(2), 1e-3),
        [array(2, 4, 3), array(2), array(2)],
        {"num_groups": 2, "epsilon": f(1e-3)},
        opset=18,
    )
    section("BatchNormalization")
    case(
        "BatchNormalization",
        "moving statistics",
        lambda x, g, b, m, v: F.batch_norm(x, m, v, g, b, eps=1e-3),
        [array(2, 3, 2, 2), array(3), array(3), array(3), array(3, low=0.5, high=2)],
        {"epsilon": f(1e-3)},
        wanted=[0, 1, 2],
    )


def pooling():
    section("GlobalAveragePool")
    case("GlobalAveragePool", "2-D", lambda x: F.adaptive_avg_pool2d(x, 1), [array(2, 3, 4, 5)])
    section("AveragePool")
    for name, x, settings, attributes in [
        ("2x2", (1, 2, 4, 6), {"kernel_size": 2}, {"kernel_shape": [2, 2], "strides": [2, 2]}),
        (
            "3x3, overlapping, padding not counted",
            (1, 2, 5, 5),
            {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
            {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        ),
        (
            "padding counted",
            (1, 2, 5, 5),
            {"kernel_size": 3, "stride": 2, "padding": 1},
            {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1},
        ),
        (
            "rounded up",
            (1, 1, 6, 6),
            {"kernel_size": 3, "stride": 2, "ceil_mode": True, "count_include_pad": False},
            {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        ),
    ]:
        case("AveragePool", name, lambda x: F.avg_pool2d(x, **settings), [array(*x)], attributes)
    case("AveragePool", "1-D", lambda x: F.avg_pool1d(x, 3, 1), [array(2, 3, 7)], {"kernel_shape": [3]})
    section("MaxPool")
    for name, x, settings, attributes in [
        ("2x2", (2, 2, 4, 6), {"kernel_size": 2}, {"kernel_shape": [2, 2], "strides": [2, 2]}),
        (
            "3x3, overlapping",
            (2, 2, 7, 7),
            {"kernel_size": 3, "stride": 2, "padding": 1},
            {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        ),
    ]:
        case("MaxPool", name, lambda x: F.max_pool2d(x, **settings), [distinct(*x)], attributes)


def distinct(*dims):
    """Numbers that differ by 0.02 at least, so that a small step changes no maximum."""
    count = math.prod(dims)
    return (torch.randperm(count, generator=generator).double() * 0.02 - count * 0.01).reshape(dims).mul(1000).round() / 1000


def shapes():
    section("Concat")
    case("Concat", "three", lambda *parts: torch.cat(parts, 1), [array(2, 1, 3), array(2, 2, 3), array(2, 3, 3)], {"axis": 1})
    case("Concat", "the last axis", lambda *parts: torch.cat(parts, -1), [array(2, 1), array(2, 2)], {"axis": -1})
    section("Split")
    case("Split", "sizes", lambda x, _: torch.split(x, [2, 1, 3], 1), [array(2, 6), ints(2, 1, 3)], {"axis": 1})
    section("Slice")
    case("Slice", "a part", lambda x, *_: x[:, 1:3, -2:], [array(2, 4, 5), ints(1, -2), ints(3, 2**62), ints(1, 2)])
    case("Slice", "every second", lambda x, *_: x[:, ::2, 1::2], [array(2, 5, 6), ints(0, 1), ints(9, 9), ints(1, 2), ints(2, 2)])
    case(
        "Slice",
        "backwards",
        lambda x, *_: x.flip(1)[:, :3],
        [array(2, 5), ints(-1), ints(1), ints(1), ints(-1)],
    )
    section("Pad")
    case("Pad", "zeros", lambda x, _: F.pad(x, (2, 0, 1, 3)), [array(2, 3), ints(1, 2, 3, 0)])
    case("Pad", "cut off", lambda x, _: F.pad(x, (-1, 2)), [array(2, 4), ints(0, -1, 0, 2)])
    for mode, name in [("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")]:
        opset = 19 if mode == "wrap" else 17
        case(
            "Pad",
            mode,
            lambda x, _: F.pad(x, (2, 1), mode=name),
            [array(1, 2, 4), ints(0, 0, 2, 0, 0, 1)],
            {"mode": mode},
            opset=opset,
        )
    section("Reshape")
    case("Reshape", "a part inferred", lambda x, _: x.reshape(3, -1), [array(2, 3, 2), ints(3, -1)])
    section("Flatten")
    case("Flatten", "from axis 2", lambda x: x.flatten(0, 1).flatten(1), [array(2, 3, 2, 2)], {"axis": 2})
    section("Squeeze")
    case("Squeeze", "an axis", lambda x, _: x.squeeze(1), [array(2, 1, 3), ints(1)])
    section("Unsqueeze")
    case("Unsqueeze", "two axes", lambda x, _: x[None, :, None], [array(2, 3), ints(0, 2)])
    section("Transpose")
    case("Transpose", "three axes", lambda x: x.permute(2, 0, 1), [array(2, 3, 4)], {"perm": [2, 0, 1]})
    case("Transpose", "reversed", lambda x: x.permute(2, 1, 0), [array(2, 3, 4)])
    section("Expand")
    case("Expand", "two axes", lambda x, _: x.expand(2, 3, 4), [array(3, 1), ints(2, 3, 4)])
    section("Gather")
    case("Gather", "rows, some twice", lambda x, i: x[i], [array(5, 3), torch.tensor([[1, 4], [1, 0]])])
    case("Gather", "columns, from the end", lambda x, i: x[:, i], [array(2, 4, 3), torch.tensor([3, -1, 0])], {"axis": 1})
    section("ReduceSum")
    case("ReduceSum", "two axes kept", lambda x, _: x.sum((0, 2), True), [array(2, 3, 4), ints(0, 2)])
    case("ReduceSum", "one axis gone", lambda x, _: x.sum(1), [array(2, 3, 4), ints(1)], {"keepdims": 0})
    case("ReduceSum", "all", lambda x: x.sum(), [array(2, 3)], {"keepdims": 0})
    section("ReduceL2")
    case("ReduceL2", "the last axis kept", lambda x: x.norm(dim=-1, keepdim=True), [array(2, 3, 4)], {"axes": [-1]})
    case("ReduceL2", "two axes gone", lambda x, _: x.norm(dim=(0, 2)), [array(2, 3, 4), ints(0, 2)], {"keepdims": 0}, opset=18)
    section("ReduceMean")
    case("ReduceMean", "axes as an attribute", lambda x: x.mean((2, 3), True), [array(2, 3, 2, 2)], {"axes": [2, 3]})
    case("ReduceMean", "axes as an input", lambda x, _: x.mean(-1), [array(2, 3, 4), ints(-1)], {"keepdims": 0}, opset=18)
    section("Resize")
    sized = lambda *dims: [array(1, 2, 3, 4), None, None, ints(*dims)]
    for name, sizes, attributes, settings in [
        ("nearest, doubled", (6, 8), {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, {"mode": "nearest"}),
        ("linear, larger", (7, 6), {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}, {"mode": "bilinear"}),
        ("linear, smaller", (2, 3), {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}, {"mode": "bilinear"}),
        ("linear, corners", (7, 6), {"mode": "linear", "coordinate_transformation_mode": "align_corners"}, {"mode": "bilinear", "align_corners": True}),
    ]:
        case("Resize", name, lambda x, *_: F.interpolate(x, size=sizes, **settings), sized(1, 2, *sizes), attributes)
    scales = torch.tensor([1.0, 1.0, 2.0, 3.0], dtype=torch.float64)
    case(
        "Resize",
        "by scales",
        lambda x, *_: F.interpolate(x, scale_factor=(2.0, 3.0), mode="nearest"),
        [array(1, 1, 2, 3), None, scales],
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        wanted=[0],
    )


def gate_rows(order, weight):
    """Rows of W, R or half of B, ONNX's gates in torch's order."""
    parts = weight.chunk(len(order))
    return torch.cat([parts[at] for at in order])


def recurrent(op, direction, steps, weights, x, w, r, b=None, h=None, c=None):
    """torch's own LSTM, GRU or RNN on ONNX's inputs: Y [steps, directions, samples, cells], Y_h and, of an LSTM, Y_c."""
    order = {"LSTM": [0, 2, 3, 1], "GRU": [1, 0, 2], "RNN": [0]}[op]
    own = {"LSTM": torch._VF.lstm, "GRU": torch._VF.gru, "RNN": torch._VF.rnn_tanh}[op]
    directions, cells = w.shape[0], r.shape[2]
    flat = []
    for d in range(directions):
        flat += [gate_rows(order, w[d]), gate_rows(order, r[d])]
        if b is not None:
            flat += [gate_rows(order, half) for half in b[d].chunk(2)]
    zeros = torch.zeros(directions, x.shape[1], cells, dtype=x.dtype)
    h = zeros if h is None else h
    state = (h, zeros if c is None else c) if op == "LSTM" else h
    read = x.flip(0) if direction == "reverse" else x
    y, *states = own(read, state, flat, b is not None, 1, 0.0, False, directions == 2, False)
    y = y.flip(0) if direction == "reverse" else y
    return (y.view(steps, x.shape[1], directions, cells).permute(0, 2, 1, 3), *states)[:weights]


def gru_before(x, w, r, b):
    """A GRU that resets before the product, which torch has not."""
    w, r, b = w[0], r[0], b[0]
    (wz, wr, wn), (rz, rr, rn), halves = w.chunk(3), r.chunk(3), b.chunk(6)
    h = torch.zeros(x.shape[1], r.shape[1], dtype=x.dtype)
    given = []
    for step in x:
        z = torch.sigmoid(step @ wz.T + h @ rz.T + halves[0] + halves[3])
        reset = torch.sigmoid(step @ wr.T + h @ rr.T + halves[1] + halves[4])
        n = torch.tanh(step @ wn.T + (reset * h) @ rn.T + halves[2] + halves[5])
        h = (1 - z) * n + z * h
        given.append(h)
    return torch.stack(given).unsqueeze(1)


def recurrences():
    for op, gates, outputs in [("LSTM", 4, 3), ("GRU", 3, 2), ("RNN", 1, 2)]:
        section(op)
        attributes = {"hidden_size": 3, **({"linear_before_reset": 1} if op == "GRU" else {})}
        for name, direction, count, starts, weights in [
            ("forward, all it gives", "forward", 1, True, outputs),
            ("reverse, Y alone", "reverse", 1, False, 1),
            ("bidirectional, all it gives", "bidirectional", 2, True, outputs),
        ]:
            rows = gates * 3
            states = [None, array(count, 2, 3), *([array(count, 2, 3)] if op == "LSTM" else [])] if starts else []
            case(
                op,
                name,
                lambda x, w, r, b, _=None, h=None, c=None: recurrent(op, direction, 4, weights, x, w, r, b, h, c),
                [array(4, 2, 2), array(count, rows, 2), array(count, rows, 3), array(count, 2 * rows), *states],
                {**attributes, "direction": direction},
            )
        case(
            op,
            "one step without a bias",
            lambda x, w, r: recurrent(op, "forward", 1, 1, x, w, r),
            [array(1, 2, 2), array(1, gates * 3, 2), array(1, gates * 3, 3)],
            attributes,
        )
    section("GRU before")
    case("GRU", "reset before the product", gru_before, [array(4, 2, 2), array(1, 9, 2), array(1, 9, 3), array(1, 18)], {"hidden_size": 3})


section("functions")
convolutions()
products()
arithmetic()
section("functions")
functions()
normalizations()
pooling()
shapes()
recurrences()

OUT.mkdir(exist_ok=True)
for op, cases in files.items():
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in cases)
    (OUT / f"{op}.json").write_text(f"[\n{lines}\n]\n")
print(len(files), "operators,", sum(map(len, files.values())), "cases")
