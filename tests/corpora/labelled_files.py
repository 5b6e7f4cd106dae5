"""Small labelled sets laid out as the real ones, for the tests of this folder."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

from tlm_sweeps.corpora.pieces import SPECIAL_PIECES, WordPieces

WORDS = [f"w{number}" for number in range(400)]
PIECES = WordPieces((*SPECIAL_PIECES, *WORDS, ".", "é", "e"), "here")
"""Every word of these tests is one piece."""


def write_table(path: Path, rows: list[list[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def ag_news(folder: Path, n_train: int = 6, n_test: int = 5) -> Path:
    """A data folder with AG News: item `i` of label `l` has words that no other has."""
    for name, count, first in (("train.csv", n_train, 0), ("test.csv", n_test, 200)):
        words = iter(WORDS[first:])
        rows = [[str(label), next(words), next(words)] for _ in range(count) for label in (1, 2, 3, 4)]
        write_table(folder / "ag_news" / name, rows)
    return folder


def fewrel(folder: Path, counts: dict[str, int]) -> Path:
    """A data folder with FewRel: so many instances of each relation, in the file's order."""
    words = iter(WORDS)
    relations = {
        relation: [
            {"tokens": [next(words), "."], "h": ["x", "Q1", [[0]]], "t": ["y", "Q2", [[1]]]} for _ in range(count)
        ]
        for relation, count in counts.items()
    }
    (folder / "fewrel").mkdir(parents=True, exist_ok=True)
    (folder / "fewrel" / "train_wiki.json").write_text(json.dumps(relations), encoding="utf-8")
    return folder
