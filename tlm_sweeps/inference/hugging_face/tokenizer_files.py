"""Tokenizers as `transformers` reads them: `tokenizer.json` and `tokenizer_config.json`, of all our kinds of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing

from tlm_sweeps.corpora.pieces import CLS, MASK, PAD, SEP, SPECIAL_PIECES, WordPieces
from tlm_sweeps.corpora.pieces import UNK as UNK_PIECE
from tlm_sweeps.corpora.tokenising import EOS, UNK


def tokens_config(context: int, vocabulary: Sequence[str]) -> Mapping[str, Any]:
    """`tokenizer_config.json` of characters or words."""
    return _config(context, {"unk_token": UNK} if UNK in vocabulary else {})


def pieces_config(context: int) -> Mapping[str, Any]:
    """`tokenizer_config.json` of word pieces."""
    special: dict[str, str] = dict(
        zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL_PIECES, strict=True)
    )
    return _config(context, special)


def tokens_tokenizer(vocabulary: Sequence[str], level: str) -> Tokenizer:
    """Characters or words to the ids that a model was trained on.

    A text that has one which the vocabulary lacks is refused by the tokenizer, as by us, where there is no `<unk>`.
    """
    ids = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordLevel(ids, unk_token=UNK))
    if level == "char":
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        tokenizer.decoder = decoders.Fuse()
        return tokenizer
    if EOS in ids:
        tokenizer.normalizer = normalizers.Replace("\n", f" {EOS} ")
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def pieces_tokenizer(pieces: WordPieces) -> Tokenizer:
    """Word pieces to ids, in a frame of `[CLS]` and `[SEP]`; `[MASK]` in a text is the mask."""
    tokenizer = Tokenizer.from_str(pieces.tokenizer.to_str())
    tokenizer.add_special_tokens([PAD, UNK_PIECE, CLS, SEP, MASK])
    frame = [(CLS, pieces.ids[CLS]), (SEP, pieces.ids[SEP])]
    tokenizer.post_processor = TemplateProcessing(single=f"{CLS} $A {SEP}", special_tokens=frame)
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _config(context: int, special: Mapping[str, str]) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
        **special,
    }
