"""A fit for a terminal: what it says, tables, and what must be known to read them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tlm_sweeps.console.plain_tables import fitted
from tlm_sweeps.console.streams import plain
from tlm_sweeps.report.scaling.foretelling import ForetoldTrial, foretold_notes, foretold_table
from tlm_sweeps.report.scaling.tables import sentences, tables, verdict
from tlm_sweeps.scaling.document import FitDocument

_SPARE = {"of the largest": 6, "95 % of D*": 5, "sizes": 4, "95 %": 3, "95 % of NLL": 2, "parameters": 1}
"""Columns that a narrow terminal does without, the most easily first."""


def fit_view(found: FitDocument, console: Console) -> RenderableType:
    """Everything that a document says, as far as the terminal has room."""
    parts: list[RenderableType] = [Text(plain(sentence), "bold") for sentence in verdict(found)]
    parts += [Text(plain(sentence), "dim") for sentence in sentences(found)]
    for each in tables(found):
        parts += [Text(), fitted(each, _SPARE, console)]
    return Group(*parts)


def foretold_view(found: FitDocument, told: Sequence[ForetoldTrial], console: Console) -> RenderableType:
    """What a law says of a plan."""
    notes = [Text(plain(note), "dim") for note in foretold_notes(found, told)]
    return Group(Text(), fitted(foretold_table(found, told), _SPARE, console), *notes)
