"""The scaled second study as one self-contained HTML file, in the frame of every report."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.report.origins import origins
from tlm_sweeps.report.template import fill, write_page
from tlm_sweeps.studies.overlap_gain import draw_overlap_gain
from tlm_sweeps.studies.tiny import TinyReproduction
from tlm_sweeps.studies.tiny_document import SIZE
from tlm_sweeps.studies.tiny_findings import limits
from tlm_sweeps.studies.tiny_sections import sections


def build_tiny_page(found: TinyReproduction) -> str:
    """The page as HTML.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    return fill(
        "studies/tiny.html",
        study=found.study,
        size=SIZE,
        verdicts=[
            (f"{answer.claim.name}, {each.setting.words}", each.verdict)
            for answer in found.answers
            for each in answer.settings
        ],
        sections=[(f"section-{number}", each) for number, each in enumerate(sections(found), 1)],
        pictures=draw_overlap_gain(found.sweeps),
        limits=limits(found),
        sweeps=[(sweep.spec.name, sweep.command, origins(sweep)) for sweep in found.own_sweeps],
        command=" ".join(["tlm-sweeps reproduce", found.study.name, *_tables(found)]),
    )


def write_tiny_page(found: TinyReproduction, path: Path) -> Path:
    """Write the page; whoever opens the path finds the old page or the whole new one.

    Raises:
        InputError: when the file cannot be written, or two runs of one seed answer to an arm.
    """
    return write_page(build_tiny_page(found), path)


def _tables(found: TinyReproduction) -> list[str]:
    return [f"--table {answer.key}" for answer in found.study.answers]
