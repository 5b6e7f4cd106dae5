"""Tables and texts as W&B's markdown, in which nothing of a user's means more than its words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tlm_sweeps.report.views import Table

_SPECIAL = re.compile(r"([\\`*_\[\]|<>~$])")


def plain(text: str) -> str:
    r"""Text of which no character is markup, in one line.

    >>> plain("a|b <b>*x*</b>")
    'a\\|b \\<b\\>\\*x\\*\\</b\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def table(view: Table) -> str:
    """A table of the page, caption first; what the page folds away is counted only."""
    right = [column not in view.words and place > 0 for place, column in enumerate(view.columns)]
    drawn = grid(view.caption, view.columns, (row.cells for row in view.rows), right)
    return f"{drawn}\n\nand {len(view.rest):,} more." if view.rest else drawn


def grid(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool]) -> str:
    """A table.

    Args:
        caption: stands above it.
        columns: their titles.
        rows: of as many cells each.
        right: which columns are numbers, set to the right.
    """
    lines = [_line(columns), "|" + "|".join("--:" if each else ":--" for each in right) + "|"]
    return "\n".join([f"**{plain(caption)}**", "", *lines, *(_line(row) for row in rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"
