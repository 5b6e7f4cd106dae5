"""Plain tables for a terminal, and what to leave out where it is narrow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tlm_sweeps.console.streams import plain

_WORD = 12
"""Columns that a column of words gets at least."""
_UNBOUNDED = 10**6
"""Columns of a console in which every table has its natural width."""


@dataclass(frozen=True)
class Column:
    """A column of text."""

    name: str
    cells: tuple[str, ...]
    is_words: bool = False
    """Set to the left and broken into lines where need be; numbers are set to the right and never broken."""
    spare: int = 0
    """How easily a narrow terminal goes without it: the most easily first, 0 never."""


def table(columns: Sequence[Column], *, title: str = "", dim: Collection[int] = ()) -> Table:
    """A table with a line under its heads. Rows whose numbers are in `dim` stand back."""
    named = Text(plain(title), "bold") if title else None
    drawn = Table(box=box.SIMPLE_HEAD, title=named, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        head = Text(column.name)
        if column.is_words:
            least = min(_WORD, max((len(cell) for cell in column.cells), default=0))
            drawn.add_column(head, overflow="fold", min_width=max(least, len(column.name)))
        else:
            drawn.add_column(head, justify="right", no_wrap=True)
    for number, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        drawn.add_row(*(Text(plain(cell)) for cell in row), style="dim" if number in dim else None)
    return drawn


def fitting(columns: Sequence[Column], console: Console) -> tuple[list[Column], list[str]]:
    """The columns that a console has room for.

    Returns:
        The columns that stay, and the names of those that had to go.
    """
    kept, gone = list(columns), []
    unbounded = console.options.update(max_width=_UNBOUNDED)
    while console.measure(table(kept), options=unbounded).maximum > console.width:
        most = max(kept, key=lambda column: column.spare)
        if not most.spare:
            break
        kept.remove(most)
        gone.append(most.name)
    return kept, gone
