"""Questions answered as sections: heading, sentences, tables. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.studies.contrasts import Compared, Verdict
from tlm_sweeps.studies.overfitting import Course, OverfittingAnswer, overfitting
from tlm_sweeps.studies.question_wording import NOT_RUN, VERDICTS, Answer, reasons
from tlm_sweeps.studies.questions import Comparisons, GroupAnswer, Overfitting, Question, Shape, compare_groups
from tlm_sweeps.studies.sections import Section, filled
from tlm_sweeps.studies.shape_sections import best_table, shapes_in_words, step_table
from tlm_sweeps.studies.shapes import best_shapes
from tlm_sweeps.studies.wording import (
    NOTHING,
    conditions,
    join,
    p_in_words,
    seeds_in_words,
    sentence,
    signed,
    with_half_width,
)
from tlm_sweeps.units import format_flops

_MEANINGS: dict[Verdict, str] = {
    "holds": "better than",
    "reversed": "worse than",
    "within noise": "within noise of",
    "not run": "not run against",
}
"""What a verdict says of a side and its reference."""


def question_section(question: Question, sweeps: Mapping[str, SweepResults]) -> Section:
    """A question with its measured answer.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    answer, tables = _answer(question.kind, sweeps)
    records = [record for name in question.sweeps if name in sweeps for record in sweeps[name].records]
    said = [answer.details, sentence(question.scope, conditions(records, sweeps))]
    heading = f"{question.number}. {question.asks} {answer.headline}"
    return Section(
        heading, tuple(each for each in said if each), tables if answer.headline != NOT_RUN else (), question.sweeps
    )


def answer_of(question: Question, sweeps: Mapping[str, SweepResults]) -> Answer:
    """The answer in words, without the question.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    return _answer(question.kind, sweeps)[0]


def _answer(
    kind: Comparisons | Shape | Overfitting, sweeps: Mapping[str, SweepResults]
) -> tuple[Answer, tuple[Table, ...]]:
    match kind:
        case Comparisons():
            groups = compare_groups(kind, sweeps)
            return _compared(groups), (_comparison_table(groups),)
        case Shape():
            shapes = best_shapes(kind, sweeps)
            return shapes_in_words(shapes), (best_table(shapes), step_table(shapes))
        case Overfitting():
            courses = overfitting(kind, sweeps)
            return _overfits(courses), (_course_table(courses),)
        case _:
            assert_never(kind)


def _compared(groups: Sequence[GroupAnswer]) -> Answer:
    compared = [each for group in groups for each in group.compared]
    if all(each.verdict == "not run" for each in compared):
        return Answer(NOT_RUN, reasons(compared))
    titled = any(group.group.title for group in groups)
    said = _by_side(groups) if titled else sentence(*(_by_verdict(group) for group in groups))
    return Answer(said, reasons(compared))


def _by_verdict(group: GroupAnswer) -> str:
    """`Better than the MLP: a, b; within noise of it: c`."""
    said = [
        f"{meaning} {group.reference.label}: {join(group.labels(verdict))}"
        for verdict, meaning in _MEANINGS.items()
        if group.labels(verdict)
    ]
    return "; ".join(said)


def _by_side(groups: Sequence[GroupAnswer]) -> str:
    """`RoPE: better than learned at T = 256 and T = 512; within noise of it at T = 128`."""
    labels = dict.fromkeys(each.first.label for group in groups for each in group.compared)
    said = []
    for label in labels:
        found = [each for group in groups for each in group.compared if each.first.label == label]
        clauses = [_at(found, verdict) for verdict in _MEANINGS]
        said.append(f"{label} is " + "; ".join(clause for clause in clauses if clause))
    return sentence(*said)


def _at(found: Sequence[Compared], verdict: Verdict) -> str:
    places = [each.contrast.at for each in found if each.verdict == verdict]
    return f"{_MEANINGS[verdict]} {found[0].second.label} at {join(places)}" if places else ""


def _comparison_table(groups: Sequence[GroupAnswer]) -> Table:
    columns = ("at", "setting", "test NLL", "lower by, 95 %", "p", "seeds", "matmul FLOPs", "verdict")
    rows = tuple(row for group in groups for row in _group_rows(group))
    return filled(Table("", columns, rows, words=frozenset({"at", "setting", "verdict"})))


def _group_rows(group: GroupAnswer) -> list[Row]:
    sides = [(group.reference, None), *((each.first, each) for each in group.compared)]
    rows = []
    for measured, compared in sides:
        spent = measured.train_flops("matmul")
        cells = (
            group.group.title,
            measured.label,
            with_half_width(measured.estimate),
            signed(compared.difference) if compared else NOTHING,
            p_in_words(compared.corrected_p) if compared else NOTHING,
            seeds_in_words(len(measured.nlls), measured.n_asked) if measured.nlls else NOTHING,
            NOTHING if spent is None else format_flops(spent),
            VERDICTS[compared.verdict] if compared else "reference",
        )
        rows.append(Row(cells))
    return rows


def _overfits(answer: OverfittingAnswer) -> Answer:
    run = [course for course in answer.courses if course.verdict != "not run"]
    missing = reasons(answer.compared)
    if not run:
        return Answer(NOT_RUN, missing or sentence(answer.reference.measured.missing))
    spared = [course.measured.label for course in run if course.verdict != "overfits"]
    headline = f"{len(run) - len(spared)} of {len(run)} settings overfit" + (f"; not {join(spared)}" if spared else "")
    better = [each.first.label for each in answer.compared if each.verdict == "holds"]
    worse = [each.first.label for each in answer.compared if each.verdict == "reversed"]
    reached = f"lower test NLL than {answer.reference.measured.label}: {'; '.join(better) or 'none'}"
    return Answer(sentence(headline), sentence(reached, f"higher: {'; '.join(worse)}" if worse else "", missing))


def _course_table(answer: OverfittingAnswer) -> Table:
    columns = (
        *(
            "setting",
            "test NLL",
            "lower by, 95 %",
            "p",
            "best epoch",
            "of",
            "rise at the end, 95 %",
            "seeds",
            "verdict",
        ),
    )
    compared: list[Compared | None] = [None, *answer.compared]
    rows = tuple(_course_row(course, each) for course, each in zip(answer.courses, compared, strict=True))
    return filled(Table("", columns, rows, words=frozenset({"setting", "verdict"})))


def _course_row(course: Course, compared: Compared | None) -> Row:
    measured = course.measured
    return Row(
        (
            measured.label,
            with_half_width(measured.estimate),
            signed(compared.difference) if compared else NOTHING,
            p_in_words(compared.corrected_p) if compared else NOTHING,
            f"{course.best_epoch.mean:.3g}" if course.best_epoch else NOTHING,
            f"{course.epochs:.3g}" if course.epochs else NOTHING,
            signed(course.rise),
            seeds_in_words(len(measured.nlls), measured.n_asked) if measured.nlls else NOTHING,
            course.verdict,
        )
    )
