"""What becomes of a text: vocabulary, ids, splits and caps, against the plain definition of each."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlm_sweeps.corpora.catalog import Part
from tlm_sweeps.corpora.splitting import Ids
from tlm_sweeps.corpora.tokenising import decode, encode, tokenise
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec, FirstTokens, SplitShares

texts = st.text(min_size=10)
word_texts = st.lists(st.sampled_from(["a", "b", "cc", "dd", "é", "<unk>", "the", "the", "cat"]), min_size=10).flatmap(
    lambda words: st.lists(st.sampled_from([" ", "\n", "  ", "\n\n"]), min_size=len(words), max_size=len(words)).map(
        lambda blanks: "".join(word + blank for word, blank in zip(words, blanks, strict=True))
    )
)


def tokens_in(ids: Ids, vocabulary: tuple[str, ...]) -> list[str]:
    return [vocabulary[i] for i in ids]


@given(texts)
@settings(deadline=None)
def test_characters_come_back_whole_and_the_vocabulary_is_their_sorted_set(text: str):
    tokens = tokenise({"all": text}, CorpusSpec(path="x"), "x")
    assert "".join(decode(ids, tokens.vocabulary, "char") for ids in (tokens.train, tokens.valid, tokens.test)) == text
    assert tokens.vocabulary == tuple(sorted(set(text)))
    assert encode(text, tokens.vocabulary, "char").tolist() == [tokens.vocabulary.index(each) for each in text]


@given(texts, st.floats(0.2, 0.7), st.floats(0.1, 0.2))
@settings(deadline=None)
def test_shares_split_by_position_and_lose_nothing(text: str, train: float, valid: float):
    tokens = tokenise({"all": text}, CorpusSpec(path="x", split=SplitShares(train=train, valid=valid)), "x")
    sizes = [len(tokens.train), len(tokens.valid), len(tokens.test)]
    assert sum(sizes) == len(text)
    assert sizes[0] == pytest.approx(train * len(text), abs=1)
    assert sizes[0] + sizes[1] == pytest.approx((train + valid) * len(text), abs=1)


@given(word_texts, word_texts, word_texts, st.booleans(), st.none() | st.integers(2, 12))
@settings(deadline=None)
def test_words_follow_their_definition(train: str, valid: str, test: str, eos: bool, limit: int | None):
    spec = CorpusSpec(path="x", level="word", eos=eos, vocabulary=limit)
    tokens = tokenise({"train": train, "valid": valid, "test": test}, spec, "x")

    def words(text: str) -> list[str]:
        lines = text.split("\n")[: -1 if text.endswith("\n") else None]
        return [word for line in lines for word in [*line.split(), *(["<eos>"] if eos else [])]]

    counted = Counter(words(train))
    needs_unk = not set(words(valid) + words(test)) <= set(counted)
    types = set(counted) | ({"<unk>"} if needs_unk else set())
    if limit is not None and len(types) > limit:
        frequent = sorted(types - {"<unk>"}, key=lambda word: (-counted[word], word))
        types = {*frequent[: limit - 1], "<unk>"}
    assert tokens.vocabulary == tuple(sorted(types))
    for text, ids in ((train, tokens.train), (valid, tokens.valid), (test, tokens.test)):
        assert tokens_in(ids, tokens.vocabulary) == [word if word in types else "<unk>" for word in words(text)]


few_texts = st.text("abcdé<unk>\n ", min_size=1)


@given(few_texts, few_texts, few_texts, st.integers(2, 12))
@settings(deadline=None)
def test_a_limit_keeps_the_most_frequent_characters_of_train(train: str, valid: str, test: str, limit: int):
    """As with words: `<unk>` is one of the limit, and valid and test only decide whether there is need of it."""
    tokens = tokenise({"train": train, "valid": valid, "test": test}, CorpusSpec(path="x", vocabulary=limit), "x")
    counted = Counter(train)
    kinds = set(counted) if set(valid + test) <= set(counted) else {*counted, "<unk>"}
    if len(kinds) > limit:
        frequent = sorted(counted, key=lambda each: (-counted[each], each))
        kinds = {*frequent[: limit - 1], "<unk>"}
    assert tokens.vocabulary == tuple(sorted(kinds))
    for text, ids in ((train, tokens.train), (valid, tokens.valid), (test, tokens.test)):
        kept = [each if each in kinds else "<unk>" for each in text]
        assert tokens_in(ids, tokens.vocabulary) == kept
        assert decode(ids, tokens.vocabulary, "char") == "".join(kept)
        assert encode(text, tokens.vocabulary, "char").tolist() == ids.tolist()


def test_a_vocabulary_that_fits_needs_no_unknown_word():
    same: dict[Part, str] = {"train": "a b c\n", "valid": "a\n", "test": "b\n"}
    spec = CorpusSpec(path="x", level="word", vocabulary=3)
    assert tokenise(same, spec, "x").vocabulary == ("a", "b", "c")
    unseen = tokenise({**same, "test": "d\n"}, spec, "x")
    assert unseen.vocabulary == ("<unk>", "a", "b")
    assert tokens_in(unseen.test, unseen.vocabulary) == ["<unk>"]


def test_the_vocabulary_of_words_is_that_of_train_before_caps():
    spec = CorpusSpec(path="x", level="word", first_tokens=FirstTokens(train=1))
    tokens = tokenise({"train": "a b c", "valid": "a", "test": "b"}, spec, "x")
    assert tokens.vocabulary == ("a", "b", "c")
    assert len(tokens.train) == 1


def test_frequencies_of_characters_are_those_of_train_before_caps_and_of_its_share_only():
    caps = FirstTokens(train=2)
    tokens = tokenise(
        {"train": "abccc", "valid": "a", "test": "b"}, CorpusSpec(path="x", vocabulary=2, first_tokens=caps), "x"
    )
    assert tokens.vocabulary == ("<unk>", "c")
    assert tokens_in(tokens.train, tokens.vocabulary) == ["<unk>", "<unk>"]
    shares = SplitShares(train=0.4, valid=0.3)
    tokens = tokenise({"all": "aaabzzzzzz"}, CorpusSpec(path="x", vocabulary=2, split=shares), "x")
    assert tokens.vocabulary == ("<unk>", "a")


def test_lines_end_at_newlines_only():
    spec = CorpusSpec(path="x", level="word", eos=True)
    tokens = tokenise({"train": "a\fb\x85c\u2028d\r\n\n", "valid": "a", "test": "b\n"}, spec, "x")
    assert tokens_in(tokens.train, tokens.vocabulary) == ["a", "b", "c", "d", "<eos>", "<eos>"]
    assert tokens_in(tokens.valid, tokens.vocabulary) == ["a", "<eos>"]


@pytest.mark.parametrize(("kinds", "dtype"), [(256, "uint8"), (257, "uint16"), (65_536, "uint16"), (65_537, "int32")])
def test_ids_have_the_smallest_type_that_holds_them(kinds: int, dtype: str):
    text = "".join(chr(0x20000 + number) for number in range(kinds)) * 2
    tokens = tokenise({"all": text}, CorpusSpec(path="x"), "x")
    assert {ids.dtype for ids in (tokens.train, tokens.valid, tokens.test)} == {np.dtype(dtype)}
    assert tokens_in(tokens.train[-3:], tokens.vocabulary) == list(text[: len(tokens.train)][-3:])


def test_a_split_without_tokens_is_refused():
    with pytest.raises(InputError, match="test split of short"):
        tokenise({"all": "abcdef"}, CorpusSpec(path="x", split=SplitShares(train=0.5, valid=0.5)), "short")
    with pytest.raises(InputError, match="train split of short"):
        tokenise({"all": "a"}, CorpusSpec(path="x"), "short")


def test_a_corpus_with_only_some_splits_is_refused_until_shares_are_given():
    texts: dict[Part, str] = {"train": "abcdefghij", "test": "klmnopqrst"}
    for split in (None, "official"):
        with pytest.raises(InputError, match="valid"):
            tokenise(texts, CorpusSpec(path="x", split=split), "mine")
    tokens = tokenise(texts, CorpusSpec(path="x", split=SplitShares(train=0.8, valid=0.1)), "mine")
    assert decode(tokens.train, tokens.vocabulary, "char") == "abcdefghij\nklmno"


def test_a_prompt_is_encoded_and_read_again():
    vocabulary = ("<eos>", "<unk>", "be", "to")
    assert encode("to be\nor", vocabulary, "word").tolist() == [3, 2, 0, 1]
    assert decode([3, 2, 0, 3], vocabulary, "word") == "to be \nto"
    assert encode("be", ("<unk>", "b"), "char").tolist() == [1, 0]


@pytest.mark.parametrize(("level", "text", "named"), [("char", "abz", "'z'"), ("word", "a zebra", "'zebra'")])
def test_what_the_vocabulary_lacks_is_named(level: str, text: str, named: str):
    with pytest.raises(InputError, match=named):
        encode(text, ("a", "b"), level)
