"""Exports small models of many architectures with random weights, each with 8 samples.

    python export.py OUT_DIR [--opset N] [--exporter torchscript|dynamo] [NAME ...]

By itself each is written by the exporter and at the opset that its entry says.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

import sequences
import vision
from writing import Axes, Samples, check_model, describe, write_model, write_samples

SAMPLES, SEQUENCE, PAST = 8, 16, 6

Draw = Callable[[np.random.Generator, nn.Module, int], Samples]
"""Draws a number of samples for a model."""


class Entry(NamedTuple):
    build: Callable[[], nn.Module]
    draw: Draw
    outputs: Sequence[str] = ("logits",)
    axes: Axes = {}
    """Dynamic axes beyond axis 0."""
    keep_batch_norm: bool = False
    dynamo: bool = False


def images(size: int) -> Draw:
    """Noise of three coarsenesses together, so that neighbouring pixels go together; standard normal."""

    def draw(random: np.random.Generator, model: nn.Module, count: int) -> Samples:
        layers = [
            np.kron(random.standard_normal((count, 3, size // step, size // step)), np.ones((1, 1, step, step)))
            for step in (1, 4, 16)
        ]
        return {"image": (sum(layers) / np.sqrt(3)).astype(np.float32)}

    return draw


def waveforms(random: np.random.Generator, model: nn.Module, count: int) -> Samples:
    """Three tones and noise."""
    time = np.arange(8000) / 8000
    frequency, phase = random.uniform(80, 2000, (count, 3, 1)), random.uniform(0, 2 * np.pi, (count, 3, 1))
    tones = np.sin(2 * np.pi * frequency * time + phase).sum(1)
    return {"waveform": (tones + random.normal(0, 0.3, tones.shape))[:, None].astype(np.float32)}


def tokens(random: np.random.Generator, model: nn.Module, count: int) -> Samples:
    return {"input_ids": random.integers(0, sequences.VOCABULARY, (count, SEQUENCE))}


def masked_tokens(random: np.random.Generator, model: nn.Module, count: int) -> Samples:
    """Padded behind with id 0."""
    mask = (np.arange(SEQUENCE) < random.integers(5, SEQUENCE + 1, (count, 1))).astype(np.int64)
    return {"input_ids": tokens(random, model, count)["input_ids"] * mask, "attention_mask": mask}


def tokens_with_past(random: np.random.Generator, model: nn.Module, count: int) -> Samples:
    """The keys and values are those of a random prefix."""
    size = sequences.WIDTH // sequences.HEADS
    empty = [torch.zeros(count, sequences.HEADS, 0, size)] * len(PAST_NAMES)
    with torch.no_grad():
        _, *past = model(torch.from_numpy(tokens(random, model, count)["input_ids"][:, :PAST]), *empty)
    keys_and_values = {name: array.numpy() for name, array in zip(PAST_NAMES, past, strict=True)}
    return tokens(random, model, count) | keys_and_values


PAST_NAMES = [f"past_{kind}_{layer}" for layer in range(sequences.LAYERS) for kind in ("key", "value")]
PRESENT_NAMES = [name.replace("past", "present") for name in PAST_NAMES]
GPT_AXES = (
    {"input_ids": {1: "sequence"}, "logits": {1: "sequence"}}
    | {name: {2: "past"} for name in PAST_NAMES}
    | {name: {2: "total"} for name in PRESENT_NAMES}
)
BERT_OUTPUTS = ("hidden", "logits")
BERT_AXES = {name: {1: "sequence"} for name in ("input_ids", "attention_mask", "hidden")}
RECURRENT_AXES = {name: {1: "sequence"} for name in ("input_ids", "logits")}

ENTRIES: Mapping[str, Entry] = {
    "resnet18": Entry(vision.resnet18, images(96), keep_batch_norm=True),
    "resnet18-folded": Entry(vision.resnet18, images(96)),
    "resnet18-dynamo": Entry(vision.resnet18, images(96), dynamo=True),
    "mobilenet-v2": Entry(vision.mobilenet_v2, images(96), keep_batch_norm=True),
    "mobilenet-v3": Entry(vision.mobilenet_v3, images(96)),
    "efficientnet": Entry(vision.efficientnet, images(96)),
    "densenet": Entry(vision.densenet, images(96), keep_batch_norm=True),
    "googlenet": Entry(vision.googlenet, images(128)),
    "alexnet": Entry(vision.alexnet, images(128)),
    "vgg": Entry(vision.vgg, images(64)),
    "unet": Entry(lambda: vision.UNet(resize=False), images(96), ("mask",)),
    "unet-resize": Entry(lambda: vision.UNet(resize=True), images(96), ("mask",)),
    "detector": Entry(lambda: vision.Detector(nms=False), images(128), ("boxes", "scores")),
    "detector-nms": Entry(lambda: vision.Detector(nms=True), images(128), ("boxes", "scores", "selected")),
    "audio": Entry(vision.audio, waveforms),
    "vit": Entry(sequences.Vit, images(96)),
    "bert": Entry(sequences.Bert, masked_tokens, BERT_OUTPUTS, BERT_AXES),
    "bert-dynamo": Entry(sequences.Bert, masked_tokens, BERT_OUTPUTS, BERT_AXES, dynamo=True),
    "gpt": Entry(sequences.Gpt, tokens_with_past, ("logits", *PRESENT_NAMES), GPT_AXES),
    "lstm": Entry(sequences.lstm, tokens, axes=RECURRENT_AXES),
    "gru": Entry(sequences.gru, tokens, axes=RECURRENT_AXES),
}


def settle(model: nn.Module, draw: Draw, random: np.random.Generator) -> None:
    """Unequal channels, weights that keep the signal's size, and BatchNorm statistics from a few batches of samples."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # a plain average over the batches
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            if module.bias is None or module.kernel_size != (1, 1):  # gates and heads keep torch's smaller weights
                nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.Linear | nn.LSTM | nn.GRU):
            for name, weight in module.named_parameters():
                if name.startswith("weight"):
                    nn.init.normal_(weight, std=1 / math.sqrt(weight.shape[1]))
    if norms:
        model.train()
        with torch.no_grad():
            for _ in range(6):
                model(*(torch.from_numpy(array) for array in draw(random, model, 16).values()))
    model.eval()


