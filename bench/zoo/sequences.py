"""Transformers and recurrent nets, small, with random weights."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCABULARY = 2000
CONTEXT = 64
WIDTH, HEADS, LAYERS = 192, 6, 4


def split_heads(x: Tensor) -> Tensor:
    return x.view(x.shape[0], -1, HEADS, WIDTH // HEADS).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    return x.transpose(1, 2).reshape(x.shape[0], -1, WIDTH)


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))


class VitBlock(nn.Module):
    """Pre-norm, one projection for query, key and value, torch's own attention function."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out, self.mlp = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), mlp()

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        x = x + self.out(merge_heads(F.scaled_dot_product_attention(*qkv.unbind(0))))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    def __init__(self, size: int = 96, patch: int = 12, classes: int = 100) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.randn(1, 1 + (size // patch) ** 2, WIDTH) / 2)
        self.blocks = nn.Sequential(*(VitBlock() for _ in range(LAYERS)))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class BertBlock(nn.Module):
    """Post-norm, three projections, the mask added to the scores."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm1, self.norm2, self.mlp = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), mlp()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (split_heads(project(x)) for project in (self.query, self.key, self.value))
        scores = query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS) + mask
        x = self.norm1(x + self.out(merge_heads(scores.softmax(-1) @ value)))
        return self.norm2(x + self.mlp(x))


class Bert(nn.Module):
    """Hidden states, and class logits from the first token."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.norm, self.blocks = nn.LayerNorm(WIDTH), nn.ModuleList(BertBlock() for _ in range(LAYERS))
        self.pooler, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, classes)
        self.register_buffer("position_ids", torch.arange(CONTEXT)[None], persistent=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        mask = (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        x = self.norm(self.tokens(input_ids) + self.positions(self.position_ids[:, : input_ids.shape[1]]))
        for block in self.blocks:
            x = block(x, mask)
        return x, self.head(torch.tanh(self.pooler(x[:, 0])))


class Affine(nn.Module):
    """GPT-2's linear layer: weight [in, out], and a matrix product of flattened rows."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c_in, c_out) / math.sqrt(c_in))
        self.bias = nn.Parameter(torch.randn(c_out) / 10)

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight)
        return rows.view(*x.shape[:-1], self.bias.shape[0])


class GptBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = Affine(WIDTH, 3 * WIDTH), Affine(WIDTH, WIDTH)
        self.mlp = nn.Sequential(Affine(WIDTH, 4 * WIDTH), nn.GELU(approximate="tanh"), Affine(4 * WIDTH, WIDTH))
        self.register_buffer("causal", torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).tril()[None, None])

    def forward(self, x: Tensor, past_key: Tensor, past_value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = (split_heads(part) for part in self.qkv(self.norm1(x)).split(WIDTH, -1))
        key, value = torch.cat([past_key, key], 2), torch.cat([past_value, value], 2)
        total, new = key.shape[2], query.shape[2]
        scores = query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
        lowest = torch.finfo(torch.float32).min
        scores = torch.where(self.causal[:, :, total - new : total, :total], scores, lowest)
        x = x + self.out(merge_heads(scores.softmax(-1) @ value))
        return x + self.mlp(self.norm2(x)), key, value


class Gpt(nn.Module):
    """Logits, and the keys and values to feed back; the output layer shares the token embedding's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        for embedding in (self.tokens, self.positions):
            nn.init.normal_(embedding.weight, std=1 / math.sqrt(WIDTH))  # as output weights, too
        self.blocks, self.norm = nn.ModuleList(GptBlock() for _ in range(LAYERS)), nn.LayerNorm(WIDTH)

    def forward(self, input_ids: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """`past`: key and value [batch, heads, length, size] of each layer in turn."""
        start = past[0].shape[2]
        positions = torch.arange(start, start + input_ids.shape[1])[None]
        x = self.tokens(input_ids) + self.positions(positions)
        present: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            x, *state = block(x, *past[2 * index : 2 * index + 2])
            present += state
        return self.norm(x) @ self.tokens.weight.t(), *present


class Recurrent(nn.Module):
    """Embedding, LSTM or GRU, and a linear layer for every position."""

    def __init__(self, layer: nn.LSTM | nn.GRU, outputs: int) -> None:
        super().__init__()
        self.tokens, self.layer = nn.Embedding(VOCABULARY, layer.input_size), layer
        self.head = nn.Linear(layer.hidden_size * (2 if layer.bidirectional else 1), outputs)

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.head(self.layer(self.tokens(input_ids))[0])


def lstm() -> nn.Module:
    """Language model."""
    return Recurrent(nn.LSTM(128, 256, num_layers=2, batch_first=True), VOCABULARY)


def gru() -> nn.Module:
    """Bidirectional tagger."""
    return Recurrent(nn.GRU(128, 192, num_layers=2, batch_first=True, bidirectional=True), 17)
