"""Train the sample network on scikit-learn's handwritten digits and export it.

    python make-digits.py

Needs torch, onnx, onnxruntime, scikit-learn and numpy (see README.md). Writes
next to itself digits.onnx, digits-calib.npy, digits-test.npy and
digits-test-labels.npy. Takes less than a minute on a CPU.

The test images take no part in training or calibration. Nothing is selected on
them either: the schedule is fixed and the last weights are the ones exported.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional as F

HERE = Path(__file__).resolve().parent
SEED = 0
TEST_IMAGES = 797
CALIB_IMAGES = 256
EPOCHS = 60
BATCH = 50
SCALE = 1 / 16  # pixels are 0..16; the network takes 0..1


class Residual(nn.Module):
    """Two 3x3 convolutions with a skip around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(y)))


class Separable(nn.Module):
    """A MobileNet block: a depthwise 3x3 convolution, then a pointwise one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu6 = nn.ReLU6()
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu6(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(y)))


class Network(nn.Module):
    """[batch, 1, 8, 8] in 0..1 to [batch, 10] logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 64, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(64)
        self.residual = Residual(64)
        self.pool = nn.MaxPool2d(2)
        self.separable = Separable(64, 96)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.stem_bn(self.stem(x)))
        y = self.separable(self.pool(self.residual(y)))
        return self.classifier(self.flatten(self.average(y)))


def to_input(images: np.ndarray) -> np.ndarray:
    """uint8 [N, 8, 8, 1] to the network's float32 [N, 1, 8, 8]."""
    return images.transpose(0, 3, 1, 2).astype(np.float32) * np.float32(SCALE)


def shifted(x: Tensor) -> Tensor:
    """Each image moved by -1, 0 or 1 pixel in each direction."""
    padded = F.pad(x, (1, 1, 1, 1))
    dy, dx = torch.randint(0, 3, (2, len(x)))
    rows = (dy[:, None] + torch.arange(8))[:, :, None]
    columns = (dx[:, None] + torch.arange(8))[:, None, :]
    return padded[torch.arange(len(x))[:, None, None], 0, rows, columns].unsqueeze(1)


def train(network: nn.Module, images: np.ndarray, labels: np.ndarray) -> None:
    """AdamW with a one-cycle learning rate; leaves the network in eval mode."""
    x, y = torch.from_numpy(to_input(images)), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    steps = EPOCHS * len(x) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=steps)
    network.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(network(shifted(x[batch])), y[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()


def export(network: nn.Module, path: Path) -> None:
    """Write ONNX with BatchNormalization kept apart from the convolutions.

    TrainingMode.PRESERVE leaves the network in eval mode, so the nodes are
    inference ones, and skips the pass that folds them into the convolutions.
    """
    torch.onnx.export(
        network,
        (torch.zeros(2, 1, 8, 8),),
        path,
        dynamo=False,
        opset_version=17,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
    )
    model = onnx.load(path)
    model.ir_version = 8
    model.graph.name = "digits"
    for node in model.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def main() -> None:
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)

    digits = load_digits()
    images = digits.images.astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int64)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=SEED
    )
    # The split shuffles, so the first training images are a random sample.
    np.save(HERE / "digits-calib.npy", train_images[:CALIB_IMAGES])
    np.save(HERE / "digits-test.npy", test_images)
    np.save(HERE / "digits-test-labels.npy", test_labels)

    network = Network()
    train(network, train_images, train_labels)
    export(network, HERE / "digits.onnx")

    x = to_input(test_images)
    session = ort.InferenceSession(HERE / "digits.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": x})
    with torch.no_grad():
        np.testing.assert_allclose(logits, network(torch.from_numpy(x)).numpy(), atol=1e-4)
    print("parameters:", sum(p.numel() for p in network.parameters()))
    print(f"test accuracy: {(logits.argmax(1) == test_labels).sum()}/{len(test_labels)}")


if __name__ == "__main__":
    main()
