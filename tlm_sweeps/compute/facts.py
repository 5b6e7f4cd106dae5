"""What arithmetic must know about a corpus: how many tokens, of how many kinds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from tlm_sweeps.compute.encoder_facts import PassageFacts, TaskFacts


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


TextFacts = CorpusFacts | PassageFacts | TaskFacts
"""Of a text as an experiment reads it: in tokens, in passages of word pieces, or in labelled examples. Made by the
corpora room, kept in every record."""


def plain_facts(facts: TextFacts) -> dict[str, Any]:
    """Facts as records and checkpoints keep them: what JSON holds, so that they are equal when they are read again."""
    return json.loads(json.dumps(asdict(facts)))
