"""Published rows beside ours, with a verdict by a rule that was written down beforehand.

The rule (docs/decisions/0013-reproduction.md): a row is `reproduced` when its published test NLL, which is of one
seed, lies in the 95 % prediction interval of one more seed of ours, mean ± t(n-1) · s · √(1 + 1/n); else
`not reproduced`, with the size of the difference; `not run` below two complete seeds. Curves decide nothing.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tlm_sweeps.compute.planning import seeds_of
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.certainty import Estimate, estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.studies.admitting import Admitted, admit
from tlm_sweeps.studies.arms import records_of, runs_of
from tlm_sweeps.studies.published import Cell, Published, Study, Table

Verdict = Literal["reproduced", "not reproduced", "not run"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
RULE = "reproduced: the published test NLL lies in the 95 % prediction interval of one more seed of ours"
_FEWEST_SEEDS = 2


@dataclass(frozen=True)
class Epoch:
    """Validation NLL after an epoch, ours and theirs, nats per target."""

    epoch: int
    """From 1."""
    ours: Estimate
    published: float | None
    """None where no curve was printed."""

    @property
    def difference(self) -> float | None:
        """Our mean less the published value."""
        return None if self.published is None else self.ours.mean - self.published


@dataclass(frozen=True)
class CellResult:
    """A published row and our runs of it."""

    table: Table
    cell: Cell
    test_nlls: Mapping[int, float]
    """Of the complete runs that count, by seed, nats per target."""
    n_asked: int | None
    """Seeds that were asked for; None where the sweep was never begun."""
    n_failed: int
    n_left_out: int
    """Complete runs that do not count: they are not of the published size and length."""
    is_left_out: bool
    """Whether the whole sweep does not count, since its spec is not the study's."""
    records: tuple[Record, ...]
    """The complete runs that count."""
    train_flops: Mapping[str, int] | None
    """Of one of our runs, in the three accounts."""
    epochs: tuple[Epoch, ...]
    """Over the runs that count, as far as all of them were measured."""

    @property
    def ours(self) -> Estimate | None:
        """Mean over seeds with its 95 % interval; None without a run."""
        return estimate(list(self.test_nlls.values())) if self.test_nlls else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation over seeds; None below two."""
        values = list(self.test_nlls.values())
        return statistics.stdev(values) if len(values) >= _FEWEST_SEEDS else None

    @property
    def prediction(self) -> tuple[float, float] | None:
        """Where one more seed of ours would lie, at 95 %; None below two seeds."""
        return None if self.ours is None else prediction_interval(self.ours)

    @property
    def difference(self) -> float | None:
        """Our mean less the published test NLL."""
        return None if self.ours is None else self.ours.mean - self.cell.published.test_nll

    @property
    def difference_in_deviations(self) -> float | None:
        """The difference in standard deviations of our seeds; None where they do not differ, or are too few."""
        return self.difference / self.deviation if self.difference is not None and self.deviation else None

    @property
    def verdict(self) -> Verdict:
        """By the rule."""
        if self.prediction is None:
            return "not run"
        low, high = self.prediction
        return "reproduced" if low <= self.cell.published.test_nll <= high else "not reproduced"

    @property
    def caution(self) -> str:
        """What must be said beside the verdict: seeds that are missing or too few, runs that were left out."""
        found = len(self.test_nlls)
        words = [f"{found} of {self.n_asked} seeds" if self.n_asked is not None and found < self.n_asked else ""]
        if 0 < found < _FEWEST_SEEDS:
            words.append(f"a verdict needs {_FEWEST_SEEDS} seeds")
        if self.n_left_out:
            words.append(f"{self.n_left_out} left out: not of the study's size and length")
        words.append("its sweep is left out: not the study's spec" if self.is_left_out else "")
        return "; ".join(word for word in words if word)


@dataclass(frozen=True)
class Reproduction:
    """A study's rows, in its own order."""

    study: Study
    results: tuple[CellResult, ...]
    sweeps: Admitted
    """Ours that count, by name, with the seeds that were asked for; cells, claims and questions read no others."""

    @property
    def own_sweeps(self) -> tuple[SweepResults, ...]:
        """Those of them that the study's tables and answers rest on."""
        return tuple(self.sweeps[name] for name in self.study.sweeps if name in self.sweeps)

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many rows have which verdict."""
        counted = Counter(result.verdict for result in self.results)
        return {verdict: counted[verdict] for verdict in VERDICTS if counted[verdict]}

    def of(self, table: Table) -> tuple[CellResult, ...]:
        """The rows of one table."""
        return tuple(result for result in self.results if result.table == table)


def reproduce(study: Study, sweeps: Mapping[str, SweepResults], seeds: int | None = None) -> Reproduction:
    """Compare every row of a study with our runs of it.

    Args:
        study: what was published.
        sweeps: what was found, by name; those that are missing were not run, those of other specs do not count.
        seeds: count seeds 0 … seeds - 1 only; default: those of each sweep's spec.

    Raises:
        InputError: when a sweep has several runs of one seed for a row.
    """
    admitted = admit(study.identities, sweeps, seeds)
    results = tuple(_result(table, cell, admitted) for table, cell in study.cells)
    return Reproduction(study, results, admitted)


def prediction_interval(found: Estimate) -> tuple[float, float] | None:
    """Where one more value would lie, at 95 %: mean ± t(n-1) · s · √(1 + 1/n) (Hahn and Meeker 1991).

    The interval of the mean is mean ± t(n-1) · s / √n, so this one is √(n + 1) times as wide.

    >>> prediction_interval(estimate([2.0])) is None
    True
    >>> low, high = prediction_interval(estimate([1.0, 3.0]))  # t = 12.706, s = √2, √(1 + 1/2) = 1.2247
    >>> round(low, 2), round(high, 2)
    (-20.01, 24.01)
    """
    if found.half_width is None:
        return None
    half = found.half_width * math.sqrt(found.n + 1)
    return found.mean - half, found.mean + half


def _result(table: Table, cell: Cell, sweeps: Admitted) -> CellResult:
    sweep = sweeps.get(cell.arm.sweep)
    complete = list(_records(cell, sweeps).values())
    counted = {record.seed: record for record in complete if _is_of_the_study(record, cell.published)}
    curves = [sweep.curves.get(record.run_id, ()) for record in counted.values()] if sweep else []
    return CellResult(
        table=table,
        cell=cell,
        test_nlls={seed: record.test_nll for seed, record in counted.items() if record.test_nll is not None},
        n_asked=len(seeds_of(sweep.spec)) if sweep else None,
        n_failed=sum(record.state == "failed" for record in runs_of(cell.arm, sweeps)),
        n_left_out=len(complete) - len(counted),
        is_left_out=cell.arm.sweep in sweeps.left_out,
        records=tuple(counted.values()),
        train_flops=next((record.train_flops for record in counted.values()), None),
        epochs=_epochs(curves, cell.published.val_nlls),
    )


def _records(cell: Cell, sweeps: Mapping[str, SweepResults]) -> dict[int, Record]:
    try:
        return records_of(cell.arm, sweeps)
    except ValueError as error:
        hint = "the sweep has more settings than the study; take its spec as it is in the repository"
        raise InputError(str(error), place=f"sweep {cell.arm.sweep}", hint=hint) from error


def _is_of_the_study(record: Record, published: Published) -> bool:
    """Whether a run has the published size and length, and a test NLL to compare."""
    spent = (record.train_flops or {}).get("2nd")
    is_scored = record.test_nll is not None and math.isfinite(record.test_nll)
    return is_scored and record.n_params == published.n_params and spent == published.flops_2nd


def _epochs(curves: Sequence[Sequence[Measurement]], published: Sequence[float]) -> tuple[Epoch, ...]:
    """Means over runs after each whole epoch that all of them were measured after."""
    by_epoch = [{each.epochs: each.val_nll for each in curve if each.epochs.is_integer()} for curve in curves]
    common = sorted(set.intersection(*(set(each) for each in by_epoch))) if by_epoch else []
    theirs = dict(enumerate(published, start=1))
    return tuple(
        Epoch(int(at), estimate([each[at] for each in by_epoch]), theirs.get(int(at))) for at in common if at >= 1
    )
