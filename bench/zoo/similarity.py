"""How well a quantized sentence encoder keeps the float one's embeddings, and its order of similarities.

    python similarity.py FLOAT.onnx QUANTIZED.onnx EVAL.npz

Prints the mean and the least cosine between the two embeddings of a sentence, and Spearman's rank correlation of the
cosine similarities of all pairs of sentences. Needs numpy and onnxruntime.
"""

import sys

import numpy as np
import onnxruntime


def embed(model: str, samples: dict[str, np.ndarray]) -> np.ndarray:
    """The model's first output for all samples, each row scaled to length 1."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feed = {value.name: samples[value.name] for value in session.get_inputs()}
    rows = session.run(None, feed)[0].astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pair_similarities(rows: np.ndarray) -> np.ndarray:
    """Cosine similarity of every pair, each pair once."""
    return (rows @ rows.T)[np.triu_indices(len(rows), k=1)]


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    means = np.cumsum(counts) - (counts + 1) / 2
    return means[group]


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def main(float_model: str, quantized_model: str, eval_path: str) -> None:
    samples = dict(np.load(eval_path))
    reference, quantized = embed(float_model, samples), embed(quantized_model, samples)
    cosines = (reference * quantized).sum(axis=1)
    similarities = pair_similarities(reference), pair_similarities(quantized)
    print(f"sentences {len(reference)}, pairs {len(similarities[0])}")
    print(f"cosine to float: mean {cosines.mean():.4f}, least {cosines.min():.4f}")
    print(f"Spearman of the similarities: {spearman(*similarities):.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
