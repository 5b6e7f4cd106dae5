"""A committee for a terminal: the verdict, tables, and what must be known to read them."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tlm_sweeps.committees.document import CommitteeDocument
from tlm_sweeps.committees.tables import sentences, tables, verdict
from tlm_sweeps.console.plain_tables import fitted
from tlm_sweeps.console.streams import plain

_SPARE = {"valid": 6, "macro-F1": 5, "seed": 4, "test NLL": 3, "committees": 3, "params": 2, "FLOPs a prediction": 1}
"""Columns that a narrow terminal does without, the most easily first."""


def committee_view(found: CommitteeDocument, console: Console) -> RenderableType:
    """Everything that a document says, as far as the terminal has room."""
    parts: list[RenderableType] = [Text(plain(sentence), "bold") for sentence in verdict(found)]
    parts += [Text(plain(sentence), "dim") for sentence in sentences(found)]
    for each in tables(found):
        parts += [Text(), fitted(each, _SPARE, console)]
    return Group(*parts)
