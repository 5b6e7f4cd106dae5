"""A fit as one self-contained HTML file, in the frame of every report."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.report.scaling.figures import draw_all
from tlm_sweeps.report.scaling.tables import sentences, tables, verdict
from tlm_sweeps.report.template import fill, write_page
from tlm_sweeps.scaling.document import FitDocument


def build_page(found: FitDocument) -> str:
    """The page as HTML."""
    return fill(
        "report/scaling/fit.html",
        name=", ".join(found.basis.sources),
        verdict=verdict(found),
        sentences=sentences(found),
        figures=draw_all(found),
        tables=tables(found),
        command=found.command,
    )


def write_fit(found: FitDocument, path: Path) -> Path:
    """Write the page; whoever opens the path finds the old page or the whole new one.

    Raises:
        InputError: when the file cannot be written.
    """
    return write_page(build_page(found), path)
