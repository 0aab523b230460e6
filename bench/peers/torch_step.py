"""One training step of each block of ResNet-20 for CIFAR-10 in PyTorch, as `reconstruct` does it: LSQ for weights (a step for
each output channel) and for activations, QDrop, the squared error of the block's output, Adam over weights, steps and biases.

Prints a JSON object: for each block, the median time of a step in milliseconds.

    python torch_step.py --steps 20 --batch 32 --threads 2
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional


class Lsq(torch.autograd.Function):
    """Esser et al. 2020, equations 1 to 3; the gradient of the step scaled as in section 2.2."""

    @staticmethod
    def forward(context, value, step, low, high, factor):
        ratio = value / step
        codes = ratio.clamp(low, high).round()
        context.save_for_backward(ratio, codes, step)
        context.limits = (low, high, factor)
        return codes * step

    @staticmethod
    def backward(context, gradient):
        ratio, codes, step = context.saved_tensors
        low, high, factor = context.limits
        inside = ((ratio >= low) & (ratio <= high)).to(gradient.dtype)
        slope = gradient * (codes - ratio * inside)
        by_step = slope.sum() if step.dim() == 0 else slope.flatten(1).sum(1).view_as(step)
        return gradient * inside, by_step * factor, None, None, None


class QuantizedConv(nn.Module):
    def __init__(self, inputs, outputs, stride, kernel=3):
        super().__init__()
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
        self.weight, self.bias, self.stride, self.pad = conv.weight, conv.bias, stride, kernel // 2
        self.step = nn.Parameter(conv.weight.detach().flatten(1).abs().mean(1).view(-1, 1, 1, 1))
        self.factor = (inputs * kernel * kernel * 7) ** -0.5

    def forward(self, value):
        weight = Lsq.apply(self.weight, self.step, -8.0, 7.0, self.factor)
        return functional.conv2d(value, weight, self.bias, self.stride, self.pad)


class QuantizedActivation(nn.Module):
    def __init__(self, elements):
        super().__init__()
        self.step = nn.Parameter(torch.tensor(0.1))
        self.factor = (elements * 15) ** -0.5

    def forward(self, value):
        return dropped(Lsq.apply(value, self.step, 0.0, 15.0, self.factor), value)


def dropped(rounded, whole):
    return torch.where(torch.rand_like(rounded) < 0.5, whole, rounded)


class Block(nn.Module):
    def __init__(self, inputs, outputs, size, stride):
        super().__init__()
        self.outer = QuantizedActivation(inputs * size * size * stride * stride)
        self.inner = QuantizedActivation(outputs * size * size)
        self.first = QuantizedConv(inputs, outputs, stride)
        self.second = QuantizedConv(outputs, outputs, 1)
        self.extra = outputs - inputs

    def forward(self, quantized, whole):
        value = dropped(quantized, whole)
        shortcut = value
        if self.extra:
            half = self.extra // 2
            shortcut = functional.pad(value[:, :, ::2, ::2], (0, 0, 0, 0, half, half))
        inner = self.inner(functional.relu(self.first(self.outer(value))))
        return functional.relu(self.second(inner) + shortcut)


def median_ms(block, inputs, size, outputs, stride, arguments):
    samples = 448
    bank = torch.rand(samples, inputs, size * stride, size * stride)
    other = torch.rand_like(bank)
    wanted = torch.rand(samples, outputs, size, size)
    optimizer = torch.optim.Adam(block.parameters(), lr=1e-3)
    times = []
    for _ in range(arguments.steps):
        started = time.perf_counter()
        rows = torch.randint(samples, (arguments.batch,))
        found = block(bank[rows], other[rows])
        loss = ((found - wanted[rows]) ** 2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[2:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    found = []
    for stage, (channels, size) in enumerate([(16, 32), (32, 16), (64, 8)]):
        for at in range(3):
            stride = 2 if stage > 0 and at == 0 else 1
            inputs = channels // stride
            block = Block(inputs, channels, size, stride)
            found.append(median_ms(block, inputs, size, channels, stride, arguments))
    print(json.dumps({"torch": torch.__version__, "blocks": found}))


main()
