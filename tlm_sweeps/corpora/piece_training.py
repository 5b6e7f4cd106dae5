"""Training a WordPiece vocabulary on a text: the same text gives the same vocabulary, in the same order, everywhere.

`tokenizers` alone does not: it numbers the pieces `##a`, `##b`, … in the random order of a hash map, and the numbers
break ties between merges and between characters of equal frequency. So which characters there are, and their order,
is decided here; what is left to the library does not depend on order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tlm_sweeps.corpora.pieces import CONTINUES, SPECIAL_PIECES, UNK, bert_tokenizer
from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def train_vocabulary(texts: Sequence[str], size: int, alphabet: int, place: str) -> tuple[str, ...]:
    """Train word pieces by byte-pair merges, as `tokenizers` does for WordPiece; a merge must occur twice.

    Args:
        texts: articles or lines; no word goes across two of them.
        size: pieces, the special ones included; fewer where the texts yield no more.
        alphabet: single characters to keep, the most frequent ones.
        place: where `size` was written.

    Returns:
        The pieces in the order of their ids: special ones, single characters, merges by falling frequency.

    Raises:
        InputError: the single characters alone are more than `size`.
    """
    from tokenizers.trainers import WordPieceTrainer

    tokenizer = _untrained()
    begin, go_on = _single_characters(texts, alphabet)
    reserved = [*SPECIAL_PIECES, *begin, *(CONTINUES + each for each in go_on)]
    if len(reserved) > size:
        raise InputError(
            f"a vocabulary of {size:,} has no room for {len(SPECIAL_PIECES)} special pieces and "
            f"{len(reserved) - len(SPECIAL_PIECES):,} of single characters",
            place=place,
            hint=f"write a size of more than {len(reserved):,}, or a smaller alphabet",
        )
    trainer = WordPieceTrainer(
        vocab_size=size,
        special_tokens=reserved,  # those get the first numbers, in this order
        initial_alphabet=begin,
        limit_alphabet=len(begin),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_lines(texts), trainer)
    numbers = tokenizer.get_vocab()
    return tuple(sorted(numbers, key=numbers.__getitem__))


def _single_characters(texts: Iterable[str], limit: int) -> tuple[list[str], list[str]]:
    """The most frequent characters as BERT reads them, sorted, and those of them that can go on with a word."""
    raw: Counter[str] = Counter()
    for text in texts:
        raw.update(text)
    splitter = _untrained()
    counts: Counter[str] = Counter()
    for character, count in raw.items():
        for each in splitter.normalizer.normalize_str(character):
            counts[each] += count
    kept = sorted((each for each in counts if not each.isspace()), key=lambda each: (-counts[each], each))[:limit]

    def goes_on(character: str) -> bool:
        """Signs and Chinese characters are words by themselves."""
        return len(splitter.pre_tokenizer.pre_tokenize_str(splitter.normalizer.normalize_str("a" + character))) == 1

    return sorted(kept), [each for each in sorted(kept) if goes_on(each)]


def _untrained() -> Tokenizer:
    from tokenizers.models import WordPiece

    return bert_tokenizer(WordPiece(unk_token=UNK))


def _lines(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from text.split("\n")
