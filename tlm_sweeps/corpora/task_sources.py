"""Where the examples of a labelled set come from: files of a data folder, or rows of the Hub where a spec says so.

It knows nothing of pieces and of samples.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from tlm_sweeps.corpora.examples import Examples, TextsByLabel, labelled_text, read_relations, read_table, sentence
from tlm_sweeps.corpora.files import content_sha256
from tlm_sweeps.corpora.hub import load_set, local_stamp
from tlm_sweeps.corpora.places import data_folders
from tlm_sweeps.corpora.task_catalog import HubRows, KnownTask, RelationFile, TableFiles
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.tasks import TaskSpec

if TYPE_CHECKING:
    import datasets

PLACE = "experiment.task"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class TaskFiles:
    """Files on this machine."""

    train: Path
    test: Path | None


@dataclass(frozen=True)
class TaskOnHub:
    """A set on the Hub, not loaded yet."""

    dataset: str
    config: str | None
    revision: str


TaskSource = TaskFiles | TaskOnHub


def find_task(spec: TaskSpec, task: KnownTask, data_dir: Path | None = None) -> TaskSource:
    """Find the labelled set that a spec names. Nothing is downloaded.

    Raises:
        InputError: its files are not on this machine, or a Hub set has no revision.
    """
    if spec.hub is not None:
        if spec.revision is None:
            raise InputError(
                f"the Hub set {spec.hub!r} has no revision, and its examples could change under the name",
                place=f"{PLACE}.revision",
                hint=f"write the commit that its page shows; of {task.hub.dataset}: {_revision(task.hub)}",
            )
        dataset, _, config = spec.hub.partition(":")
        return TaskOnHub(dataset, config or None, spec.revision)
    if spec.revision is not None:
        raise InputError(
            f"the revision {spec.revision!r} is of nothing: examples come from local files",
            place=f"{PLACE}.revision",
            hint=f"leave it out, or name a Hub set: hub: {task.hub.dataset}",
        )
    match task.files:
        case TableFiles():
            return TaskFiles(
                _found(task, task.files.train, data_dir),
                _found(task, task.files.test, data_dir),
            )
        case RelationFile():
            return TaskFiles(_found(task, task.files.names, data_dir), None)
        case _:
            assert_never(task.files)


def source_identity(source: TaskSource) -> list[Any]:
    """What decides which examples there are, as JSON values: contents for files, the address for a Hub set."""
    match source:
        case TaskFiles():
            return [content_sha256(path) for path in (source.train, source.test) if path is not None]
        case TaskOnHub():
            address = [source.dataset, source.config, source.revision]
            return [address, [list(stamp) for stamp in local_stamp(source.dataset)]]
        case _:
            assert_never(source)


def read_examples(source: TaskSource, task: KnownTask) -> Examples:
    """All examples of a set.

    Raises:
        InputError: columns are missing, a label is outside the set, or an example has no text.
    """
    match source:
        case TaskFiles():
            return _from_files(source, task)
        case TaskOnHub():
            return _from_hub(source, task, task.hub)
        case _:
            assert_never(source)


def _found(task: KnownTask, names: Sequence[str], data_dir: Path | None) -> Path:
    folders = data_folders(data_dir)
    places = [
        folder / subfolder / (name + packed)
        for folder in folders
        for subfolder in task.folders
        for name in names
        for packed in ("", ".gz")
    ]
    found = next((place for place in places if place.is_file()), None)
    if found is not None:
        return found
    raise InputError(
        f"the labelled set {task.name!r} is not on this machine: no {' or '.join(names)} in a folder "
        f"{task.folders[0]}/ of {' or '.join(map(str, folders))}",
        place=f"{PLACE}.name",
        hint=f"name the folder that holds `{task.folders[0]}/` by --data-dir or TLM_DATA; or, with network, write "
        f"hub: {task.hub.dataset} and {_revision(task.hub)}",
    )


def _revision(hub: HubRows) -> str:
    """What to write, or where to find it."""
    if _COMMIT.fullmatch(hub.revision):
        return f"revision: {hub.revision}"
    return f"revision: the 40 digits of the newest commit of its branch {hub.revision}"


def _from_files(source: TaskFiles, task: KnownTask) -> Examples:
    match task.files:
        case TableFiles():
            train = read_table(source.train, task, task.files)
            return Examples(train, None if source.test is None else read_table(source.test, task, task.files))
        case RelationFile():
            return Examples(read_relations(source.train, task), None)
        case _:
            assert_never(task.files)


def _from_hub(source: TaskOnHub, task: KnownTask, hub: HubRows) -> Examples:
    found = load_set(source.dataset, source.config, source.revision, place=f"{PLACE}.hub")
    train = _rows(source, found, hub.train, task)
    return Examples(train, None if hub.test is None else _rows(source, found, hub.test, task))


def _rows(source: TaskOnHub, found: Mapping[Any, datasets.Dataset], split: str, task: KnownTask) -> TextsByLabel:
    hub = task.hub
    if split not in found:
        raise InputError(
            f"{source.dataset!r} has no split {split!r}, but: {', '.join(map(str, found))}",
            place=f"{PLACE}.hub",
            hint=f"use a set of the form of {hub.dataset}",
        )
    rows = found[split]
    if missing := [column for column in (hub.label, hub.text) if column not in rows.column_names]:
        raise InputError(
            f"{source.dataset!r} has no column {' and '.join(missing)}, but: {', '.join(rows.column_names)}",
            place=f"{PLACE}.hub",
            hint=f"use a set of the form of {hub.dataset}, with the columns {hub.label} and {hub.text}",
        )
    labels = task.labels or tuple(sorted({str(each) for each in rows[hub.label]}))
    texts: TextsByLabel = {label: [] for label in labels}
    read = sentence if hub.text == "tokens" else labelled_text
    for number, (label, text) in enumerate(zip(rows[hub.label], rows[hub.text], strict=True)):
        place = f"{source.dataset} {split}[{number}]"
        texts[_label(label, labels, place)].append(read(text, task, place))
    return texts


def _label(value: Any, labels: Sequence[str], place: str) -> str:
    """A label that the Hub gives as a number from 0, or as its name."""
    if isinstance(value, int) and 0 <= value < len(labels):
        return labels[value]
    if isinstance(value, str) and value in labels:
        return value
    raise InputError(
        f"the label {value!r} is not one of 0 to {len(labels) - 1}",
        place=place,
        hint=f"the labels are {', '.join(f'{number} {label}' for number, label in enumerate(labels))}",
    )
