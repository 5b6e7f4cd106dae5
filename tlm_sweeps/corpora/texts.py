"""Texts on demand, as an experiment reads them: in tokens, in passages of word pieces, or in labelled examples."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.planning import FactsOf
from tlm_sweeps.corpora.labelled import open_task
from tlm_sweeps.corpora.labelled_arrays import LabelledSet
from tlm_sweeps.corpora.opening import Corpus, corpus_facts, open_corpus
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.corpora.passages import open_passages, passage_facts
from tlm_sweeps.corpora.task_overlap import with_overlap
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import ExperimentSpec


def text_key(experiment: ExperimentSpec) -> str:
    """Equal for experiments that read the same text alike."""
    parts = (experiment.corpus, experiment.passages, experiment.task)
    return "".join(each.model_dump_json() for each in parts if each is not None)


def open_text(experiment: ExperimentSpec, data_dir: Path | None = None) -> Corpus | Passages | LabelledSet:
    """What an experiment reads.

    Raises:
        InputError: as `open_corpus`, `open_passages` and `open_task`.
    """
    if experiment.passages is None:
        return open_corpus(experiment.corpus, data_dir)
    passages = open_passages(experiment.corpus, experiment.passages, data_dir)
    if experiment.task is None:
        return passages
    return with_overlap(open_task(experiment.task, passages.pieces, data_dir), passages)


def facts_reader(data_dir: Path | None = None) -> FactsOf:
    """A function from experiments to the facts of their texts that remembers what it read, and what it could not."""
    known: dict[str, TextFacts | InputError] = {}

    def facts_of(experiment: ExperimentSpec) -> TextFacts:
        key = text_key(experiment)
        if key not in known:
            try:
                known[key] = _facts(experiment, data_dir)
            except InputError as error:
                known[key] = error  # many settings may name a text that is not there; the Hub is asked for it once
        found = known[key]
        if isinstance(found, InputError):
            raise found
        return found

    return facts_of


def _facts(experiment: ExperimentSpec, data_dir: Path | None) -> TextFacts:
    if experiment.passages is None:
        return corpus_facts(experiment.corpus, data_dir)
    if experiment.task is None:
        return passage_facts(experiment.corpus, experiment.passages, data_dir)
    return open_text(experiment, data_dir).facts
