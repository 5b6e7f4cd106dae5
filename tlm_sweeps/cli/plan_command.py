"""`plan`: what a sweep would cost, setting by setting. Spends nothing and loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlm_sweeps.cli.options import DataDir, Json, Sets, Spec, Workers, workers_of

if TYPE_CHECKING:
    from tlm_sweeps.compute.forecast import Forecast
    from tlm_sweeps.compute.planning import PlannedTrial, SweepPlan
    from tlm_sweeps.spec.sweep import SweepSpec


def plan(
    spec: Spec,
    sets: Sets = None,
    data_dir: DataDir = None,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", min=1, help="Settings to draw from an infinite or huge space.")
    ] = 50,
    workers: Workers = "auto",
    *,
    json: Json = False,
) -> None:
    """Show what every setting would cost. Trains nothing.

    Each setting of the space gets a verdict, its parameters, FLOPs in three accounts, steps, memory and predicted time.
    """
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.compute.footprint import cores
    from tlm_sweeps.compute.forecast import forecast
    from tlm_sweeps.compute.planning import plan_sweep
    from tlm_sweeps.console.plan_view import plan_view
    from tlm_sweeps.console.streams import out, show, write_json
    from tlm_sweeps.corpora.facts import facts_reader
    from tlm_sweeps.spec.loading import load_sweep

    at_a_time = workers_of(workers) or cores()
    loaded = load_sweep(spec, sets or ())
    with located(loaded):
        planned = plan_sweep(loaded.spec, facts_reader(data_dir), sample=sample)
    whole = forecast(loaded.spec, planned, at_a_time)
    if json:
        write_json(plan_facts(loaded.spec, planned, whole))
    else:
        show(plan_view(loaded.spec, planned, whole, out()))


def plan_facts(spec: SweepSpec, plan: SweepPlan, forecast: Forecast | None) -> dict[str, Any]:
    """A plan for programs."""
    account = spec.budget.account if spec.budget else "matmul"
    return {
        "sweep": spec.name,
        "whole": plan.whole,
        "seeds": list(plan.seeds),
        "account": account,
        "feasible": len(plan.feasible),
        "infeasible": len(plan.trials) - len(plan.feasible),
        "forecast": forecast and vars(forecast),
        "trials": [trial_facts(trial, account) for trial in plan.trials],
    }


def trial_facts(trial: PlannedTrial, account: str) -> dict[str, Any]:
    """One setting for programs; what an infeasible one lacks is null."""
    from tlm_sweeps.spec.models import width_of

    matched, cost = trial.matched, trial.cost
    return {
        "settings": trial.settings,
        "baseline": trial.baseline,
        "feasible": trial.feasible,
        "reason": trial.reason,
        "n_params": cost and cost.n_params,
        "n_params_non_embedding": cost and cost.n_params_non_embedding,
        "train_flops": matched and matched.train_flops.by_name(),
        "budget_flops": trial.budget_flops,
        "account": account,
        "steps": matched and matched.steps.total,
        "epochs": matched and matched.experiment.training.epochs,
        "epochs_asked": matched and matched.epochs_asked,
        "width": matched and width_of(matched.experiment.model),
        "memory_bytes": cost and cost.memory_bytes,
        "predicted_seconds": cost and cost.predicted_seconds,
    }
