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
