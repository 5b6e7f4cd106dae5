"""A study's claims and questions for a terminal: heading, what is said about it, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tlm_sweeps.console.plain_tables import fitted
from tlm_sweeps.console.streams import plain
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.choosing import claims_of, questions_of
from tlm_sweeps.studies.claims import judge
from tlm_sweeps.studies.published import Study
from tlm_sweeps.studies.question_sections import question_section
from tlm_sweeps.studies.sections import Section, claim_section

_SPARE = {"learning rate": 5, "matmul FLOPs": 4, "seeds": 3, "p": 2, "NLL": 1, "test NLL": 1}
"""Columns that a narrow terminal does without, the most easily first."""


def answers_view(study: Study, sweeps: Mapping[str, SweepResults], console: Console) -> RenderableType:
    """Every claim with its verdicts and every open question with its answer, of those that are asked of a study.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    sections = [claim_section(judge(claim, sweeps), sweeps) for claim in claims_of(study)]
    sections += [question_section(question, sweeps) for question in questions_of(study)]
    return sections_view(sections, console)


def sections_view(sections: Sequence[Section], console: Console) -> RenderableType:
    """Findings one after the other."""
    return Group(*(_section(each, console) for each in sections))


def _section(section: Section, console: Console) -> RenderableType:
    parts: list[RenderableType] = [Text(plain(section.heading), "bold")]
    parts += [Text(plain(each), "dim") for each in section.sentences]
    for each in section.tables:
        parts += [Text(), fitted(each, _SPARE, console)]
    return Group(*parts, Text())
