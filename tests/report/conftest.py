"""Synthetic sweeps that look like real ones: matched budgets, every state, seeds that differ, baselines."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.goals import n_params, n_params_non_embedding
from tlm_sweeps.compute.matching import Matched, flops_after, match_budget
from tlm_sweeps.errors import Problem
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Measurement, Provenance, Record
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.sweep import SweepSpec

FACTS = CorpusFacts("python-docs", "char", 97, 450_000, 56_000, 56_000, "3f" * 32)
PROVENANCE = Provenance(
    commit="0123456789abcdef0123456789abcdef01234567",
    dirty=False,
    versions={"python": "3.11.9", "torch": "2.13.0", "optuna": "5.0.0", "numpy": "2.3.1"},
    device="cpu: Example 3000",
    corpus=dict(vars(FACTS)),
    argv=("tlm-sweeps", "sweep", "sweeps/quickstart.yaml"),
)
BASELINES = {
    "linear": {"model": {"kind": "linear", "context": 32}, "training": {"predict": "last", "epochs": 2.0}},
    "mlp": {"model": {"kind": "mlp", "context": 32}, "training": {"predict": "last", "epochs": 2.0}},
    "attention": {"model": {"kind": "attention", "context": 64}, "training": {"epochs": 1.0}},
}


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., SweepSpec]:
    """A spec over depth, heads, context, epochs and learning rate; any field of it can be replaced."""
    return build_spec


@pytest.fixture(scope="session")
def make_results() -> Callable[..., SweepResults]:
    """Results of a sweep, see `build_results`."""
    return build_results


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """A small complete record without a curve; any field of it can be replaced."""
    return build_record


def build_spec(**changes: Any) -> SweepSpec:
    """The spec of the synthetic sweep."""
    written: dict[str, Any] = {
        "name": "quickstart",
        "question": "Which depth, heads, context and epochs are best for 200 GFLOPs?",
        "experiment": {
            "corpus": {"name": "python-docs"},
            "model": {"kind": "transformer", "heads": 4, "context": 64},
            "training": {"batch_size": 16, "windows": "replacement"},
        },
        "search": {
            "model.depth": [1, 2, 3, 4, 6],
            "model.heads": [1, 2, 4, 8],
            "model.context": [32, 64, 128, 256],
            "training.epochs": [0.25, 0.5, 1.0, 2.0],
            "training.learning_rate": {"log_uniform": [1e-4, 3e-3]},
        },
        "baselines": {name: {"model.kind": name} for name in BASELINES},
        "budget": {"flops": 2e11, "match": "width", "total": 3e13},
        "seeds": 2,
    }
    return SweepSpec.model_validate(written | changes)


def build_record(**changes: Any) -> Record:
    """A complete run that is about nothing in particular."""
    trial, seed = changes.get("trial", 0), changes.get("seed", 0)
    fields: dict[str, Any] = {
        "run_id": f"t{trial:04d}-s{seed}",
        "sweep": "quickstart",
        "trial": trial,
        "seed": seed,
        "state": "complete",
        "settings": {"model.depth": 2},
        "spec": {"corpus": {"level": "char"}, "model": {"kind": "transformer", "depth": 2, "width": 32}},
        "fingerprint": f"{trial:064x}",
        "n_params": 10_000,
        "budget_flops": 30_000_000_000,
        "account": "matmul",
        "train_flops": {"matmul": 29_900_000_000, "6nd": 25_000_000_000, "2nd": 9_000_000_000},
        "epochs": 1.0,
        "val_nll": 2.0,
        "test_nll": 2.1,
    }
    return Record.model_validate(fields | changes)


def build_results(
    *, trials: int = 24, seeds: int = 2, budgets: tuple[float, ...] = (2e11,), evaluations: int = 20, **changes: Any
) -> SweepResults:
    """A sweep whose settings were drawn at random, as a sampler's first trials are.

    Args:
        trials: searched settings at each budget; with at least 12 of them some are pruned or failed.
        seeds: runs of each trial.
        budgets: training FLOPs of a run.
        evaluations: measurements of a run.
        changes: fields of the spec to replace.
    """
    flops = budgets if len(budgets) > 1 else min(budgets)
    budget = {"flops": flops, "match": "width", "total": 1.2 * (trials + 3) * seeds * sum(budgets)}
    spec = build_spec(**({"seeds": seeds, "budget": budget} | changes))
    draws = random.Random(7)
    records: list[Record] = []
    curves: dict[str, list[Measurement]] = {}
    numbers = itertools.count()
    for budget_flops in map(int, budgets):
        asked = [*((name, BASELINES[name]) for name in spec.baselines), *((None, _draw(draws)) for _ in range(trials))]
        for index, (baseline, nested) in enumerate(asked):
            settings = {"model.kind": baseline} if baseline else _dotted(nested)
            if len(budgets) > 1:
                settings |= {"budget.flops": budget_flops}
            number = next(numbers)
            for seed in range(seeds):
                fate = _fate(index, seed) if trials >= 12 else "complete"
                record, curve = _run(spec, number, seed, settings, nested, baseline, budget_flops, fate, evaluations)
                records.append(record)
                curves[record.run_id] = curve
    spent = sum(record.train_flops["matmul"] for record in records if record.train_flops)
    command = "tlm-sweeps sweep sweeps/quickstart.yaml"
    return SweepResults(spec, tuple(records), curves, spent, "2025-07-02T08:00:00Z", command)


def _draw(draws: random.Random) -> dict[str, Any]:
    return {
        "model": {"depth": draws.choice([1, 2, 3, 4, 6]), "heads": draws.choice([1, 2, 4, 8])}
        | {"context": draws.choice([32, 64, 128, 256])},
        "training": {"epochs": draws.choice([0.25, 0.5, 1.0, 2.0])}
        | {"learning_rate": math.exp(draws.uniform(math.log(1e-4), math.log(3e-3)))},
    }


def _dotted(nested: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{part}.{name}": value for part, fields in nested.items() for name, value in fields.items()}


def _fate(index: int, seed: int) -> str:
    if index % 11 == 7:
        return "pruned"
    if index % 12 == 9 and seed == 1:
        return "failed"
    return "complete"


def _run(
    spec: SweepSpec,
    trial: int,
    seed: int,
    settings: dict[str, Any],
    nested: Mapping[str, Any],
    baseline: str | None,
    budget_flops: int,
    fate: str,
    evaluations: int,
) -> tuple[Record, list[Measurement]]:
    experiment = _compose(spec, nested, baseline)
    matched = match_budget(experiment, FACTS, spec.budget, budget_flops)
    known: dict[str, Any] = {
        "run_id": f"{spec.name}-t{trial:04d}-s{seed}",
        "sweep": spec.name,
        "trial": trial,
        "seed": seed,
        "baseline": baseline,
        "settings": settings,
        "fingerprint": f"{trial:064x}",
        "budget_flops": budget_flops,
        "account": "matmul",
    }
    if isinstance(matched, Problem):
        left_open = experiment.model_dump(mode="json")
        return Record(**known, state="infeasible", reason=matched.message, spec=left_open), []
    share = {"complete": 1.0, "pruned": 0.4, "failed": 0.65}[fate]
    curve = _curve(matched, trial, seed, share, evaluations)
    return _record(known, matched, curve, fate), curve


def _compose(spec: SweepSpec, nested: Mapping[str, Any], baseline: str | None) -> ExperimentSpec:
    written = spec.experiment.model_dump(mode="json", exclude_unset=True)
    model = nested["model"] if baseline else written["model"] | nested["model"]
    merged = written | {"model": model, "training": written["training"] | nested["training"]}
    return ExperimentSpec.model_validate(merged)


def _record(known: dict[str, Any], matched: Matched, curve: list[Measurement], fate: str) -> Record:
    last, model = curve[-1], matched.experiment.model
    reasons = {
        "complete": "",
        "pruned": f"median pruner at {last.step} of {matched.steps.total} steps",
        "failed": f"the loss became NaN at step {last.step}",
    }
    best = min(curve, key=lambda measurement: measurement.val_nll)
    return Record(
        **known,
        state=fate,  # type: ignore[arg-type]
        reason=reasons[fate],
        spec=matched.experiment.model_dump(mode="json"),
        n_params=n_params(model, FACTS.vocabulary_size, "all"),
        n_params_non_embedding=n_params_non_embedding(model, FACTS.vocabulary_size, "all"),
        train_flops=last.train_flops,
        evaluation_flops=last.train_flops["matmul"] // 5,
        steps=last.step,
        epochs=last.epochs,
        epochs_asked=matched.epochs_asked,
        train_nll=last.train_nll,
        val_nll=best.val_nll,
        test_nll=best.val_nll + 0.03 if fate == "complete" else None,
        best_step=best.step,
        wall_seconds=last.wall_seconds,
        started_at="2025-07-02T07:00:00Z",
        finished_at="2025-07-02T07:00:12Z",
        provenance=PROVENANCE,
    )


def _curve(matched: Matched, trial: int, seed: int, share: float, evaluations: int) -> list[Measurement]:
    """A power law towards a floor that depends on the shape, with a little noise from the seed."""
    noise = random.Random(f"{trial}/{seed}")
    floor, luck = _floor(matched.experiment) + noise.gauss(0, 0.012), noise.gauss(0, 0.01)
    total = matched.steps.total
    steps = sorted({max(1, round(total * share * index / evaluations)) for index in range(1, evaluations + 1)})
    curve = []
    for step in steps:
        done = step / total
        nll = floor + (0.12 + luck) * done**-0.62 + noise.gauss(0, 0.004)
        curve.append(
            Measurement(
                step=step,
                epochs=matched.steps.epochs_after(step),
                train_flops=flops_after(matched.experiment, FACTS, matched.steps, step).by_name(),
                train_nll=nll - 0.05,
                val_nll=min(nll, 4.6),
                learning_rate=3e-4,
                wall_seconds=9 * done,
            )
        )
    return curve


def _floor(experiment: ExperimentSpec) -> float:
    model = experiment.model
    rate = abs(math.log(experiment.training.learning_rate / 1e-3))
    base = {"linear": 2.5, "mlp": 2.35, "attention": 2.05, "transformer": 1.95}[model.kind]
    depth = getattr(model, "depth", 1)
    shape = 0.05 * (math.log2(depth) - 1.6) ** 2 + 0.03 * (math.log2(model.context) - 6.5) ** 2
    heads = 0.02 * abs(math.log2(getattr(model, "heads", 1)) - 2)
    return base + (shape + heads if model.kind == "transformer" else 0) + 0.05 * rate
