"""Claims as sections of a page or a terminal: heading, sentences, a table. Nothing is decided here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlm_sweeps.report.naming import format_nll, format_value
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.studies.claims import EDGE, EDGE_LEGEND, Basis, ClaimAnswer, SettingAnswer
from tlm_sweeps.studies.contrasts import Compared
from tlm_sweeps.studies.overfitting import course_of
from tlm_sweeps.studies.sides import Lowest, Measured
from tlm_sweeps.studies.wording import (
    NOTHING,
    common_seeds,
    conditions_of_sides,
    costs,
    join,
    p_in_words,
    relative_cost,
    sentence,
    signed,
)

_SHORT: dict[Basis, str] = {
    "own account": "own account",
    "equal FLOPs, last": "equal, last",
    "equal FLOPs, all": "equal, all",
    "all positions": "all positions",
}
_COLUMNS = ("setting", "lower than", "at", "NLL", "difference, 95 %", "p", "seeds", "learning rate", "verdict")
_WORDS = frozenset({"setting", "lower than", "at", "learning rate", "verdict"})


@dataclass(frozen=True)
class Section:
    """A finding, ready to be set."""

    heading: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...]
    sweeps: tuple[str, ...]
    """Names of the sweeps whose records it rests on."""


def claim_section(answer: ClaimAnswer, sweeps: Mapping[str, SweepResults]) -> Section:
    """A claim with its verdicts."""
    said = [f"The study's evidence: {answer.claim.evidence}"]
    said += [_setting_sentence(each, sweeps) for each in answer.settings]
    rows = _rows(answer.settings)
    columns = filled(Table("", _COLUMNS, rows, words=_WORDS))
    return Section(answer.heading, tuple(said), (columns,) if rows else (), answer.claim.sweeps)


def filled(table: Table) -> Table:
    """A table without the columns that have nothing in any row."""
    kept = [
        number
        for number in range(len(table.columns))
        if any(row.cells[number] not in {"", NOTHING} for row in table.rows)
    ]
    rows = tuple(Row(tuple(row.cells[number] for number in kept), row.mark) for row in table.rows)
    return Table(table.caption, tuple(table.columns[number] for number in kept), rows, words=table.words)


def pair(first: Measured, second: Measured) -> str:
    """Two NLLs side by side."""
    found = (first.estimate, second.estimate)
    return " / ".join(NOTHING if each is None else format_nll(each.mean) for each in found) if any(found) else NOTHING


def chosen(*sides: Measured, edge: str = "") -> str:
    """What validation chose for each side, with a mark where it is the lowest or the highest that was tried."""
    found = [(format_value(value), side.is_at_edge) for side in sides for value in side.chosen.values()]
    return " / ".join(f"{value}{edge if is_at_edge else ''}" for value, is_at_edge in found)


def _setting_sentence(answer: SettingAnswer, sweeps: Mapping[str, SweepResults]) -> str:
    setting = answer.setting
    verdict = f"{setting.words}: {answer.verdict}{_counted(answer.compared)}"
    if answer.verdict == "not run":
        return sentence(f"{verdict}: {join(answer.missing)}", setting.note)
    sides = [side for each in answer.compared for side in (each.first, each.second)]
    cost = _costs(answer) if setting.cheaper else relative_cost(answer.compared)
    edge = EDGE_LEGEND if answer.is_at_edge else ""
    return sentence(verdict, conditions_of_sides(sides, sweeps), cost, _courses(answer, sweeps), edge, setting.note)


def _counted(compared: Sequence[Compared]) -> str:
    """How the contrasts of a setting came out, where there are several."""
    counted = Counter(each.verdict for each in compared)
    if len(compared) < 2 or counted["not run"] == len(compared):
        return ""
    others = [f"{count} {verdict}" for verdict, count in counted.items() if verdict != "holds"]
    hold = f"{counted['holds']} of {len(compared)} comparisons hold"
    return f" ({', '.join([hold, *others])})"


def _costs(answer: SettingAnswer) -> str:
    """Both accounts side by side, where the claim is about cost."""
    first = answer.compared[0]
    by_account = [(account, costs((first.first, first.second), account)) for account in ("2nd", "matmul")]
    words = "; ".join(f"{account}: {words}" for account, words in by_account)
    matmul = (first.first.train_flops("matmul"), first.second.train_flops("matmul"))
    if not (matmul[0] and matmul[1]):
        return words
    ratio = matmul[0] / matmul[1]
    order = "which reverses the order" if ratio > 1 and not answer.is_dearer else "in the same order"
    return f"{words}, {order}: {first.first.label} does {ratio:.2g} times the matrix products of {first.second.label}"


def _courses(answer: SettingAnswer, sweeps: Mapping[str, SweepResults]) -> str:
    """Best epoch and rise, where the contrasts are about curves."""
    arms = [each.contrast.first.arm for each in answer.compared if isinstance(each.contrast.first, Lowest)]
    said = []
    for arm in arms:
        course = course_of(arm, sweeps)
        if course.best_epoch and course.epochs and course.rise:
            best, rise = course.best_epoch.mean, signed(course.rise)
            said.append(
                f"{arm.label}: best after epoch {best:.3g} of {course.epochs:.3g}, at the end {rise} nats higher"
            )
    return "; ".join(said)


def _rows(answers: Sequence[SettingAnswer]) -> tuple[Row, ...]:
    """A row for each contrast of which a side is measured; one that two settings share has one row."""
    named: dict[str, tuple[Compared, list[str]]] = {}
    for answer in answers:
        short = _SHORT[answer.setting.basis]
        asked = [(each, short) for each in answer.compared] + [(each, f"{short}, beside") for each in answer.beside]
        for each, name in asked:
            if each.first.nlls or each.second.nlls:
                named.setdefault(repr(each.contrast), (each, []))[1].append(name)
    return tuple(_row(each, " and ".join(names)) for each, names in named.values())


def _row(compared: Compared, setting: str) -> Row:
    first, second = compared.first, compared.second
    return Row(
        (
            setting,
            f"{first.label} < {second.label}",
            compared.contrast.at,
            pair(first, second),
            signed(compared.difference),
            p_in_words(compared.corrected_p),
            common_seeds(compared) if compared.differences else NOTHING,
            chosen(first, second, edge=EDGE),
            compared.verdict,
        )
    )
