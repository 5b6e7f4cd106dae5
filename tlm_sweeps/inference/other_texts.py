"""Texts that a run was not trained on, in the vocabulary of the one it was: a file, or a held-out part of a corpus."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Integer

from tlm_sweeps.corpora.articles import read_articles, split_articles
from tlm_sweeps.corpora.files import decode_text, read_content
from tlm_sweeps.corpora.framing import FRAME, framed
from tlm_sweeps.corpora.opening import Corpus, open_corpus
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.corpora.passages import choose_passages
from tlm_sweeps.corpora.sources import find_source
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec, ExperimentSpec


@dataclass(frozen=True)
class OtherText:
    """A text by itself, before it becomes any model's tokens."""

    name: str
    place: str
    """What the user typed to name it: an option, or a file."""
    text: str
    articles: tuple[str, ...]
    """The same text in blocks, which passages do not cross."""


def text_in_file(path: Path) -> OtherText:
    """The text of a UTF-8 file, packed as .gz or not.

    Raises:
        InputError: there is no such file, or it holds no text.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise InputError(f"`{path}` {what}", place="--text", hint="name a UTF-8 text file")
    text = decode_text(read_content(path), path)
    if not text.strip():
        raise InputError(f"{path.name} holds no text", place=str(path), hint="name a file that has text in it")
    return OtherText(path.name, str(path), text, tuple(split_articles(text)))


def text_of_corpus(name: str, split: Literal["valid", "test"], data_dir: Path | None = None) -> OtherText:
    """A held-out part of a known corpus: its own, or the one after 80 % or 90 % of it.

    Raises:
        InputError: no corpus has this name, or it is not here.
    """
    spec = CorpusSpec(name=name)  # characters of the whole text are its vocabulary: nothing is lost
    corpus = open_corpus(spec, data_dir)
    text = corpus.decode(corpus.test if split == "test" else corpus.valid)
    articles = getattr(read_articles(spec, find_source(spec, data_dir)), split)
    return OtherText(f"{split} of {name}", "--corpus", text, tuple(articles))


def as_tokens(other: OtherText, own: Corpus) -> Integer[np.ndarray, " n"]:
    """A text in the characters or words of a corpus.

    Raises:
        InputError: it has one that the corpus's vocabulary lacks, which has no `<unk>`.
    """
    try:
        return own.encode(other.text)
    except InputError as error:
        problem = error.problems[0]
        hint = "use a text of characters that it has, or a run whose corpus has `vocabulary: N`, and with it <unk>"
        raise InputError(problem.message, place=other.place, hint=hint) from error


def as_passages(other: OtherText, own: Passages, experiment: ExperimentSpec) -> Passages:
    """A text cut into passages as a run's held-out text was; all of them are `test`.

    Raises:
        InputError: there is nothing to cut.
    """
    spec = experiment.passages
    assert spec is not None  # what read passages has them
    chosen = choose_passages(
        other.articles, own.pieces.encode, spec.length - FRAME, seed=spec.seed, wanted=spec.heldout_passages
    )
    if not chosen:
        raise InputError(f"{other.name} gives no passage", place=other.place, hint="name a file that has text in it")
    rows = framed(own.pieces, chosen, spec.length)
    facts = dataclasses.replace(own.facts, name=other.name, n_test=len(rows))
    return dataclasses.replace(own, facts=facts, test=rows)
