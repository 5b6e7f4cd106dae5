"""A reproduction as one self-contained HTML file, in the frame of every report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tlm_sweeps.report.figures.theme import Drawn
from tlm_sweeps.report.origins import origins
from tlm_sweeps.report.template import fill, write_page
from tlm_sweeps.report.views import Table as PlainTable
from tlm_sweeps.studies.choosing import claims_of, questions_of
from tlm_sweeps.studies.claims import judge
from tlm_sweeps.studies.families import draw_families
from tlm_sweeps.studies.published import Table
from tlm_sweeps.studies.question_sections import question_section
from tlm_sweeps.studies.reproduction import Reproduction
from tlm_sweeps.studies.reproduction_figures import draw_curves, draw_differences
from tlm_sweeps.studies.sections import claim_section
from tlm_sweeps.studies.tables import epoch_table, missed_in_words, notes_of, verdict_table, verdicts_in_words

_CAPTION = "Test NLL in nats per target; difference: our mean less published; s: standard deviation of our seeds"


@dataclass(frozen=True)
class _Section:
    """One table of the study on the page."""

    key: str
    title: str
    verdicts: PlainTable
    notes: list[str]
    epochs: PlainTable | None
    figures: list[Drawn]


def build_page(found: Reproduction) -> str:
    """The page as HTML."""
    return fill(
        "studies/reproduction.html",
        study=found.study,
        verdicts=verdicts_in_words(found),
        missed=missed_in_words(found),
        sections=[_section(found, table) for table in found.study.tables],
        picture=draw_families(found.sweeps) if found.study.answers else None,
        claims=[claim_section(judge(claim, found.sweeps), found.sweeps) for claim in claims_of(found.study)],
        questions=[question_section(question, found.sweeps) for question in questions_of(found.study)],
        sweeps=[(sweep.spec.name, sweep.command, origins(sweep)) for sweep in found.own_sweeps],
        command=" ".join(["tlm-sweeps reproduce", found.study.name, *_tables(found)]),
    )


def write_reproduction(found: Reproduction, path: Path) -> Path:
    """Write the page; whoever opens the path finds the old page or the whole new one.

    Raises:
        InputError: when the file cannot be written.
    """
    return write_page(build_page(found), path)


def _section(found: Reproduction, table: Table) -> _Section:
    drawn = (draw_differences(table, found.of(table)), draw_curves(table, found.of(table)))
    return _Section(
        key=table.key,
        title=table.title,
        verdicts=replace(verdict_table(found, table), caption=_CAPTION),
        notes=notes_of(found, table),
        epochs=epoch_table(found, table),
        figures=[each for each in drawn if each],
    )


def _tables(found: Reproduction) -> list[str]:
    return [f"--table {part.key}" for part in (*found.study.tables, *found.study.answers)]
