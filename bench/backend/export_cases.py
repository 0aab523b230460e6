"""Write the node cases of the ONNX backend suite (package `onnx`) as models with constants.

    python bench/backend/export_cases.py FOLDER

Every input but the first becomes a constant: that is how the operators stand in networks. Where the first one is a float
matrix or more, a second model has a MatMul before the operator, and another behind it.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for case in collect_testcases(""):
        model = case.model
        if model is None or not case.data_sets:
            continue
        inputs, _ = case.data_sets[0]
        graph = model.graph
        if len(graph.input) != len(inputs):
            continue
        try:
            for info, value in list(zip(graph.input, inputs))[1:]:
                graph.initializer.append(numpy_helper.from_array(value, info.name))
                graph.input.remove(info)
        except (TypeError, AttributeError, NotImplementedError, ValueError):
            # Sequences and optional values are no constants.
            continue
        onnx.save(model, folder / f"{case.name}.onnx")
        if sandwich(model):
            onnx.save(model, folder / f"{case.name}.sandwich.onnx")


def sandwich(model: onnx.ModelProto) -> bool:
    """Put a MatMul before the first input and, where that is a float matrix too, behind the first output."""
    graph = model.graph
    if not graph.input or not graph.output:
        return False
    before, after = graph.input[0], graph.output[0]
    if not is_matrix(before):
        return False
    nodes = [matmul(graph, "sandwich_x", before.name, width(before), 1)]
    before.name = "sandwich_x"
    if is_matrix(after):
        for node in graph.node:
            node.output[:] = ["sandwich_y" if name == after.name else name for name in node.output]
        nodes.append(matmul(graph, "sandwich_y", after.name, width(after), 2))
    old = list(graph.node)
    del graph.node[:]
    graph.node.extend([nodes[0], *old, *nodes[1:]])
    return True


def is_matrix(info: onnx.ValueInfoProto) -> bool:
    kind = info.type.tensor_type
    return kind.elem_type == TensorProto.FLOAT and len(kind.shape.dim) >= 2 and width(info) > 0


def width(info: onnx.ValueInfoProto) -> int:
    return info.type.tensor_type.shape.dim[-1].dim_value


def matmul(graph: onnx.GraphProto, read: str, made: str, size: int, seed: int) -> onnx.NodeProto:
    """A MatMul by a well-conditioned square weight: the identity and a little noise."""
    noise = np.random.default_rng(seed).standard_normal((size, size)) / (8 * np.sqrt(size))
    graph.initializer.append(numpy_helper.from_array((np.eye(size) + noise).astype(np.float32), f"{made}_w"))
    return helper.make_node("MatMul", [read, f"{made}_w"], [made])


main(Path(sys.argv[1]))
