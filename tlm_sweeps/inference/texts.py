"""The text that a run read, opened again: the vocabulary in it is what the model's numbers mean.

A run keeps its weights and the fingerprint of its text, not the vocabulary, which follows from the text. So the text
must be here, and be the same.
"""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.corpora.labelled_arrays import LabelledSet
from tlm_sweeps.corpora.opening import Corpus
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.corpora.pieces import WordPieces
from tlm_sweeps.corpora.texts import open_text
from tlm_sweeps.corpora.vocabularies import open_pieces
from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.kept_models import KeptModel


def text_of(model: KeptModel, data_dir: Path | None = None) -> Corpus | Passages | LabelledSet:
    """What the run read: tokens, passages of word pieces, or labelled examples.

    Raises:
        InputError: it is not here, or has changed since.
    """
    text = open_text(model.experiment, data_dir)
    _ensure_same(text.facts.fingerprint, model.facts.fingerprint, model)
    return text


def pieces_of(model: KeptModel, data_dir: Path | None = None) -> WordPieces:
    """The word pieces of an encoder.

    Raises:
        InputError: they are not to be had here, or have changed since.
    """
    passages = model.experiment.passages
    assert passages is not None  # an encoder's experiment has them
    pieces = open_pieces(passages.pieces, model.experiment.corpus, data_dir)
    _ensure_same(pieces.fingerprint, model.facts.pieces_fingerprint, model)
    return pieces


def _ensure_same(found: str, known: str | None, model: KeptModel) -> None:
    if found == known:
        return
    raise InputError(
        f"the text {model.facts.name} is not the one that {model.place} was trained on: its fingerprint is {found}, "
        f"not {known}",
        place=str(model.folder),
        hint="use the machine, or the text, that trained it (`python-docs` differs between versions of Python)",
    )
