"""A corpus as articles, each in one split: blocks of a text between empty lines, or the rows of a Hub set.

It knows nothing of word pieces. In `wikipedia-subset` a block is an article, its title the first line; in any other
text it is what stands between empty lines, a paragraph as a rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlm_sweeps.corpora.catalog import PARTS, Part
from tlm_sweeps.corpora.hub import load_columns
from tlm_sweeps.corpora.sources import HubSource, Source, identity, read_texts
from tlm_sweeps.corpora.splitting import SPLIT_NAMES, Ids, choose_split, cut
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec, FirstTokens

_EMPTY_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True, eq=False)
class Articles:
    """The articles of each split; those of a large Hub set are read only when they are asked for."""

    train: Sequence[str]
    valid: Sequence[str]
    test: Sequence[str]


@dataclass(frozen=True, eq=False)
class _Chosen(Sequence[str]):
    """Some of a set's rows, read one at a time."""

    rows: Sequence[str | None]
    numbers: Ids

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _Chosen(self.rows, self.numbers[index])
        return self.rows[int(self.numbers[index])] or ""


def split_articles(text: str) -> list[str]:
    r"""The blocks of a text that empty lines separate.

    >>> split_articles("Title\nfirst\nsecond\n\n  \nnext\n")
    ['Title\nfirst\nsecond', 'next']
    """
    return [block.strip() for block in _EMPTY_LINES.split(text) if block.strip()]


def splitting_identity(spec: CorpusSpec, source: Source) -> dict[str, Any]:
    """What decides which article is in which split, as JSON values."""
    split = spec.split if spec.split is None or isinstance(spec.split, str) else spec.split.model_dump()
    return {"source": identity(source), "split": split}


def read_articles(spec: CorpusSpec, source: Source) -> Articles:
    """The articles of each split: the corpus's own splits, or shares of the articles by position.

    Raises:
        InputError: the text cannot be read or split as asked, a split has no articles, or the spec has settings for
            characters and words that mean nothing here.
    """
    _refuse_what_is_for_tokens(spec)
    parts = _parts(source)
    split = choose_split(spec, list(parts), source.name)
    ordered = [parts[part] for part in PARTS if part in parts]
    if split == "official":
        splits = [_Chosen(rows, np.arange(len(rows))) for rows in ordered]
    else:
        whole = ordered[0] if len(ordered) == 1 else [row for rows in ordered for row in rows]
        splits = [_Chosen(whole, numbers) for numbers in cut(split, [np.arange(len(whole))])]
    for name, articles in zip(SPLIT_NAMES, splits, strict=True):
        if not len(articles):
            raise InputError(
                f"the {name} split of {source.name} has no articles",
                place="experiment.corpus.split",
                hint="use a text with more blocks between empty lines, or other shares: "
                "split: {train: 80%, valid: 10%}",
            )
    return Articles(*splits)


def _parts(source: Source) -> dict[Part, Sequence[str | None]]:
    if isinstance(source, HubSource):
        rows = load_columns(source.dataset, source.config, source.revision)
        return {"all": rows["train"]} if len(rows) == 1 else {part: rows[part] for part in PARTS if part in rows}
    return {part: split_articles(text) for part, text in read_texts(source).items()}


def _refuse_what_is_for_tokens(spec: CorpusSpec) -> None:
    asked = {
        "eos: true": spec.eos,
        "vocabulary": spec.vocabulary is not None,
        "first_tokens": spec.first_tokens != FirstTokens(),
        "split: paper": spec.split == "paper",
    }
    for setting, is_asked in asked.items():
        if is_asked:
            raise InputError(
                f"`{setting}` is for characters and words as tokens, and passages are made of word pieces",
                place=f"experiment.corpus.{setting.partition(':')[0]}",
                hint="leave it out; `passages` has its own vocabulary and caps",
            )
