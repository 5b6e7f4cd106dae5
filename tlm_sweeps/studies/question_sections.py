"""Questions answered as sections: heading, sentences, tables. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from tlm_sweeps.report.naming import format_budget
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.studies.contrasts import Compared, Verdict
from tlm_sweeps.studies.overfitting import Course, OverfittingAnswer, overfitting
from tlm_sweeps.studies.questions import Comparisons, GroupAnswer, Overfitting, Question, Shape, compare_groups
from tlm_sweeps.studies.sections import Section, chosen, filled
from tlm_sweeps.studies.shapes import Best, ShapeAnswer, Step, best_shapes
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
_VERDICTS: dict[Verdict, str] = {
    "holds": "better",
    "reversed": "worse",
    "within noise": "within noise",
    "not run": "not run",
}
"""The same in a table."""


@dataclass(frozen=True)
class Answer:
    """A measured answer in words."""

    headline: str
    """What stands in the heading: a sentence."""
    details: str = ""
    """What is said under it."""


_NOTHING = Answer("Not run yet.")


def question_section(question: Question, sweeps: Mapping[str, SweepResults]) -> Section:
    """A question with its measured answer.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    answer, tables = _answer(question.kind, sweeps)
    records = [record for name in question.sweeps if name in sweeps for record in sweeps[name].records]
    said = [answer.details, sentence(question.scope, conditions(records, sweeps))]
    heading = f"{question.number}. {question.asks} {answer.headline}"
    return Section(heading, tuple(each for each in said if each), tables if answer != _NOTHING else (), question.sweeps)


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
            return _shapes(shapes), (_best_table(shapes), _step_table(shapes))
        case Overfitting():
            courses = overfitting(kind, sweeps)
            return _overfits(courses), (_course_table(courses),)
        case _:
            assert_never(kind)


def _compared(groups: Sequence[GroupAnswer]) -> Answer:
    if not any(each.verdict != "not run" for group in groups for each in group.compared):
        return _NOTHING
    if any(group.group.title for group in groups):
        return Answer(_by_side(groups))
    return Answer(sentence(*(_by_verdict(group) for group in groups)))


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
            _VERDICTS[compared.verdict] if compared else "reference",
        )
        rows.append(Row(cells))
    return rows


def _shapes(answer: ShapeAnswer) -> Answer:
    if not any(best.shape for best in answer.best):
        return _NOTHING
    bests = [
        f"{_shape(answer, best.values)} at {format_flops(best.budget_flops)}" for best in answer.best if best.shape
    ]
    return Answer(sentence(f"the best is {join(bests)}"), sentence(*(_threshold(step) for step in answer.steps)))


def _shape(answer: ShapeAnswer, values: Sequence[int]) -> str:
    names = [name.rpartition(".")[2] for name in answer.asked.steps]
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))


def _threshold(step: Step) -> str:
    """When a step of depth or context pays, and when it hurts."""
    worse = f"worse up to {format_flops(step.worse_up_to)}" if step.worse_up_to else "nowhere clearly worse"
    better = (
        f"better from {format_flops(step.better_from)} on" if step.better_from else "not yet clearly better at the top"
    )
    return f"{step.name.rpartition('.')[2]} {step.high} is, against {step.low}, {worse} and {better}"


def _best_table(answer: ShapeAnswer) -> Table:
    rows = tuple(_best_row(answer, best) for best in answer.best)
    columns = ("budget", "best by validation", "test NLL", "seeds", "within noise of it, the nearest first")
    return Table("", columns, rows, words=frozenset({columns[1], columns[-1]}))


def _best_row(answer: ShapeAnswer, best: Best) -> Row:
    budget = format_budget(best.budget_flops)
    if best.shape is None:
        return Row((budget, "not run yet", NOTHING, NOTHING, NOTHING))
    seeds = seeds_in_words(len(best.shape.nlls), best.shape.n_asked)
    close = "; ".join("/".join(map(str, values)) for values in best.close) or "none"
    return Row((budget, _shape(answer, best.values), with_half_width(best.shape.estimate), seeds, close))


def _step_table(answer: ShapeAnswer) -> Table:
    columns = ("step", *(format_flops(budget) for budget in answer.asked.budgets))
    rows = tuple(
        Row((f"{step.name.rpartition('.')[2]} {step.low} to {step.high}", *map(_step_cell, step.compared)))
        for step in answer.steps
    )
    return Table("", columns, rows, words=frozenset({"step"}))


def _step_cell(compared: Compared) -> str:
    if compared.verdict == "not run" or compared.difference is None:
        return NOTHING
    return f"{compared.difference.mean:+.4f} {_VERDICTS[compared.verdict]} ({chosen(compared.first, compared.second)})"


def _overfits(answer: OverfittingAnswer) -> Answer:
    run = [course for course in answer.courses if course.verdict != "not run"]
    if not run:
        return _NOTHING
    spared = [course.measured.label for course in run if course.verdict != "overfits"]
    headline = f"{len(run) - len(spared)} of {len(run)} settings overfit" + (f"; not {join(spared)}" if spared else "")
    better = [each.first.label for each in answer.compared if each.verdict == "holds"]
    worse = [each.first.label for each in answer.compared if each.verdict == "reversed"]
    reached = f"lower test NLL than {answer.reference.measured.label}: {'; '.join(better) or 'none'}"
    return Answer(sentence(headline), sentence(reached, f"higher: {'; '.join(worse)}" if worse else ""))


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
