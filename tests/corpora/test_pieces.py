"""Word pieces against their plain definition, and a trained vocabulary that is the same wherever it is trained."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlm_sweeps.corpora.piece_training import train_vocabulary
from tlm_sweeps.corpora.pieces import SPECIAL_PIECES, WordPieces
from tlm_sweeps.corpora.sources import python_docs_text
from tlm_sweeps.errors import InputError

TRAIN = """
import json, sys
from tlm_sweeps.corpora.piece_training import train_vocabulary
texts = json.loads(sys.stdin.read())
print(json.dumps(train_vocabulary(texts, 600, 40, place="size")))
"""
SMALL = WordPieces((*SPECIAL_PIECES, "un", "##aff", "##able", "a", "##b", "!", "é", "e", "##e", "##é"), "here")
parts_of_words = st.sampled_from(["un", "aff", "able", "a", "b", "e", "é", "É", "Un", "x", "!"])
words = st.lists(parts_of_words, min_size=1, max_size=5).map("".join)


def greedy(word: str, vocabulary: tuple[str, ...]) -> list[str]:
    """The longest piece first, again and again; `[UNK]` where none fits (Wu et al. 2016, as BERT does it)."""
    found: list[str] = []
    while word:
        mark = "##" if found else ""
        length = next((n for n in range(len(word), 0, -1) if mark + word[:n] in vocabulary), 0)
        if not length:
            return ["[UNK]"]
        found.append(mark + word[:length])
        word = word[length:]
    return found


def as_bert_reads(text: str) -> list[str]:
    bare = "".join(each for each in unicodedata.normalize("NFD", text) if unicodedata.category(each) != "Mn")
    return bare.lower().replace("!", " ! ").split()


@given(st.lists(words, max_size=8), st.sampled_from([" ", "\n", "\t  ", "\r\n"]))
@settings(deadline=None)
def test_a_text_becomes_the_longest_pieces_that_fit(several: list[str], blank: str):
    text = blank.join(several)
    expected = [piece for word in as_bert_reads(text) for piece in greedy(word, SMALL.vocabulary)]
    assert [SMALL.vocabulary[number] for number in SMALL.encode(text)] == expected


def test_a_text_cannot_write_a_special_piece():
    pieces = WordPieces((*SPECIAL_PIECES, "[", "]", "sep", "pad", "mask"), "here")
    ids = pieces.encode("[SEP] [PAD][MASK]")
    assert pieces.decode(ids) == "[ sep ] [ pad ] [ mask ]"
    assert not pieces.special_ids & set(ids.tolist())


def test_ids_are_read_again_as_words():
    assert SMALL.decode(SMALL.encode("Unaffable ab!")) == "unaffable ab !"


def test_a_vocabulary_is_known_by_its_pieces_and_their_order():
    again = WordPieces(SMALL.vocabulary, "elsewhere")
    other = WordPieces((*SMALL.vocabulary[1:], SMALL.vocabulary[0]), "here")
    assert again.fingerprint == SMALL.fingerprint != other.fingerprint


def test_training_gives_the_same_vocabulary_in_any_process_with_any_number_of_threads():
    """The text has more kinds of characters than are kept, many of them equally frequent."""
    texts = [
        python_docs_text()[:100_000],
        " ".join(chr(0x3B1 + n) * 2 for n in range(24)),
        "".join(map(chr, range(500))),
    ]
    threads = [{"RAYON_NUM_THREADS": "1"}, {"RAYON_NUM_THREADS": "4"}, {"TOKENIZERS_PARALLELISM": "true"}]
    printed = [
        subprocess.run(
            [sys.executable, "-c", TRAIN],
            input=json.dumps(texts),
            env={**os.environ, **each, "PYTHONHASHSEED": str(number)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number, each in enumerate(threads)
    ]
    here = train_vocabulary(texts, 600, 40, place="size")
    assert {tuple(json.loads(each)) for each in printed} == {here}
    assert len(here) == 600


def test_the_order_of_texts_does_not_matter():
    lines = python_docs_text()[:60_000].split("\n")
    shuffled = random.Random(0).sample(lines, len(lines))
    assert train_vocabulary(lines, 400, 60, place="size") == train_vocabulary(shuffled, 400, 60, place="size")


def test_frequent_words_become_pieces_and_rare_characters_unknown():
    vocabulary = train_vocabulary(["The cat the CAT the cät\nthe 猫 ζ"] * 3, 40, 8, place="size")
    assert vocabulary[:5] == SPECIAL_PIECES
    assert {"the", "cat", "t", "##t"} <= set(vocabulary)
    assert not any(piece != piece.lower() for piece in vocabulary[5:])
    pieces = WordPieces(train_vocabulary(["aab ζ aab", "aab"], 40, 2, place="size"), "here")
    assert [pieces.vocabulary[number] for number in pieces.encode("aab ζ")] == ["aab", "[UNK]"]


def test_what_is_a_word_by_itself_continues_none():
    vocabulary = train_vocabulary(["a! 猫b 猫!"] * 4, 40, 10, place="size")
    assert {"!", "猫", "a", "b"} <= set(vocabulary)
    assert not {"##!", "##猫"} & set(vocabulary)


def test_a_text_that_yields_fewer_pieces_gives_those():
    vocabulary = train_vocabulary(["ab ab"], 1_000, 10, place="size")
    assert set(vocabulary) == {*SPECIAL_PIECES, "a", "b", "##a", "##b", "ab"}


def test_a_size_without_room_for_the_characters_is_refused_and_the_hint_is_true():
    texts = ["abcdefgh " * 3]
    with pytest.raises(InputError, match="a vocabulary of 10") as error:
        train_vocabulary(texts, 10, 100, place="pieces.size")
    (problem,) = error.value.problems
    assert problem.place == "pieces.size"
    assert "more than 21" in problem.hint
    assert len(train_vocabulary(texts, 22, 100, place="pieces.size")) == 22


def test_a_process_that_has_trained_can_be_forked_without_a_warning():
    program = (
        "import os\n"
        "from tlm_sweeps.corpora.piece_training import train_vocabulary\n"
        "from tlm_sweeps.corpora.pieces import WordPieces\n"
        "pieces = WordPieces(train_vocabulary(['a b ab'] * 99, 30, 9, place='size'), 'here')\n"
        "pieces.encode('ab')\n"
        "if os.fork() == 0:\n"
        "    os._exit(0 if len(pieces.encode('ab ab')) == 2 else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
