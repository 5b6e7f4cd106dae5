"""A committee as one self-contained HTML file, in the frame of every report."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.committees.document import CommitteeDocument
from tlm_sweeps.committees.figures import draw_all
from tlm_sweeps.committees.tables import sentences, tables, verdict
from tlm_sweeps.report.template import fill, write_page


def build_page(found: CommitteeDocument) -> str:
    """The page as HTML."""
    return fill(
        "committees/committee.html",
        name=found.committee.name,
        verdict=verdict(found),
        sentences=sentences(found),
        figures=draw_all(found),
        tables=tables(found),
        command=found.command,
    )


def write_committee(found: CommitteeDocument, path: Path) -> Path:
    """Write the page; whoever opens the path finds the old page or the whole new one.

    Raises:
        InputError: when the file cannot be written.
    """
    return write_page(build_page(found), path)
