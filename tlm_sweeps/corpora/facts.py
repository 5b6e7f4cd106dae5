"""Facts on demand: each corpus of a sweep is looked at once."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.planning import FactsOf
from tlm_sweeps.corpora.opening import corpus_facts
from tlm_sweeps.spec.experiment import CorpusSpec


def facts_reader(data_dir: Path | None = None) -> FactsOf:
    """A function from corpus specs to facts that remembers what it read."""
    known: dict[str, CorpusFacts] = {}

    def facts_of(corpus: CorpusSpec) -> CorpusFacts:
        key = corpus.model_dump_json()
        if key not in known:
            known[key] = corpus_facts(corpus, data_dir)
        return known[key]

    return facts_of
