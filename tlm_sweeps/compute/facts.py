"""What arithmetic must know about a corpus: how many tokens, of how many kinds."""

from __future__ import annotations

from dataclasses import dataclass

from tlm_sweeps.compute.encoder_facts import PassageFacts


@dataclass(frozen=True)
class CorpusFacts:
    """Counts of a tokenised corpus."""

    name: str
    level: str
    vocabulary_size: int
    n_train: int
    """Tokens in the train split, after caps."""
    n_valid: int
    n_test: int
    fingerprint: str
    """sha256 over vocabulary and token ids of the three splits: the same text tokenised alike, wherever it is."""


TextFacts = CorpusFacts | PassageFacts
"""Of a text as an experiment reads it: in tokens, or in passages of word pieces. Made by the corpora room, kept in
every record."""
