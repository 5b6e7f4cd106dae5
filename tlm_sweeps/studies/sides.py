"""One side of a contrast and what its runs measured: an arm, an arm tuned by validation, or part of a curve."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from tlm_sweeps.compute.planning import seeds_of, values_of
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.certainty import Estimate, estimate
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.studies.admitting import absence
from tlm_sweeps.studies.arms import Arm, Score, records_of, runs_of, scores_of

_OVER = frozenset({"complete", "pruned", "infeasible", "failed"})


@dataclass(frozen=True)
class Tuned:
    """An arm with the value of a searched field that has the lowest mean validation NLL."""

    arm: Arm
    over: str = "training.learning_rate"


@dataclass(frozen=True)
class Lowest:
    """The lowest validation NLL of an arm's curve in a stretch of its epochs."""

    arm: Arm
    after: float = 0.0
    """Epochs; measured later than this."""
    to: float = float("inf")
    """Epochs; measured no later than this."""


Side = Arm | Tuned | Lowest


@dataclass(frozen=True)
class Measured:
    """What the complete runs of a side say. NLLs are nats per target, by seed."""

    side: Side
    label: str
    sweep: str
    nlls: Mapping[int, float]
    """What is compared: test NLL, or validation NLL of a stretch of a curve."""
    records: tuple[Record, ...] = ()
    chosen: Mapping[str, Any] = field(default_factory=dict)
    """Values that validation chose, by dotted name."""
    is_at_edge: bool = False
    """Whether the chosen value is the lowest or the highest that was tried, so that a better one may lie beyond."""
    n_asked: int = 0
    """Seeds that the sweep's spec asks for; runs that failed are asked for and not complete."""
    n_failed: int = 0
    """Runs that failed."""
    n_infeasible: int = 0
    """Runs that could not be begun, such as those whose origin failed."""
    unfinished: str = ""
    """Why nothing may be judged yet, while a run that is asked for has not ended."""
    missing: str = ""
    """Why nothing is measured, where nothing is."""

    @property
    def estimate(self) -> Estimate | None:
        """Mean over seeds with its 95 % interval; None without a run."""
        return estimate(list(self.nlls.values())) if self.nlls else None

    @property
    def score(self) -> Score:
        """Which NLL is compared."""
        return "val_nll" if isinstance(self.side, Lowest) else "test_nll"

    @property
    def budget_flops(self) -> int | None:
        """Granted to a run."""
        return self.records[0].budget_flops if self.records else None

    def train_flops(self, account: str) -> float | None:
        """Spent by a run in one account, mean over runs; None where it is not known of every one."""
        spent = [(record.train_flops or {}).get(account) for record in self.records]
        known = [flops for flops in spent if flops is not None]
        return statistics.fmean(known) if known and len(known) == len(spent) else None


def arm_of(side: Side) -> Arm:
    """The arm that a side is made of."""
    return side if isinstance(side, Arm) else side.arm


