"""A committee for a terminal: the verdict, tables, and what must be known to read them."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tlm_sweeps.committees.document import CommitteeDocument
from tlm_sweeps.committees.tables import sentences, tables, verdict
from tlm_sweeps.console.streams import plain
from tlm_sweeps.console.tables import Column, fitting, table
from tlm_sweeps.report.views import Table as PlainTable

_SPARE = {"valid": 6, "macro-F1": 5, "seed": 4, "test NLL": 3, "committees": 3, "params": 2, "FLOPs a prediction": 1}
"""Columns that a narrow terminal does without, the most easily first."""


def committee_view(found: CommitteeDocument, console: Console) -> RenderableType:
    """Everything that a document says, as far as the terminal has room."""
    parts: list[RenderableType] = [Text(plain(sentence), "bold") for sentence in verdict(found)]
    parts += [Text(plain(sentence), "dim") for sentence in sentences(found)]
    for each in tables(found):
        parts += [Text(), _fitted(each, console)]
    return Group(*parts)


def _fitted(found: PlainTable, console: Console) -> RenderableType:
    columns = [
        Column(
            name,
            tuple(row.cells[number] for row in found.rows),
            is_words=name in found.words,
            spare=_SPARE.get(name, 0),
        )
        for number, name in enumerate(found.columns)
    ]
    marked = [number for number, row in enumerate(found.rows) if row.mark]
    return table(fitting(columns, console)[0], title=found.caption, dim=marked)
