"""What *Tiny language models* (arXiv 2507.14871) published and could be read: parameter counts, and no score."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedModel:
    """A model of the study, by its trainable parameters."""

    label: str
    baseline: str | None
    """Its name in sweeps/tiny-language-models/full.yaml; None for what is searched there."""
    n_params_encoder: int
    n_params_masked: int
    """With the head that predicts masked pieces."""
    n_params_classifier: int
    """With the head that tells 64 labels apart."""


MODELS = (
    PublishedModel("BERT-6, 12 heads", None, 66_069_504, 66_692_154, 66_709_312),
    PublishedModel("BERT-1, 24 heads", "bert-1-24-heads", 75_416_064, 77_810_490, 77_875_264),
    PublishedModel("BERT-1, conv 2 × 3 × 3 × 64, 12 heads", "bert-1-conv-2x3x3-64", 30_668_035, 31_290_685, 31_307_843),
    PublishedModel("BERT-1, conv 2 × 3 × 3 × 64, 8 heads", "bert-1-conv-8-heads", 18_885_123, 19_179_325, 19_180_611),
    PublishedModel("BERT-1, conv 3 × 3 × 3 × 32, 12 heads", "bert-1-conv-3x3x3-32", 30_649_187, 31_271_837, 31_288_995),
    PublishedModel(
        "BERT-1, conv 2 × 16 × 3 × 64, 12 heads", "bert-1-conv-2x16x3-64", 30_830_275, 31_452_925, 31_470_083
    ),
)
"""The study's models in the order of its table. With a vocabulary of 30,522 pieces and 128 positions."""
