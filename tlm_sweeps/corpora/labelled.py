"""Labelled sets for fine-tuning: drawn by a seed, as arrays of piece ids and of labels.

Made once on a machine; afterwards opening maps files. It knows nothing of training.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tlm_sweeps.compute.encoder_facts import TaskFacts
from tlm_sweeps.corpora import framing
from tlm_sweeps.corpora.array_entries import Array, Kept, arrays_fingerprint, publish_kept, read_kept
from tlm_sweeps.corpora.entries import entry_folder
from tlm_sweeps.corpora.labelled_arrays import LabelledPart, LabelledSet
from tlm_sweeps.corpora.pieces import WordPieces
from tlm_sweeps.corpora.sampling import PerLabel, draw, wanted_per_label
from tlm_sweeps.corpora.splitting import SPLIT_NAMES
from tlm_sweeps.corpora.task_catalog import TASKS, KnownTask
from tlm_sweeps.corpora.task_sources import TaskSource, find_task, read_examples, source_identity
from tlm_sweeps.errors import RunError
from tlm_sweeps.spec.tasks import TaskSpec

FORMAT = 1
"""Of entries, of reading and of drawing: raise it whenever the same spec would give other examples."""


def open_task(spec: TaskSpec, pieces: WordPieces, data_dir: Path | None = None) -> LabelledSet:
    """Open the examples that a spec asks for; many processes may do so at once.

    Args:
        spec: which set and how many examples of each label.
        pieces: the vocabulary, that of the model's pre-training.
        data_dir: folder with the labelled sets; default: TLM_DATA, `../shared/data`, or what was downloaded.

    Raises:
        InputError: the set is not there, is damaged, or has too few examples of a label.
    """
    task = TASKS[spec.name]
    source, wanted = find_task(spec, task, data_dir), wanted_per_label(spec, task)
    options = [spec.name, wanted.train, wanted.valid, wanted.test, spec.length, spec.seed]
    identity = {"labelled": FORMAT, "source": source_identity(source), "pieces": pieces.fingerprint, "options": options}
    entry = entry_folder(identity)
    kept = read_kept(entry)
    if kept is None:
        _build(spec, task, source, wanted, pieces, entry)
        kept = read_kept(entry)
    if kept is None:
        raise RunError("the labelled set vanished from the cache as soon as it was there", place=str(entry))
    return LabelledSet(_facts(spec, pieces, kept.facts), **{name: _part(kept, name, pieces) for name in SPLIT_NAMES})


def _build(
    spec: TaskSpec, task: KnownTask, source: TaskSource, wanted: PerLabel, pieces: WordPieces, entry: Path
) -> None:
    examples = read_examples(source, task)
    drawn = draw(examples, wanted, spec.seed, spec.name)
    arrays: dict[str, Array] = {}
    for name in SPLIT_NAMES:
        part: list[tuple[int, str]] = getattr(drawn, name)
        arrays[f"{name}_ids"] = framing.framed(pieces, [pieces.encode(text) for _, text in part], spec.length)
        arrays[f"{name}_labels"] = np.array([label for label, _ in part], dtype="<u2")
    labels = list(examples.train)
    facts = {
        "labels": labels,
        **{f"n_{name}": len(getattr(drawn, name)) for name in SPLIT_NAMES},
        "n_test_seen": _n_seen(drawn.test, drawn.train),
        "n_valid_seen": _n_seen(drawn.valid, drawn.train),
        "n_test_in_valid": _n_seen(drawn.test, drawn.valid),
        "fingerprint": arrays_fingerprint(["labelled", pieces.fingerprint, labels], arrays),
    }
    publish_kept(entry, facts, arrays)


def _n_seen(part: Iterable[tuple[int, str]], other: Iterable[tuple[int, str]]) -> int:
    """Examples of a part whose very text is in another one."""
    texts = {text for _, text in other}
    return sum(text in texts for _, text in part)


def _part(kept: Kept, name: str, pieces: WordPieces) -> LabelledPart:
    ids = kept.arrays[f"{name}_ids"]
    return LabelledPart(ids, framing.is_real(pieces, ids), kept.arrays[f"{name}_labels"])


def _facts(spec: TaskSpec, pieces: WordPieces, known: dict[str, Any]) -> TaskFacts:
    return TaskFacts(
        name=spec.name,
        pieces_fingerprint=pieces.fingerprint,
        vocabulary_size=len(pieces.vocabulary),
        length=spec.length,
        **{**known, "labels": tuple(known["labels"])},
    )