def measure(side: Side, sweeps: Mapping[str, SweepResults]) -> Measured:
    """What a side's runs say, as far as there are any.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    arm = arm_of(side)
    if arm.sweep not in sweeps:
        return Measured(side, _label(side), arm.sweep, {}, missing=absence(arm.sweep, sweeps))
    try:
        match side:
            case Arm():
                return _plain(side, sweeps)
            case Tuned():
                return _tuned(side, sweeps)
            case Lowest():
                return _lowest(side, sweeps)
            case _:
                assert_never(side)
    except ValueError as error:
        hint = "the sweep has settings that the study's spec has not; take the spec as it is in the repository"
        raise InputError(str(error), place=f"sweep {arm.sweep}", hint=hint) from error


def _plain(arm: Arm, sweeps: Mapping[str, SweepResults]) -> Measured:
    nlls = scores_of(arm, sweeps)
    return _measured(arm, nlls, sweeps, missing=f"no run of {arm.sweep} is complete for it")


def _measured(side: Side, nlls: Mapping[int, float], sweeps: Mapping[str, SweepResults], missing: str) -> Measured:
    arm = arm_of(side)
    return Measured(
        side=side,
        label=_label(side),
        sweep=arm.sweep,
        nlls=nlls,
        records=tuple(record for seed, record in records_of(arm, sweeps).items() if seed in nlls),
        n_asked=len(_asked(arm, sweeps)),
        n_failed=sum(run.state == "failed" for run in runs_of(arm, sweeps)),
        n_infeasible=sum(run.state == "infeasible" for run in runs_of(arm, sweeps)),
        unfinished=_unfinished(arm, sweeps),
        missing="" if nlls else missing,
    )


def _tuned(side: Tuned, sweeps: Mapping[str, SweepResults]) -> Measured:
    """With the value that validation chooses; nothing while another value may still turn out better."""
    n_asked = len(_asked(side.arm, sweeps))
    nothing = Measured(side, _label(side), side.arm.sweep, {}, n_asked=n_asked)
    results = sweeps[side.arm.sweep]
    seeds = _asked(side.arm, sweeps)
    values = values_of(results.spec.search[side.over]) if side.over in results.spec.search else None
    candidates = [(value, replace(side.arm, where={**side.arm.where, side.over: value})) for value in values or ()]
    if not all(_is_over(arm, sweeps) for _, arm in candidates):
        return replace(nothing, missing=f"{side.arm.sweep} is not over, so that nothing can be chosen by validation")
    scores = [(value, arm, scores_of(arm, sweeps, "val_nll")) for value, arm in candidates]
    whole = [(statistics.fmean(nlls.values()), value, arm) for value, arm, nlls in scores if seeds <= nlls.keys()]
    if not whole:
        return replace(nothing, missing=f"no {side.over} of {side.arm.sweep} is complete with every seed")
    _, value, arm = min(whole, key=lambda each: each[0])
    tried = sorted(each for each, _ in candidates)
    is_at_edge = value in {tried[0], tried[-1]}
    return replace(_plain(arm, sweeps), side=side, chosen={side.over: value}, is_at_edge=is_at_edge)


def _unfinished(arm: Arm, sweeps: Mapping[str, SweepResults]) -> str:
    """How far the arm is, while a run that is asked for has not ended; who looks at each seed looks many times."""
    if _is_over(arm, sweeps):
        return ""
    ended = sum(run.state in _OVER for run in runs_of(arm, sweeps))
    return f"{arm.label} of {arm.sweep} has {ended} of {len(_asked(arm, sweeps))} seeds so far"


def _is_over(arm: Arm, sweeps: Mapping[str, SweepResults]) -> bool:
    """Whether each seed's run has ended, however."""
    runs = runs_of(arm, sweeps)
    return _asked(arm, sweeps) <= {run.seed for run in runs} and all(run.state in _OVER for run in runs)


def _lowest(side: Lowest, sweeps: Mapping[str, SweepResults]) -> Measured:
    curves, records = sweeps[side.arm.sweep].curves, records_of(side.arm, sweeps)
    nlls = {}
    for seed, record in records.items():
        stretch = [each.val_nll for each in curves.get(record.run_id, ()) if side.after < each.epochs <= side.to]
        if stretch:
            nlls[seed] = min(stretch)
    return _measured(side, nlls, sweeps, missing=f"no run of {side.arm.sweep} was measured there")


def _asked(arm: Arm, sweeps: Mapping[str, SweepResults]) -> frozenset[int]:
    return frozenset(seeds_of(sweeps[arm.sweep].spec))


def _label(side: Side) -> str:
    if not isinstance(side, Lowest):
        return arm_of(side).label
    stretch = f"after epoch {side.after:g}" if side.after else f"up to epoch {side.to:g}"
    return f"{side.arm.label}, best {stretch}"
