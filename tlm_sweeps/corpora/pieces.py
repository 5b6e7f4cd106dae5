"""Word pieces: a vocabulary of them, and text to ids and back, as BERT's uncased models read it.

It knows no passages. Where a vocabulary comes from is for `vocabularies`; training one is for `piece_training`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt16
from numpy.typing import NDArray

from tlm_sweeps.corpora.entries import canonical

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.models import Model

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL_PIECES = (PAD, UNK, CLS, SEP, MASK)
CONTINUES = "##"
"""A piece that begins so goes on with the word."""
MOST_PIECES = 2**16
"""Ids are 16-bit."""
_LONGEST_WORD = 100
"""Characters; a longer word is `[UNK]`, as in BERT."""


@dataclass(frozen=True, eq=False)
class WordPieces:
    """A vocabulary of word pieces; piece `i` is `vocabulary[i]`, the special ones are among them."""

    vocabulary: tuple[str, ...]
    origin: str
    """Where it comes from, for records and tables."""

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits over the pieces in their order."""
        return hashlib.sha256(canonical(["word pieces", list(self.vocabulary)])).hexdigest()[:16]

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each piece."""
        return {piece: number for number, piece in enumerate(self.vocabulary)}

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Ids of the five special pieces, which no text can write: `[SEP]` in a text is `[`, `sep`, `]`."""
        return frozenset(self.ids[piece] for piece in SPECIAL_PIECES)

    def encode(self, text: str) -> UInt16[np.ndarray, " n"]:
        """The ids of a text, without `[CLS]` and `[SEP]`; a word that cannot be put together is `[UNK]`."""
        return np.array(self.tokenizer.encode(text, add_special_tokens=False).ids, dtype="<u2")

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> str:
        """The text of ids: lower-case words and signs a blank apart."""
        pieces = [self.vocabulary[int(number)] for number in ids]
        return "".join(piece.removeprefix(CONTINUES) if _goes_on(piece) else f" {piece}" for piece in pieces).strip()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """What splits a text; not to be changed."""
        from tokenizers.models import WordPiece

        return bert_tokenizer(WordPiece(self.ids, unk_token=UNK, max_input_chars_per_word=_LONGEST_WORD))


def bert_tokenizer(model: Model) -> Tokenizer:
    """A tokenizer that splits text as BERT's uncased models do: lower case, no accents, signs apart."""
    from tokenizers import Tokenizer
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    tokenizer = Tokenizer(model)
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def _goes_on(piece: str) -> bool:
    return piece.startswith(CONTINUES) and piece != CONTINUES