def variants(samples: Samples, axes: Axes) -> list[Samples]:
    """The samples one by one, all at once, and, where the axes allow it, cut short."""
    ones = [{name: array[index : index + 1] for name, array in samples.items()} for index in range(SAMPLES)]
    short = {name: array[:, :7] if 1 in axes[name] else array for name, array in samples.items()}
    return [*ones, samples, short]


def first_axis(name: str) -> str:
    return "detections" if name == "selected" else "batch"


def export(name: str, entry: Entry, out: Path, opset: int | None = None) -> str:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    model = entry.build()
    settle(model, entry.draw, random)
    samples = entry.draw(random, model, SAMPLES)
    axes = {key: {0: first_axis(key)} | dict(entry.axes.get(key, {})) for key in (*samples, *entry.outputs)}
    path = out / f"{name}.onnx"
    write_samples(path.with_suffix(".npz"), samples)
    write_model(path, model, samples, entry.outputs, axes, keep_batch_norm=entry.keep_batch_norm, dynamo=entry.dynamo, opset=opset)
    error = check_model(path, model, variants(samples, axes))
    return f"{describe(path)}, error {error:.0e}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--opset", type=int)
    parser.add_argument("--exporter", choices=("torchscript", "dynamo"))
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or ENTRIES:
        entry = ENTRIES[name]
        if options.exporter:
            entry = entry._replace(dynamo=options.exporter == "dynamo")
        print(export(name, entry, options.out, options.opset), flush=True)


if __name__ == "__main__":
    main()
