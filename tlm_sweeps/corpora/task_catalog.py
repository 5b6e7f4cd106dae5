"""What is known of the labelled sets that have names: labels, files, columns, the study's numbers, places on the Hub.

Facts only. It does not know where a file lies on this machine, nor how to read or fetch one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tlm_sweeps.spec.tasks import TaskName


@dataclass(frozen=True)
class TableFiles:
    """CSV files without a header: label from 1, title, text. The names are tried in order."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    columns: tuple[str, ...]
    """What the columns hold, the label first."""
    text: tuple[str, ...]
    """Columns that are joined by a blank to give the text."""


@dataclass(frozen=True)
class RelationFile:
    """A JSON file: relation → list of instances with `tokens`. It is train and test in one."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class HubRows:
    """Where a set is on the Hub, and what its rows hold."""

    dataset: str
    revision: str
    """Commit; or, where we have looked up none, the branch whose commit a spec must name."""
    train: str
    """Name of the split for training."""
    test: str | None
    """Name of the split for testing; None where test examples come from the train split."""
    label: str
    text: str
    """Column of text or of its tokens."""


@dataclass(frozen=True)
class KnownTask:
    """A labelled set with a name."""

    name: TaskName
    about: str
    folders: tuple[str, ...]
    """Names that its folder has in data folders."""
    labels: tuple[str, ...] | None
    """In the order of their numbers; None: the file's own, sorted."""
    files: TableFiles | RelationFile
    hub: HubRows
    study: tuple[int, int]
    """Train and test examples per label in arXiv 2507.14871."""
    ascii_only: bool = False
    """Leave out every other character, where the files at hand lack them in one split and have them in the other."""


_AG_NEWS = KnownTask(
    name="ag-news",
    about="topics of news (Zhang et al. 2015)",
    folders=("ag_news", "ag-news"),
    labels=("World", "Sports", "Business", "Sci/Tech"),
    files=TableFiles(
        train=("train.csv", "train_subset.csv"),
        test=("test.csv",),
        columns=("label", "title", "description"),
        text=("title", "description"),
    ),
    hub=HubRows(
        dataset="fancyzhx/ag_news",
        revision="eb185aade064a813bc0b7f42de02595523103ca4",
        train="train",
        test="test",
        label="label",
        text="text",
    ),
    study=(1_000, 1_000),
)

_DBPEDIA = KnownTask(
    name="dbpedia-14",
    about="kinds of things that Wikipedia articles are about, from their abstracts (Zhang et al. 2015)",
    folders=("dbpedia_14", "dbpedia-14", "dbpedia"),
    labels=(
        "Company",
        "EducationalInstitution",
        "Artist",
        "Athlete",
        "OfficeHolder",
        "MeanOfTransportation",
        "Building",
        "NaturalPlace",
        "Village",
        "Animal",
        "Plant",
        "Album",
        "Film",
        "WrittenWork",
    ),
    files=TableFiles(
        train=("train.csv", "train_subset.csv"),
        test=("test.csv", "test_subset.csv"),
        columns=("label", "title", "content"),
        text=("content",),  # the study's: without the title
    ),
    hub=HubRows(
        dataset="fancyzhx/dbpedia_14",
        revision="9abd46cf7fc8b4c64290f26993c540b92aa145ac",
        train="train",
        test="test",
        label="label",
        text="content",
    ),
    study=(100, 100),
    # The published train subset lost every other character, the test subset did not: a model could tell them apart.
    ascii_only=True,
)

_FEWREL = KnownTask(
    name="fewrel",
    about="relations between two entities of a sentence (Han et al. 2018)",
    folders=("fewrel", "FewRel"),
    labels=None,
    files=RelationFile(names=("train_wiki.json", "train_wiki_subset.json")),
    hub=HubRows(
        dataset="thunlp/few_rel",
        # The main branch is a loading script, which `datasets` runs no more; this is the Hub's own conversion of it,
        # which the Hub makes anew now and then.
        revision="refs/convert/parquet",
        train="train_wiki",
        test=None,  # the other splits have other relations
        label="relation",
        text="tokens",
    ),
    study=(630, 70),
)

TASKS: dict[TaskName, KnownTask] = {task.name: task for task in (_AG_NEWS, _DBPEDIA, _FEWREL)}
"""The known labelled sets by name."""
