"""Labelled texts read from files: CSV rows and FewRel's relations, everything wrong with them said with its place.

It knows nothing of pieces, of samples and of the Hub.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlm_sweeps.corpora.files import decode_text, read_content
from tlm_sweeps.corpora.task_catalog import KnownTask, TableFiles
from tlm_sweeps.errors import InputError

_MOST_SHOWN = 40
"""Characters of a wrong label that are shown."""
TextsByLabel = dict[str, list[str]]
"""The texts of each label in the order of their file; labels in the order of their numbers."""


@dataclass(frozen=True, eq=False)
class Examples:
    """A labelled set: what may be trained on, and what may be judged on."""

    train: TextsByLabel
    test: TextsByLabel | None
    """None where test examples are drawn from `train`, and left out of training."""


def read_table(path: Path, task: KnownTask, files: TableFiles) -> TextsByLabel:
    """The rows of a CSV file without a header, its label counted from 1.

    Raises:
        InputError: a row without all columns, with a label outside the set, or without text.
    """
    labels = task.labels or ()
    texts: TextsByLabel = {label: [] for label in labels}
    rows = csv.reader(io.StringIO(decode_text(read_content(path), path), newline=""), strict=True)
    try:
        for row in rows:
            place = f"{path}:{rows.line_num}"
            if not row:
                continue  # an empty line, as files often end with
            if len(row) != len(files.columns):
                raise InputError(
                    f"a row of {path.name} has {len(row)} columns, not "
                    f"{len(files.columns)}: {', '.join(files.columns)}",
                    place=place,
                    hint="quote each column that has a comma in it, and give every row all columns",
                )
            label = labels[_label_number(row[0], labels, place)]
            named = dict(zip(files.columns, row, strict=True))
            texts[label].append(_text(" ".join(named[column] for column in files.text), task, place))
    except csv.Error as error:
        raise _unreadable(path, rows.line_num, error) from error
    return texts


def _unreadable(path: Path, line: int, error: csv.Error) -> InputError:
    if "field limit" in str(error):
        message = f"a column of {path.name} has more than {csv.field_size_limit():,} characters"
        hint = "shorten it, or take the row out; if it is no single text, a quote is missing that closes it"
        return InputError(message, place=f"{path}:{line}", hint=hint)
    hint = "close its quotes, double those within a text; if the file ends too early, fetch it again"
    return InputError(f"{path.name} is no CSV: {error}", place=f"{path}:{line}", hint=hint)


def read_relations(path: Path, task: KnownTask) -> TextsByLabel:
    """FewRel's instances by relation id, ids sorted. The text is the sentence alone, its tokens a blank apart.

    Which of its words are the two entities is not marked: the study names no markers [inferred].

    Raises:
        InputError: the file is no JSON of that form, or an instance has no tokens.
    """
    try:
        relations = json.loads(decode_text(read_content(path), path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path.name} is no JSON: {error.msg}", place=f"{path}:{error.lineno}", hint="fetch the file again"
        ) from error
    if not isinstance(relations, dict) or not all(isinstance(each, list) for each in relations.values()):
        raise InputError(
            f"{path.name} is no object of relations, each with a list of instances",
            place=str(path),
            hint="name FewRel's train_wiki.json, or a file of its form",
        )
    return {
        relation: [
            sentence(instance.get("tokens") if isinstance(instance, dict) else None, task, f"{path} {relation}[{n}]")
            for n, instance in enumerate(relations[relation])
        ]
        for relation in sorted(relations)
    }


def sentence(tokens: Any, task: KnownTask, place: str) -> str:
    """Tokens a blank apart.

    Raises:
        InputError: they are no list of text.
    """
    if not isinstance(tokens, Sequence) or isinstance(tokens, str) or not all(isinstance(each, str) for each in tokens):
        raise InputError(
            f"an instance of {task.name} has no `tokens`, a list of text, but {tokens!r:.40}",
            place=place,
            hint='give it `"tokens": ["a", "sentence", "."]`',
        )
    return _text(" ".join(tokens), task, place)


def labelled_text(text: Any, task: KnownTask, place: str) -> str:
    """A column's text as it is read.

    Raises:
        InputError: it is no text, or none is left.
    """
    return _text(text if isinstance(text, str) else "", task, place)


def _text(text: str, task: KnownTask, place: str) -> str:
    kept = text.encode("ascii", errors="ignore").decode() if task.ascii_only else text
    if not kept.strip():
        raise InputError(
            f"an example of {task.name} has no text: {text!r}", place=place, hint="give it a text, or take it out"
        )
    return kept


def _label_number(written: str, labels: Sequence[str], place: str) -> int:
    known = ", ".join(f"{number} {label}" for number, label in enumerate(labels, start=1))
    numbers = {str(number): number - 1 for number in range(1, len(labels) + 1)}
    if (number := numbers.get(written.strip().lstrip("0"))) is not None:
        return number
    is_header = place.endswith(":1") and not written.strip().lstrip("-").isdecimal()
    raise InputError(
        f"the label {_short(written)} is not one of 1 to {len(labels)}",
        place=place,
        hint="take the line with the columns' names away" if is_header else f"the labels are {known}",
    )


def _short(written: str) -> str:
    return (
        repr(written) if len(written) <= _MOST_SHOWN else f"{written[:_MOST_SHOWN]!r}… of {len(written):,} characters"
    )
