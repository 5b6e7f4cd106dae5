"""From text to token ids, at the level of characters or of words, and back. It knows no files and no cache."""

from __future__ import annotations

import io
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlm_sweeps.corpora.catalog import PARTS, Part
from tlm_sweeps.corpora.files import joined
from tlm_sweeps.corpora.splitting import Ids, capped, choose_split, cut
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec

UNK = "<unk>"
EOS = "<eos>"


@dataclass(frozen=True, eq=False)
class Tokens:
    """A tokenised corpus: token `i` is `vocabulary[i]`."""

    vocabulary: tuple[str, ...]
    train: Ids
    valid: Ids
    test: Ids


def tokenise(texts: Mapping[Part, str], spec: CorpusSpec, name: str) -> Tokens:
    """Tokenise and split a corpus as its spec says.

    Args:
        texts: by split, or under `all`.
        spec: level, vocabulary, split and caps.
        name: what messages call the corpus.

    Raises:
        InputError: it cannot be split as asked, or a split is empty.
    """
    split = choose_split(spec, list(texts), name)
    parts = [texts[part] for part in PARTS if part in texts]
    if split != "official":
        parts = [joined(parts)]
    kinds, numbered = _characters(parts) if spec.level == "char" else _words(parts, eos=spec.eos)
    splits = cut(split, numbered)
    if spec.level == "char" and spec.vocabulary is None:
        vocabulary = kinds  # as the study does: of the whole text, so that nothing is unknown
    else:
        vocabulary, splits = _vocabulary_of_train(kinds, splits, spec.vocabulary)
    dtype = smallest_dtype(len(vocabulary))
    train, valid, test = (ids.astype(dtype) for ids in capped(spec, splits, name))
    return Tokens(vocabulary, train, valid, test)


def smallest_dtype(vocabulary_size: int) -> np.dtype[np.integer]:
    """The smallest little-endian type that holds every id: uint8, uint16 or int32.

    >>> smallest_dtype(256).name, smallest_dtype(257).name, smallest_dtype(65_537).name
    ('uint8', 'uint16', 'int32')
    """
    if vocabulary_size <= 2**8:
        return np.dtype("u1")
    return np.dtype("<u2" if vocabulary_size <= 2**16 else "<i4")


def encode(text: str, vocabulary: Sequence[str], level: str) -> Ids:
    """The ids of a text. Where the vocabulary has `<eos>`, a line's end becomes it.

    Raises:
        InputError: a character or word that the vocabulary lacks, and it has no `<unk>`.
    """
    numbers = {token: number for number, token in enumerate(vocabulary)}
    if level == "char":
        tokens, kind = list(text), "character"
    else:
        tokens = (text.replace("\n", f" {EOS} ") if EOS in numbers else text).split()
        kind = "word"
    unknown = numbers.get(UNK)
    ids = [numbers.get(token, unknown) for token in tokens]
    if None in ids:
        raise InputError(
            f"the {kind} {tokens[ids.index(None)]!r} is not in the corpus's vocabulary",
            hint=f"leave it out: the model has never seen it, and this vocabulary has no {UNK}",
        )
    return np.array(ids, dtype=smallest_dtype(len(vocabulary)))


def decode(ids: Sequence[int] | NDArray[np.integer], vocabulary: Sequence[str], level: str) -> str:
    """The text of token ids: words are put a blank apart, `<eos>` is a line's end, what was unknown stays `<unk>`."""
    tokens = [vocabulary[int(number)] for number in ids]
    if level == "char":
        return "".join(tokens)
    return "".join("\n" if token == EOS else f"{token} " for token in tokens).removesuffix(" ")


def _characters(parts: Sequence[str]) -> tuple[tuple[str, ...], list[Ids]]:
    """The sorted set of characters over all parts, and the parts as ids."""
    points = [np.frombuffer(text.encode("utf-32-le"), dtype="<u4") for text in parts]
    occurs = np.zeros(sys.maxunicode + 1, dtype=bool)
    for part in points:
        occurs[part] = True
    kinds = np.flatnonzero(occurs)
    numbers = np.zeros(len(occurs), dtype=smallest_dtype(len(kinds)))
    numbers[kinds] = np.arange(len(kinds))
    return tuple(map(chr, kinds.tolist())), [numbers[part] for part in points]


def _words(parts: Sequence[str], *, eos: bool) -> tuple[tuple[str, ...], list[Ids]]:
    """The words of all parts in order of appearance, and the parts as indices into them."""
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    indices = [np.fromiter(map(numbers.__getitem__, _split_words(text, eos=eos)), dtype="<i4") for text in parts]
    return tuple(numbers), indices


def _split_words(text: str, *, eos: bool) -> Iterator[str]:
    for line in io.StringIO(text):  # lines end at newlines only, as wc and awk count them; not at form feeds
        yield from line.split()
        if eos:
            yield EOS


def _vocabulary_of_train(
    kinds: Sequence[str], splits: tuple[Ids, Ids, Ids], limit: int | None
) -> tuple[tuple[str, ...], tuple[Ids, Ids, Ids]]:
    """The sorted kinds of train (the most frequent of them under a limit), and the splits in their ids.

    Args:
        kinds: the words or characters of all splits.
        splits: as indices into `kinds`.
        limit: most tokens of the vocabulary, `<unk>` included.
    """
    counts = np.bincount(splits[0], minlength=len(kinds))
    seen = {kind: int(count) for kind, count in zip(kinds, counts, strict=True) if count}
    needed = set(seen) if len(seen) == len(kinds) else {*seen, UNK}
    if limit is not None and len(needed) > limit:
        ranked = sorted(needed - {UNK}, key=lambda kind: (-seen[kind], kind))
        needed = {*ranked[: limit - 1], UNK}
    vocabulary = tuple(sorted(needed))
    ids = {kind: number for number, kind in enumerate(vocabulary)}
    renumber = np.array([ids.get(kind, ids.get(UNK, 0)) for kind in kinds], dtype="<i4")
    train, valid, test = (renumber[split] for split in splits)
    return vocabulary, (train, valid, test)
