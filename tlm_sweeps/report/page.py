"""One self-contained HTML file of a sweep: words, tables and figures. What all pages share is in `template.py`."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.report.caveats import caveats
from tlm_sweeps.report.costs import CONVENTIONS
from tlm_sweeps.report.figures.gallery import draw_all
from tlm_sweeps.report.origins import origins
from tlm_sweeps.report.outcomes import outcomes
from tlm_sweeps.report.pretraining import pretraining_sentence
from tlm_sweeps.report.sources import SweepResults, ensure_reportable
from tlm_sweeps.report.statistics import leaderboard
from tlm_sweeps.report.template import fill, write_page
from tlm_sweeps.report.views import cost_table, leaderboard_tables, unranked_table
from tlm_sweeps.report.words import answers, summary
from tlm_sweeps.spec.yaml_writing import to_yaml


def build_page(results: SweepResults) -> str:
    """The report as HTML.

    Raises:
        InputError: when no run is complete.
    """
    ensure_reportable(results)
    ranked = leaderboard(results)
    return fill(
        "report/page.html",
        spec=results.spec,
        summary=summary(results, len(ranked)),
        convention=CONVENTIONS[results.account],
        answers=answers(results, ranked),
        caveats=caveats(results, ranked),
        leaderboards=leaderboard_tables(results),
        unranked=unranked_table(results),
        gallery=draw_all(results, ranked),
        outcomes=outcomes(results.records),
        costs=cost_table(results),
        pretraining=pretraining_sentence(results.records, results.account),
        origins=origins(results),
        command=results.command,
        spec_text=to_yaml(results.spec),
    )


def write_report(results: SweepResults, path: Path) -> Path:
    """Write the page; whoever opens the path finds the old page or the whole new one.

    Raises:
        InputError: when no run is complete, or the file cannot be written.
    """
    return write_page(build_page(results), path)
