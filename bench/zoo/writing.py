"""Writes a torch module as a checked .onnx file with its samples beside it."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

Samples = Mapping[str, np.ndarray]
Axes = Mapping[str, Mapping[int, str]]

OPSET, DYNAMO_OPSET = 17, 18


def write_samples(path: Path, samples: Samples) -> None:
    """One array for each model input; the first axis counts the samples."""
    np.savez_compressed(path, **samples)


def write_model(
    path: Path,
    model: nn.Module,
    samples: Samples,
    outputs: Sequence[str],
    axes: Axes,
    *,
    keep_batch_norm: bool = False,
    dynamo: bool = False,
    opset: int | None = None,
) -> None:
    """Exports `model`, traced with the first two samples as one batch; `axes` names the dynamic axes; without `opset` the oldest that the exporter writes by itself."""
    inputs = _batch(samples, slice(0, 2))
    model.eval()
    names = {"input_names": list(samples), "output_names": list(outputs)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shapes taken as constants: check_model runs other shapes
        if dynamo:
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision
            shapes = tuple(axes[name] for name in samples)
            program = torch.onnx.export(
                model, inputs, dynamo=True, opset_version=opset or DYNAMO_OPSET, dynamic_shapes=shapes, verbose=False, **names
            )
            onnx.save(program.model_proto, path)
        else:
            torch.onnx.export(
                model,
                inputs,
                path,
                dynamo=False,
                opset_version=opset or OPSET,
                dynamic_axes=axes,
                training=torch.onnx.TrainingMode.PRESERVE if keep_batch_norm else torch.onnx.TrainingMode.EVAL,
                do_constant_folding=not keep_batch_norm,
                **names,
            )
    _tidy(path, [list(result.shape) for result in _run(model, inputs)])


def check_model(path: Path, model: nn.Module, batches: Sequence[Samples], tolerance: float = 1e-3) -> float:
    """Runs the onnx checker, and onnxruntime against torch on every batch; returns the largest relative error."""
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in batches:
        expected = _run(model, _batch(batch, slice(None)))
        for want, got in zip(expected, session.run(None, dict(batch)), strict=True):
            want = want.numpy()
            if want.dtype.kind == "i":  # rows of indices: near ties may trade places
                want, got = np.unique(want, axis=0), np.unique(got, axis=0)
            if want.shape != got.shape:
                raise ValueError(f"{path.name}: torch gives shape {want.shape}, onnxruntime {got.shape}")
            worst = max(worst, float(np.abs(want - got).max() / max(np.abs(want).max(), 1e-9)))
    if worst > tolerance:
        raise ValueError(f"{path.name}: onnxruntime is off by {worst:.1e} of the largest value")
    return worst


def describe(path: Path) -> str:
    """Size and operator counts in one line."""
    ops = [node.op_type for node in onnx.load(path).graph.node]
    counts = sorted({op: ops.count(op) for op in ops}.items(), key=lambda item: (-item[1], item[0]))
    return f"{path.name} ({path.stat().st_size / 1e6:.1f} MB): " + " ".join(f"{op}:{count}" for op, count in counts)


def _batch(samples: Samples, rows: slice) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(array[rows]) for array in samples.values())


def _run(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    with torch.no_grad():
        result = model(*inputs)
    return [result] if isinstance(result, Tensor) else list(result)


def _tidy(path: Path, output_shapes: Sequence[Sequence[int]]) -> None:
    """Fills in output sizes the tracer lost, and drops the source locations the dynamo exporter notes on nodes."""
    model = onnx.load(path)
    for output, shape in zip(model.graph.output, output_shapes, strict=True):
        for dim, size in zip(output.type.tensor_type.shape.dim, shape, strict=True):
            if dim.dim_param.endswith(tuple(f"{output.name}_dim_{axis}" for axis in range(len(shape)))):
                dim.dim_value = size
    for node in model.graph.node:
        del node.metadata_props[:]
    onnx.save(model, path)
