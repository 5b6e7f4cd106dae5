"""Which examples the overlap with the passages is of."""

from __future__ import annotations

from pathlib import Path

from tests import tasks
from tests.corpora.labelled_files import write_table
from tlm_sweeps.compute.encoder_facts import TaskFacts, TokenOverlap
from tlm_sweeps.corpora.texts import facts_reader

WORDS = sorted({word for words in tasks.TOPICS.values() for word in words})


def overlap(folder: Path, train: list[str], test: list[str]) -> TokenOverlap:
    """Of examples that consist of these words; the passages have all words of the topics."""
    folder.mkdir()
    for name, words in (("train.csv", train), ("test.csv", test)):
        rows = [[str(label), words[0], " ".join(words)] for label in (1, 2, 3, 4) for _ in range(20)]
        write_table(folder / "ag_news" / name, rows)
    facts = facts_reader(folder)(tasks.sweep_of(folder).experiment)
    assert isinstance(facts, TaskFacts)
    assert facts.overlap is not None
    return facts.overlap


def test_the_overlap_is_of_the_examples_that_are_trained_on(tmp_path: Path):
    few = overlap(tmp_path / "few", WORDS[:2], WORDS[:12])
    many = overlap(tmp_path / "many", WORDS[:12], WORDS[:2])
    assert few.n_task < many.n_task
    assert overlap(tmp_path / "same", WORDS[:2], WORDS[:2]) == few


def test_test_texts_that_were_pre_trained_on_are_counted(tmp_path: Path):
    known, unknown = " ".join(WORDS[:6]), " ".join(WORDS[5::-1])
    train = [[str(label), "", " ".join(WORDS[label:12])] for label in (1, 2, 3, 4) for _ in range(20)]
    test = [[str(label), "", text] for label in (1, 2, 3, 4) for text in (*[known.upper()] * 2, *[unknown] * 4)]
    for name, rows in (("train.csv", train), ("test.csv", test)):
        write_table(tmp_path / "ag_news" / name, rows)
    spec = tasks.sweep_of(tmp_path)
    article = f"{known} and first"
    (tmp_path / "articles.txt").write_text("\n\n".join([article, " ".join(WORDS)] * 40), encoding="utf-8")
    facts = facts_reader(tmp_path)(spec.experiment)
    assert isinstance(facts, TaskFacts)
    assert (facts.n_test, facts.n_test_in_passages) == (24, 8)
    assert facts_reader(tmp_path)(spec.experiment) == facts, "counted once, and kept"
