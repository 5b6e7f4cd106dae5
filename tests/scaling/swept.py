"""Sweeps over width at several budgets, planned as real ones, whose runs follow a planted law. Nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.scaling.planted import TINY
from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.planning import PlannedTrial, plan_sweep
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.ledger import Proposal, writing
from tlm_sweeps.runs.record import Provenance, Record
from tlm_sweeps.scaling.law import Law
from tlm_sweeps.spec.sweep import SweepSpec

FACTS = CorpusFacts("python-docs", "char", 97, 45_000_000, 56_000, 56_000, "3f" * 32)
BUDGETS = (3e10, 1e11, 3e11, 1e12)
WIDTHS = (8, 12, 16, 24, 32, 48)


def swept(law: Law = TINY, *, seeds: int = 2, noise: float = 0.002, **changes: Any) -> SweepResults:
    """A finished sweep.

    Args:
        law: by which its runs reach their loss, from all parameters and the tokens that they predict.
        seeds: of each setting.
        noise: standard deviation of log L.
        changes: sections of the spec to replace.
    """
    spec = spec_of(seeds=seeds, **changes)
    draws = np.random.default_rng(5)
    plan = plan_sweep(spec, lambda _: FACTS)
    records = [
        record_of(spec, number, trial, seed, law, math.exp(noise * draws.normal()))
        for number, trial in enumerate(plan.feasible)
        for seed in range(seeds)
    ]
    spent = sum(record.train_flops["matmul"] for record in records if record.train_flops)
    return SweepResults(spec, tuple(records), {}, spent, "2025-07-02T08:00:00Z", f"tlm-sweeps sweep {spec.name}.yaml")


def spec_of(**changes: Any) -> SweepSpec:
    """The sweep's spec."""
    written: dict[str, Any] = {
        "name": "scaled",
        "experiment": {
            "corpus": {"name": "python-docs"},
            "model": {"kind": "transformer", "depth": 2, "heads": 2, "context": 32},
            "training": {"batch_size": 16},
        },
        "search": {"model.width": list(WIDTHS)},
        "budget": {"flops": BUDGETS},
        "engine": {"sampler": "grid"},
        "seeds": 2,
    }
    return SweepSpec.model_validate(written | changes)


def record_of(spec: SweepSpec, number: int, trial: PlannedTrial, seed: int, law: Law, luck: float) -> Record:
    """The record of a run that follows the law, by its luck."""
    assert trial.matched
    assert trial.cost
    return Record(
        run_id=f"t{number:04d}-s{seed}",
        sweep=spec.name,
        trial=number,
        seed=seed,
        state="complete",
        baseline=trial.baseline,
        settings=trial.settings,
        spec=trial.matched.experiment.model_dump(mode="json"),
        fingerprint=trial.fingerprint,
        n_params=trial.cost.n_params,
        n_params_non_embedding=trial.cost.n_params_non_embedding,
        budget_flops=trial.budget_flops,
        account=spec.budget.account if spec.budget else None,
        train_flops=trial.matched.train_flops.by_name(),
        positions=trial.cost.positions,
        targets=trial.cost.targets,
        steps=trial.matched.steps.total,
        epochs=trial.matched.experiment.training.epochs,
        val_nll=law.nll(trial.cost.n_params, trial.cost.targets) * luck,
        provenance=Provenance(corpus=dict(vars(FACTS))),
    )


def changed(results: SweepResults, trial: int, **fields: Any) -> SweepResults:
    """The same results with other fields in the runs of one trial."""
    records = [record.model_copy(update=fields) if record.trial == trial else record for record in results.records]
    return SweepResults(results.spec, tuple(records), {}, results.spent_flops, results.created_at, results.command)


def with_spec(record: Record, section: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A record's resolved experiment with other values in a section."""
    return {**record.spec, section: {**record.spec[section], **fields}}


def write_ledger(runs: Path, results: SweepResults) -> None:
    """The folder that such a sweep leaves behind."""
    with writing(runs / results.spec.name) as ledger:
        ledger.set_meta({"spec": results.spec.model_dump_json(exclude_unset=True)})
        for trial in sorted({record.trial for record in results.records}):
            mine = tuple(record for record in results.records if record.trial == trial)
            ledger.propose(
                Proposal(trial, None, mine[0].baseline, mine[0].settings, "trial", "", mine[0].fingerprint, {}), mine
            )
