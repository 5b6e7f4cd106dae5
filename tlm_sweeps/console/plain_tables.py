"""The tables of reports on a terminal: their columns, and which of them a narrow one does without."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from tlm_sweeps.console.tables import Column, fitting, table
from tlm_sweeps.report.views import Table as PlainTable


def columns_of(found: PlainTable, spare: Mapping[str, int], short: Mapping[str, str] | None = None) -> list[Column]:
    """The columns of a table.

    Args:
        found: as reports have it.
        spare: how easily a narrow terminal goes without a column, by its name; the others are never left out.
        short: names that a terminal has no room for, and what stands in their place.
    """
    return [
        Column(
            (short or {}).get(name, name),
            tuple(row.cells[number] for row in found.rows),
            is_words=name in found.words,
            spare=spare.get(name, 0),
        )
        for number, name in enumerate(found.columns)
    ]


def fitted(found: PlainTable, spare: Mapping[str, int], console: Console) -> Table:
    """A table as wide as the terminal; rows with a mark stand back."""
    marked = [number for number, row in enumerate(found.rows) if row.mark]
    return table(fitting(columns_of(found, spare), console)[0], title=found.caption, dim=marked)
