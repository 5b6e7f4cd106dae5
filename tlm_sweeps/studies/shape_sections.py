"""Question 2 in words and tables: the best shapes, and where a step of one dimension pays. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence

from tlm_sweeps.report.naming import format_budget
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.studies.contrasts import Compared
from tlm_sweeps.studies.question_wording import NOT_RUN, VERDICTS, Answer, reasons
from tlm_sweeps.studies.sections import chosen
from tlm_sweeps.studies.shapes import Best, ShapeAnswer, Step
from tlm_sweeps.studies.wording import NOTHING, join, seeds_in_words, sentence, with_half_width
from tlm_sweeps.units import format_flops


def shapes_in_words(answer: ShapeAnswer) -> Answer:
    """The best shapes, and at which budgets each step pays or hurts."""
    missing = reasons([each for step in answer.steps for each in step.compared])
    if not any(best.shape for best in answer.best):
        return Answer(NOT_RUN, missing)
    bests = [
        f"{_shape(answer, best.values)} at {format_flops(best.budget_flops)}" for best in answer.best if best.shape
    ]
    thresholds = sentence(*(_threshold(step) for step in answer.steps))
    return Answer(sentence(f"the best is {join(bests)}"), " ".join(filter(None, (thresholds, missing))))


def _shape(answer: ShapeAnswer, values: Sequence[int]) -> str:
    names = [name.rpartition(".")[2] for name in answer.asked.steps]
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))


def _threshold(step: Step) -> str:
    """When a step of depth or context pays, and when it hurts."""
    worse, better, unknown = step.at("reversed"), step.at("holds"), step.at("not run")
    said = [_ranging("worse", worse, f"up to {_flops(step.worse_up_to)}", step.budgets[: len(worse)])]
    said.append(_ranging("better", better, f"from {_flops(step.better_from)} on", step.budgets[-len(better) :]))
    words = f"{step.name.rpartition('.')[2]} {step.high} is, against {step.low}, "
    if len(unknown) == len(step.budgets):
        return f"{words}not run"
    return words + " and ".join(said) + (f"; not run at {_budgets(unknown)}" if unknown else "")


def _ranging(word: str, at: Sequence[int], span: str, whole: Sequence[int]) -> str:
    """`worse up to X` where that is so at every budget of the whole, else the budgets one by one."""
    if not at:
        return f"nowhere clearly {word}"
    return f"{word} {span}" if tuple(at) == tuple(whole) else f"{word} at {_budgets(at)}"


def _budgets(flops: Sequence[int]) -> str:
    return join([format_flops(each) for each in flops])


def _flops(flops: int | None) -> str:
    return NOTHING if flops is None else format_flops(flops)


def best_table(answer: ShapeAnswer) -> Table:
    """A row for each budget."""
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


def step_table(answer: ShapeAnswer) -> Table:
    """A row for each step, a column for each budget."""
    columns = ("step", *(format_flops(budget) for budget in answer.asked.budgets))
    rows = tuple(
        Row((f"{step.name.rpartition('.')[2]} {step.low} to {step.high}", *map(_step_cell, step.compared)))
        for step in answer.steps
    )
    return Table("", columns, rows, words=frozenset({"step"}))


def _step_cell(compared: Compared) -> str:
    if compared.verdict == "not run" or compared.difference is None:
        return NOTHING
    return f"{compared.difference.mean:+.4f} {VERDICTS[compared.verdict]} ({chosen(compared.first, compared.second)})"
