"""Runs of the study's sweeps as their own specs plan them, with NLLs chosen by the test: nothing is trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.matching import flops_after
from tlm_sweeps.compute.planning import PlannedTrial, SweepPlan, plan_sweep
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Measurement, Provenance, Record
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.loading import load_sweep
from tlm_sweeps.spec.sweep import SweepSpec

SPECS = Path(__file__).parents[2] / "sweeps" / "architecture-tradeoffs"
TEXTS = {
    "tiny-shakespeare": CorpusFacts("tiny-shakespeare", "char", 65, 892_117, 111_669, 111_606, "5f" * 8),
    "ptb": CorpusFacts("ptb", "word", 9_999, 80_000, 20_000, 20_000, "6f" * 8),
    "wikipedia-subset": CorpusFacts("wikipedia-subset", "char", 97, 10_000_000, 500_000, 500_000, "8f" * 8),
    "wikitext-2": CorpusFacts("wikitext-2", "word", 33_277, 80_000, 20_000, 20_000, "7f" * 8),
}
"""The slices that the study used, as it describes them."""

TestNll = Callable[[PlannedTrial, int], float]
"""The test NLL of a setting's run with a seed."""
Course = Callable[[float], float]
"""Validation NLL less test NLL after so many epochs."""


def facts_of(experiment: ExperimentSpec) -> CorpusFacts:
    """Facts of the study's texts, which need not be here."""
    return TEXTS[experiment.corpus.name or ""]


@cache
def plan_of(file: str) -> tuple[SweepSpec, SweepPlan]:
    """A spec of the study with its plan."""
    spec = load_sweep(SPECS / file).spec
    return spec, plan_sweep(spec, facts_of)


def falling(epoch: float) -> float:
    """Validation NLL less test NLL after so many epochs: 0.05 after the first, and 0.01 less after each other one."""
    return 0.06 - 0.01 * epoch


def results_of(
    file: str, test_nll: TestNll, *, seeds: int | None = None, course: Course = falling, **changes: Any
) -> SweepResults:
    """A finished sweep.

    Args:
        file: its spec.
        test_nll: of a setting and a seed.
        seeds: instead of the spec's.
        course: validation NLL less test NLL, by epochs; a run is measured after each whole one and at its end.
        changes: fields of every record to replace.
    """
    spec, plan = plan_of(file)
    spec = spec.model_copy(update={"seeds": seeds}) if seeds else spec
    records, curves = [], {}
    for number, trial in enumerate(plan.feasible):
        for seed in range(seeds or len(plan.seeds)):
            record, curve = _run(spec, trial, (number, seed), test_nll(trial, seed), course)
            records.append(record.model_copy(update=changes))
            curves[record.run_id] = curve
    spent = sum(record.train_flops["2nd"] for record in records if record.train_flops)
    command = f"tlm-sweeps sweep sweeps/architecture-tradeoffs/{file}"
    return SweepResults(spec, tuple(records), curves, spent, "2025-07-02T08:00:00Z", command)


def _run(
    spec: SweepSpec, trial: PlannedTrial, at: tuple[int, int], test_nll: float, course: Course
) -> tuple[Record, tuple[Measurement, ...]]:
    assert trial.matched
    assert trial.cost
    steps, experiment = trial.matched.steps, trial.matched.experiment
    number, seed = at
    ends = sorted({*range(steps.per_epoch, steps.total, steps.per_epoch), steps.total})
    curve = tuple(
        Measurement(
            step=step,
            epochs=steps.epochs_after(step),
            train_flops=flops_after(experiment, facts_of(experiment), steps, step).by_name(),
            train_nll=test_nll + 0.1,
            val_nll=test_nll + course(steps.epochs_after(step)),
            learning_rate=3e-4,
            wall_seconds=2.0 * epoch,
        )
        for epoch, step in enumerate(ends, start=1)
    )
    record = Record(
        run_id=f"{spec.name}-t{number:04d}-s{seed}",
        sweep=spec.name,
        trial=number,
        seed=seed,
        state="complete",
        baseline=trial.baseline,
        settings=trial.settings,
        spec=experiment.model_dump(mode="json"),
        fingerprint=trial.fingerprint,
        n_params=trial.cost.n_params,
        budget_flops=trial.budget_flops,
        account=spec.budget.account if spec.budget else None,
        train_flops=trial.matched.train_flops.by_name(),
        steps=steps.total,
        epochs=experiment.training.epochs,
        val_nll=min(each.val_nll for each in curve),
        test_nll=test_nll,
        finished_at="2025-07-02T07:00:12Z",
        provenance=Provenance(commit="0123456789abcdef", device="cpu: Example 3000", argv=("tlm-sweeps", "sweep")),
    )
    return record, curve
