"""Image and audio architectures, small, with random weights."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = 100
Activation = Callable[[], nn.Module]


def conv_bn(
    c_in: int, c_out: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: Activation = nn.ReLU
) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), act())


def classifier(features: Sequence[nn.Module], width: int) -> nn.Sequential:
    return nn.Sequential(*features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))


class BasicBlock(nn.Module):
    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv_bn(c_in, c_out, 3, stride), conv_bn(c_out, c_out, act=nn.Identity))
        same = c_in == c_out and stride == 1
        self.shortcut = nn.Identity() if same else conv_bn(c_in, c_out, 1, stride, act=nn.Identity)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def resnet18(width: int = 32) -> nn.Module:
    layers: list[nn.Module] = [conv_bn(3, width, 7, 2), nn.MaxPool2d(3, 2, 1)]
    channels = width
    for stage in range(4):
        for stride in (1 if stage == 0 else 2, 1):
            layers.append(BasicBlock(channels, width << stage, stride))
            channels = width << stage
    return classifier(layers, channels)


class Bottleneck(nn.Module):
    def __init__(self, c_in: int, hidden: int, stride: int) -> None:
        super().__init__()
        c_out = 4 * hidden
        self.body = nn.Sequential(
            conv_bn(c_in, hidden, 1), conv_bn(hidden, hidden, 3, stride), conv_bn(hidden, c_out, 1, act=nn.Identity)
        )
        same = c_in == c_out and stride == 1
        self.shortcut = nn.Identity() if same else conv_bn(c_in, c_out, 1, stride, act=nn.Identity)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def resnet50(width: int = 64) -> nn.Module:
    """Of full size: 25 million weights."""
    layers: list[nn.Module] = [conv_bn(3, width, 7, 2), nn.MaxPool2d(3, 2, 1)]
    channels = width
    for stage, depth in enumerate((3, 4, 6, 3)):
        hidden = width << stage
        for index in range(depth):
            layers.append(Bottleneck(channels, hidden, 2 if stage > 0 and index == 0 else 1))
            channels = 4 * hidden
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, squeezed: int, act: Activation, gate: Activation) -> None:
        super().__init__()
        down, up = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), down, act(), up, gate())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale(x)


class InvertedResidual(nn.Module):
    """Expand, depthwise, optional squeeze-excite, project; a shortcut where the shape allows it."""

    def __init__(
        self, c_in: int, hidden: int, c_out: int, kernel: int, stride: int, act: Activation, se: nn.Module | None = None
    ) -> None:
        super().__init__()
        expand = [] if hidden == c_in else [conv_bn(c_in, hidden, 1, act=act)]
        depthwise = conv_bn(hidden, hidden, kernel, stride, groups=hidden, act=act)
        project = conv_bn(hidden, c_out, 1, act=nn.Identity)
        self.body = nn.Sequential(*expand, depthwise, *([] if se is None else [se]), project)
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.shortcut else self.body(x)


def mobilenet_v2() -> nn.Module:
    # expansion, channels, repeats, stride
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    layers: list[nn.Module] = [conv_bn(3, 32, 3, 2, act=nn.ReLU6)]
    channels = 32
    for expansion, c_out, repeats, stride in stages:
        for index in range(repeats):
            step = stride if index == 0 else 1
            layers.append(InvertedResidual(channels, channels * expansion, c_out, 3, step, nn.ReLU6))
            channels = c_out
    return classifier([*layers, conv_bn(channels, 1280, 1, act=nn.ReLU6)], 1280)


def mobilenet_v3() -> nn.Module:
    # kernel, hidden, channels, squeeze-excite, hard swish, stride: the small variant
    blocks = (
        (3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1),
        (5, 96, 40, True, True, 2), (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1),
        (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1),
        (5, 288, 96, True, True, 2), (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1),
    )  # fmt: skip
    layers: list[nn.Module] = [conv_bn(3, 16, 3, 2, act=nn.Hardswish)]
    channels = 16
    for kernel, hidden, c_out, squeeze, swish, stride in blocks:
        se = SqueezeExcite(hidden, hidden // 4, nn.ReLU, nn.Hardsigmoid) if squeeze else None
        layers.append(InvertedResidual(channels, hidden, c_out, kernel, stride, nn.Hardswish if swish else nn.ReLU, se))
        channels = c_out
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(576, 1024), nn.Hardswish(), nn.Linear(1024, CLASSES)]
    return nn.Sequential(*layers, conv_bn(channels, 576, 1, act=nn.Hardswish), *head)


def efficientnet() -> nn.Module:
    # expansion, channels, repeats, kernel, stride
    stages = (
        (1, 16, 1, 3, 1),
        (6, 24, 2, 3, 2),
        (6, 40, 2, 5, 2),
        (6, 80, 3, 3, 2),
        (6, 112, 3, 5, 1),
        (6, 192, 4, 5, 2),
    )
    layers: list[nn.Module] = [conv_bn(3, 32, 3, 2, act=nn.SiLU)]
    channels = 32
    for expansion, c_out, repeats, kernel, stride in stages:
        for index in range(repeats):
            hidden = channels * expansion
            se = SqueezeExcite(hidden, channels // 4, nn.SiLU, nn.Sigmoid)
            layers.append(InvertedResidual(channels, hidden, c_out, kernel, stride if index == 0 else 1, nn.SiLU, se))
            channels = c_out
    return classifier([*layers, conv_bn(channels, 768, 1, act=nn.SiLU)], 768)


def bn_conv(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False)
    )


class DenseLayer(nn.Module):
    def __init__(self, c_in: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(bn_conv(c_in, 4 * growth, 1), bn_conv(4 * growth, growth, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


def densenet(growth: int = 16) -> nn.Module:
    layers: list[nn.Module] = [conv_bn(3, 2 * growth, 7, 2), nn.MaxPool2d(3, 2, 1)]
    channels = 2 * growth
    for stage, depth in enumerate((4, 8, 12, 8)):
        if stage > 0:
            layers += [bn_conv(channels, channels // 2, 1), nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(depth):
            layers.append(DenseLayer(channels, growth))
            channels += growth
    return classifier([*layers, nn.BatchNorm2d(channels), nn.ReLU()], channels)


class Inception(nn.Module):
    def __init__(self, c_in: int, one: int, three: tuple[int, int], five: tuple[int, int], pool: int) -> None:
        super().__init__()
        pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_bn(c_in, pool, 1))
        narrow = nn.Sequential(conv_bn(c_in, three[0], 1), conv_bn(*three))
        wide = nn.Sequential(conv_bn(c_in, five[0], 1), conv_bn(*five, 5))
        self.branches = nn.ModuleList([conv_bn(c_in, one, 1), narrow, wide, pooled])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def googlenet() -> nn.Module:
    pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
    return classifier(
        [
            conv_bn(3, 32, 7, 2), pool(), conv_bn(32, 32, 1), conv_bn(32, 96), pool(),
            Inception(96, 32, (48, 64), (8, 16), 16), Inception(128, 64, (64, 96), (16, 48), 32), pool(),
            Inception(240, 96, (48, 104), (8, 24), 32), Inception(256, 80, (56, 112), (12, 32), 32),
            Inception(256, 128, (80, 160), (16, 64), 64), pool(),
            Inception(416, 128, (80, 160), (16, 64), 64), Inception(416, 192, (96, 192), (24, 64), 64),
        ],
        512,
    )  # fmt: skip


def alexnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(32, 96, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 192, 3, padding=1), nn.ReLU(), nn.Conv2d(192, 128, 3, padding=1), nn.ReLU(),
        nn.Conv2d(128, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Dropout(), nn.Linear(128 * 3 * 3, 1024), nn.ReLU(),
        nn.Dropout(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, CLASSES),
    )  # fmt: skip


def vgg() -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for stage, depth in enumerate((1, 1, 2, 2, 2)):
        for _ in range(depth):
            c_out = min(32 << stage, 256)
            layers += [nn.Conv2d(channels, c_out, 3, padding=1), nn.ReLU()]
            channels = c_out
        layers.append(nn.MaxPool2d(2))
    head = [nn.Flatten(), nn.Linear(256 * 2 * 2, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, CLASSES)]
    return nn.Sequential(*layers, *head)


class UNet(nn.Module):
    """Segmentation into 5 classes; `resize` upsamples by nearest neighbour and a convolution, not by ConvTranspose."""

    def __init__(self, resize: bool, width: int = 16, depth: int = 4) -> None:
        super().__init__()
        sizes = [width << level for level in range(depth)]
        self.down = nn.ModuleList(self._double(*pair) for pair in pairwise([3, *sizes]))
        upwards = list(pairwise(reversed(sizes)))
        self.up = nn.ModuleList(self._upsample(*pair, resize) for pair in upwards)
        self.merge = nn.ModuleList(self._double(2 * small, small) for _, small in upwards)
        self.head = nn.Conv2d(width, 5, 1)

    @staticmethod
    def _double(c_in: int, c_out: int) -> nn.Module:
        return nn.Sequential(conv_bn(c_in, c_out), conv_bn(c_out, c_out))

    @staticmethod
    def _upsample(c_in: int, c_out: int, resize: bool) -> nn.Module:
        if resize:
            return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(c_in, c_out, 1))
        return nn.ConvTranspose2d(c_in, c_out, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([up(x), skips.pop()], 1))
        return self.head(x)


class GreedyNms(torch.autograd.Function):
    """ONNX NonMaxSuppression on boxes [batch, N, 4] (centre and size) and scores [batch, classes, N]."""

    PER_CLASS, IOU, SCORE = 10, 0.5, 0.15

    @staticmethod
    def forward(ctx: object, boxes: Tensor, scores: Tensor) -> Tensor:
        kept: list[tuple[int, int, int]] = []
        low, high = boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2
        area = (high - low).prod(-1)
        for image, label in ((image, label) for image in range(scores.shape[0]) for label in range(scores.shape[1])):
            chosen: list[int] = []
            for index in scores[image, label].argsort(descending=True).tolist():
                if len(chosen) == GreedyNms.PER_CLASS or scores[image, label, index] <= GreedyNms.SCORE:
                    break
                overlap = torch.minimum(high[image, chosen], high[image, index])
                overlap = (overlap - torch.maximum(low[image, chosen], low[image, index])).clamp(min=0).prod(-1)
                if (overlap <= GreedyNms.IOU * (area[image, chosen] + area[image, index] - overlap)).all():
                    chosen.append(index)
            kept += [(image, label, index) for index in chosen]
        return torch.tensor(kept, dtype=torch.int64).reshape(-1, 3)

    @staticmethod
    def symbolic(g, boxes, scores):  # noqa: ANN001, ANN205
        limits = (torch.tensor([GreedyNms.PER_CLASS]), torch.tensor([GreedyNms.IOU]), torch.tensor([GreedyNms.SCORE]))
        constants = [g.op("Constant", value_t=limit) for limit in limits]
        return g.op("NonMaxSuppression", boxes, scores, *constants, center_point_box_i=1)


class Detector(nn.Module):
    """One head with 3 anchors a cell: boxes [batch, N, 4] in pixels, class scores [batch, N, classes]."""

    def __init__(self, nms: bool, size: int = 128, classes: int = 10) -> None:
        super().__init__()
        act = partial(nn.LeakyReLU, 0.1)
        stride, width = 16, 192
        self.nms, self.classes, self.stride = nms, classes, stride
        self.backbone = nn.Sequential(
            conv_bn(3, 16, act=act), conv_bn(16, 32, 3, 2, act=act), conv_bn(32, 64, 3, 2, act=act),
            conv_bn(64, 32, 1, act=act), conv_bn(32, 96, 3, 2, act=act),
            conv_bn(96, 48, 1, act=act), conv_bn(48, width, 3, 2, act=act), conv_bn(width, width, act=act),
        )  # fmt: skip
        self.head = nn.Conv2d(width, 3 * (4 + classes), 1)
        cells = torch.arange(size // stride, dtype=torch.float32)
        grid = torch.stack(torch.meshgrid(cells, cells, indexing="xy"), -1)
        self.register_buffer("grid", grid[None, None])
        self.register_buffer("anchors", torch.tensor([[14.0, 20.0], [40.0, 34.0], [70.0, 90.0]]).view(1, 3, 1, 1, 2))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.head(self.backbone(x))
        _, _, height, width = x.shape
        x = x.view(-1, 3, 4 + self.classes, height, width).permute(0, 1, 3, 4, 2)
        centre = (torch.sigmoid(x[..., :2]) * 2 - 0.5 + self.grid) * self.stride
        extent = torch.exp(x[..., 2:4]) * self.anchors
        boxes = torch.cat([centre, extent], -1).reshape(-1, 3 * height * width, 4)
        scores = torch.softmax(x[..., 4:], -1).reshape(-1, 3 * height * width, self.classes)
        if not self.nms:
            return boxes, scores
        return boxes, scores, GreedyNms.apply(boxes, scores.transpose(1, 2))


def audio() -> nn.Module:
    """Keyword classifier on the raw waveform: strided, then dilated and depthwise 1-D convolutions."""

    def block(c_in: int, c_out: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1) -> nn.Module:
        padding = dilation * (kernel - 1) // 2
        conv = nn.Conv1d(c_in, c_out, kernel, stride, padding, dilation, groups, bias=False)
        return nn.Sequential(conv, nn.BatchNorm1d(c_out), nn.ReLU())

    layers = [block(1, 64, 81, 8), nn.MaxPool1d(4), block(64, 128, 3), nn.MaxPool1d(4)]
    for dilation in (1, 2, 4, 8):
        layers += [block(128, 128, 5, dilation=dilation, groups=128), block(128, 128, 1)]
    return nn.Sequential(*layers, block(128, 256, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(256, 35))
