"""What arithmetic and records must know of passages and of a labelled set. Made by the corpora room."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PassageFacts:
    """Counts of a text cut into passages, after caps."""

    name: str
    pieces: str
    """Where the vocabulary comes from."""
    pieces_fingerprint: str
    vocabulary_size: int
    length: int
    """Positions of a passage, padding included."""
    n_train: int
    """Passages of train."""
    n_valid: int
    n_test: int
    n_train_pieces: int
    """Positions of train that are no padding, `[CLS]` and `[SEP]` included."""
    fingerprint: str
    """sha256 over vocabulary and ids: the same text cut alike, wherever it is."""


@dataclass(frozen=True)
class TokenOverlap:
    """How much two sets of texts have in common, over the pieces of one vocabulary. Shares are between 0 and 1."""

    n_pretraining: int
    """Distinct tokens of the pre-training set."""
    n_task: int
    """Distinct tokens of the task."""
    n_common: int
    """Distinct tokens of both."""
    task_kinds_seen: float
    """Share of the task's distinct tokens that occur in the pre-training set."""
    pretraining_kinds_used: float
    """Share of the pre-training set's distinct tokens that occur in the task."""
    task_tokens_seen: float
    """Share of the task's running tokens whose kind occurs in the pre-training set."""
    pretraining_tokens_used: float
    """Share of the pre-training set's running tokens whose kind occurs in the task."""
    common_mass: float
    """Σ min(p, q) over the two relative frequencies: 1 for equal distributions, 0 for nothing in common. It does not
    come near 1 merely because both sets are large, as the shares above do with a closed vocabulary."""


@dataclass(frozen=True)
class TaskFacts:
    """Counts of a labelled set as drawn."""

    name: str
    pieces_fingerprint: str
    vocabulary_size: int
    length: int
    labels: tuple[str, ...]
    """Label `i` is `labels[i]`."""
    n_train: int
    """Examples of train, over all labels."""
    n_valid: int
    n_test: int
    n_test_seen: int
    """Test examples whose very text is in train too, under any label."""
    fingerprint: str
    """sha256 over vocabulary, labels, ids and their order."""
    overlap: TokenOverlap | None = None
    """Of train with the passages that an experiment names beside the task; None where none are named."""
    n_valid_seen: int | None = None
    """Validation examples whose very text is in train too; None where an older version kept the set."""
    n_test_in_valid: int | None = None
    """Test examples whose very text is among the validation examples too; likewise."""
    n_test_in_passages: int | None = None
    """Test examples whose text, as a model reads it, stands whole in one of these passages of train; likewise."""
