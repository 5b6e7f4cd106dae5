"""Open a corpus: from a spec to memory-mapped token ids and the facts that arithmetic needs.

Tokenised once on a machine; afterwards opening maps files and facts read one small file. It knows nothing of windows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.corpora import tokenising
from tlm_sweeps.corpora.cache import Meta, entry_of, publish, read_meta, read_tokens
from tlm_sweeps.corpora.sources import Source, find_source, identity, read_texts
from tlm_sweeps.corpora.splitting import Ids
from tlm_sweeps.corpora.tokenising import Tokens
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.spec.experiment import CorpusSpec

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Corpus:
    """A tokenised corpus. The splits are 1-D, read-only and memory-mapped (uint8, uint16 or int32)."""

    facts: CorpusFacts
    vocabulary: tuple[str, ...]
    """Token `i` is `vocabulary[i]`."""
    train: Ids
    valid: Ids
    test: Ids

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> str:
        """The text of token ids."""
        return tokenising.decode(ids, self.vocabulary, self.facts.level)

    def encode(self, text: str) -> Ids:
        """The token ids of a text; what the vocabulary lacks becomes `<unk>`, or is refused where it has none."""
        return tokenising.encode(text, self.vocabulary, self.facts.level)


def open_corpus(spec: CorpusSpec, data_dir: Path | None = None) -> Corpus:
    """Open the corpus that a spec names; many processes may do so at once.

    Args:
        spec: which text, and how it becomes tokens.
        data_dir: folder with the known corpora; default: TLM_DATA, `../shared/data`, or what was downloaded.

    Raises:
        InputError: the text is not there, damaged, empty, no UTF-8, or cannot be split as asked.
    """
    source, entry = _locate(spec, data_dir)
    tokens = read_tokens(entry)
    if tokens is None:
        _build(spec, source, entry)
        tokens = read_tokens(entry)
    meta = read_meta(entry)
    if tokens is None or meta is None:
        raise RunError("the tokenised corpus vanished from the cache as soon as it was there", place=str(entry))
    return Corpus(_facts(source, meta), tokens.vocabulary, tokens.train, tokens.valid, tokens.test)


def corpus_facts(spec: CorpusSpec, data_dir: Path | None = None) -> CorpusFacts:
    """The facts of the corpus that a spec names; tokenises it only where that has not been done.

    Raises:
        InputError: as `open_corpus`.
    """
    source, entry = _locate(spec, data_dir)
    meta = read_meta(entry)
    return open_corpus(spec, data_dir).facts if meta is None else _facts(source, meta)


def _locate(spec: CorpusSpec, data_dir: Path | None) -> tuple[Source, Path]:
    _refuse_what_cannot_mean_anything(spec)
    source = find_source(spec, data_dir)
    split = spec.split.model_dump() if spec.split is not None and not isinstance(spec.split, str) else spec.split
    named = spec.name if spec.split == "paper" else None
    options = [spec.level, spec.eos, spec.vocabulary, split, spec.first_tokens.model_dump(), named]
    return source, entry_of({"source": identity(source), "options": options})


def _build(spec: CorpusSpec, source: Source, entry: Path) -> None:
    _logger.info("tokenising %s", source.name)
    tokens: Tokens = tokenising.tokenise(read_texts(source), spec, source.name)
    publish(tokens, spec.level, entry)


def _facts(source: Source, meta: Meta) -> CorpusFacts:
    return CorpusFacts(
        name=source.name,
        level=meta.level,
        vocabulary_size=meta.vocabulary_size,
        n_train=meta.n_train,
        n_valid=meta.n_valid,
        n_test=meta.n_test,
        fingerprint=meta.fingerprint,
    )


def _refuse_what_cannot_mean_anything(spec: CorpusSpec) -> None:
    if spec.level == "char" and spec.eos:
        raise InputError(
            "`eos` is for words, and the level is char",
            place="experiment.corpus.eos",
            hint="write `level: word`, or leave `eos` out",
        )
    if spec.vocabulary == 1:
        raise InputError(
            "a vocabulary of 1 leaves nothing to predict", place="experiment.corpus.vocabulary", hint="write at least 2"
        )
