"""What a labelled set has in common with the passages beside it in an experiment; counted once on a machine."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from tlm_sweeps.compute.containing import n_contained
from tlm_sweeps.compute.encoder_facts import TokenOverlap
from tlm_sweeps.compute.overlap import token_counts, token_overlap
from tlm_sweeps.corpora.array_entries import publish_kept, read_facts
from tlm_sweeps.corpora.entries import entry_folder
from tlm_sweeps.corpora.labelled_arrays import LabelledSet
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.corpora.pieces import CLS, PAD, SEP
from tlm_sweeps.errors import InputError

FORMAT = 1
"""Of entries and of counting: raise it whenever the same two sets would be said to overlap otherwise."""
TEXTS_FORMAT = 1
"""Of entries and of counting texts, likewise."""


def with_overlap(labelled: LabelledSet, passages: Passages) -> LabelledSet:
    """The same set, whose facts say how far its pieces are those of the passages of train, and which texts are there.

    The overlap is of train examples, and special pieces are not counted, padding among them. Texts are those of test
    examples as a model reads them: in pieces, cut to the length of the task.

    Raises:
        InputError: the examples or the passages have no piece of their own.
    """
    entry = entry_folder({"overlap": FORMAT, "of": [passages.facts.fingerprint, labelled.facts.fingerprint]})
    known = read_facts(entry)
    overlap = _counted(labelled, passages) if known is None else TokenOverlap(**known)
    if known is None:
        publish_kept(entry, asdict(overlap), {})
    in_passages = _n_test_in(passages, labelled)
    return replace(labelled, facts=replace(labelled.facts, overlap=overlap, n_test_in_passages=in_passages))


def _n_test_in(passages: Passages, labelled: LabelledSet) -> int:
    """Test examples whose text stands whole in one passage; counted once on a machine."""
    of = [passages.facts.fingerprint, labelled.facts.fingerprint]
    entry = entry_folder({"texts in passages": TEXTS_FORMAT, "of": of})
    if (known := read_facts(entry)) is not None:
        return known["n_test"]
    ids = passages.pieces.ids
    rows = labelled.test.ids
    texts = np.where(np.isin(rows, [ids[CLS], ids[SEP]]), ids[PAD], rows)
    count = n_contained(texts, passages.train, ids[PAD])
    publish_kept(entry, {"n_test": count}, {})
    return count


def _counted(labelled: LabelledSet, passages: Passages) -> TokenOverlap:
    size, special = passages.facts.vocabulary_size, passages.pieces.special_ids
    counts = [token_counts(rows, size, special) for rows in (passages.train, labelled.train.ids)]
    if not all(each.any() for each in counts):
        raise InputError(
            f"nothing of {passages.facts.name if not counts[0].any() else labelled.facts.name} is in the vocabulary",
            place="experiment.passages.pieces",
            hint="use a vocabulary that is made for these texts, or a larger one",
        )
    return token_overlap(*counts)
