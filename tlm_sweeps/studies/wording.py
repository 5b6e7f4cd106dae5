"""Differences, p-values, costs and conditions in words, as tables and sentences about a study have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tlm_sweeps.report.certainty import Estimate
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.studies.contrasts import SAME_FLOPS_WITHIN, Compared
from tlm_sweeps.studies.sides import Measured, arm_of
from tlm_sweeps.units import format_flops

NOTHING = "–"


def signed(found: Estimate | None) -> str:
    """A difference with its interval.

    >>> signed(Estimate(0.5, 0.25, 3)), signed(Estimate(-0.5, None, 1)), signed(None)
    ('+0.5000 (+0.2500 to +0.7500)', '-0.5000 (one seed)', '–')
    """
    if found is None:
        return NOTHING
    if found.interval is None:
        return f"{found.mean:+.4f} (one seed)"
    low, high = found.interval
    return f"{found.mean:+.4f} ({low:+.4f} to {high:+.4f})"


def with_half_width(found: Estimate | None) -> str:
    """An NLL with the half width of its interval.

    >>> with_half_width(Estimate(2.0, 0.0125, 3)), with_half_width(Estimate(2.0, None, 1))
    ('2.0000 ± 0.0125', '2.0000')
    """
    if found is None:
        return NOTHING
    return format_nll(found.mean) + ("" if found.half_width is None else f" ± {found.half_width:.4f}")


def p_in_words(p: float | None) -> str:
    """A p-value.

    >>> p_in_words(0.012345), p_in_words(0.00001), p_in_words(None)
    ('0.012', '< 0.001', '–')
    """
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def seeds_in_words(n: int, n_asked: int) -> str:
    """How many seeds there are, and of how many where some are missing.

    >>> seeds_in_words(5, 5), seeds_in_words(3, 5)
    ('5', '3 of 5')
    """
    return str(n) if n >= n_asked else f"{n} of {n_asked}"


def common_seeds(compared: Compared) -> str:
    """The seeds that both sides have."""
    return seeds_in_words(len(compared.differences), max(compared.first.n_asked, compared.second.n_asked))


def relative_cost(compared: Sequence[Compared]) -> str:
    """What the first sides spent, measured by the second sides; empty where nothing is known, or both are one run."""
    pairs = [
        (each.first.train_flops("matmul"), each.second.train_flops("matmul")) for each in compared if _are_two(each)
    ]
    ratios = [first / second for first, second in pairs if first and second]
    if not ratios:
        return ""
    if all(abs(ratio - 1) <= SAME_FLOPS_WITHIN for ratio in ratios):
        apart = max(abs(ratio - 1) for ratio in ratios)
        within = f" within {max(apart, 0.001):.1%}" if apart else ""
        return f"a pair's matmul FLOPs are equal{within}"
    low, high = f"{min(ratios):.2g}", f"{max(ratios):.2g}"
    times = low if low == high else f"{low} to {high}"
    return f"the first of a pair spends {times} times the matmul FLOPs of the second"


def _are_two(compared: Compared) -> bool:
    return arm_of(compared.contrast.first) != arm_of(compared.contrast.second)


def costs(measured: Iterable[Measured], account: str) -> str:
    """What runs have spent in one account: `attention 5.279 TFLOPs, MLP 3.849 TFLOPs`."""
    spent = [(each.label, each.train_flops(account)) for each in measured]
    return ", ".join(f"{label} {format_flops(flops)}" for label, flops in spent if flops is not None)


def conditions(records: Iterable[Record], sweeps: Mapping[str, SweepResults]) -> str:
    """How runs were made: budgets, precision, batch sizes, how many they are; empty where there are none."""
    return _conditions([("", record) for record in records], sweeps)


def conditions_of_sides(sides: Iterable[Measured], sweeps: Mapping[str, SweepResults]) -> str:
    """The same of the runs of sides; batch and precision are said for each label where they differ."""
    return _conditions([(side.label, record) for side in sides for record in side.records], sweeps)


def _conditions(labelled: Iterable[tuple[str, Record]], sweeps: Mapping[str, SweepResults]) -> str:
    found = [(label, record) for label, record in labelled if record.state == "complete"]
    complete = {record.run_id: record for _, record in found}.values()
    if not complete:
        return ""
    granted = {record.budget_flops for record in complete if _is_matched(sweeps[record.sweep])}
    budgets = [format_flops(flops) for flops in sorted(flops for flops in granted if flops)]
    spent = f"{join(budgets)} a run (matmul)" if budgets else "the study's epochs"
    precisions, batches = _by_label(found, "precision"), _by_label(found, "batch_size")
    return f"{spent}; {precisions}; batches of {batches}; {len(complete)} runs"


def _by_label(found: Iterable[tuple[str, Record]], name: str) -> str:
    """Values of a field of training, with whose they are where labels have different ones."""
    values: dict[Any, dict[str, None]] = {}
    for label, record in found:
        values.setdefault(record.spec["training"][name], {})[label] = None
    owners = [tuple(each) for each in values.values()]
    is_told_apart = len(set(owners)) > 1
    return join(
        [f"{value} ({join(list(labels))})" if is_told_apart else f"{value}" for value, labels in sorted(values.items())]
    )


def _is_matched(results: SweepResults) -> bool:
    """Whether runs spend their budget, and are not only bounded by it."""
    return results.spec.budget is not None and results.spec.budget.match != "none"


def join(words: Sequence[str]) -> str:
    """Words as a sentence lists them.

    >>> join(["a"]), join(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}" if words else ""


def sentence(*parts: str) -> str:
    """Clauses that have something to say, as one sentence each.

    >>> sentence("it holds", "", "nothing else.")
    'It holds. Nothing else.'
    """
    said = [part.strip().rstrip(".") for part in parts if part.strip()]
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in said)
