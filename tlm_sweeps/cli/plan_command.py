"""`plan`: what a sweep would cost, setting by setting. Trains nothing of it, and loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlm_sweeps.cli.options import DataDir, Json, Sets, Spec, Workers, workers_of
from tlm_sweeps.search.remote_asking import number_of

if TYPE_CHECKING:
    from tlm_sweeps.compute.calibration import Calibration
    from tlm_sweeps.compute.forecast import Forecast
    from tlm_sweeps.compute.planning import PlannedTrial, SweepPlan
    from tlm_sweeps.compute.rates import Precision
    from tlm_sweeps.spec.sweep import SweepSpec
    from tlm_sweeps.training.calibration import Found


def plan(
    spec: Spec,
    sets: Sets = None,
    data_dir: DataDir = None,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", min=1, help="Settings to draw from an infinite or huge space.")
    ] = 50,
    workers: Workers = "auto",
    *,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Time this machine first, for about 20 s, and keep what it says.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what every setting would cost. Trains nothing.

    Each setting of the space gets a verdict, its parameters, FLOPs in three accounts, steps, memory and predicted time.
    Times are those of a typical core until `--calibrate` has timed this machine.
    """
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.compute.calibration import machine_of, precisions_of
    from tlm_sweeps.compute.crew import crew_for
    from tlm_sweeps.compute.forecast import forecast
    from tlm_sweeps.compute.machine import this_machine
    from tlm_sweeps.compute.planning import plan_sweep
    from tlm_sweeps.console.plan_view import plan_view
    from tlm_sweeps.console.streams import out, show, write_json
    from tlm_sweeps.corpora.texts import facts_reader
    from tlm_sweeps.spec.loading import load_sweep
    from tlm_sweeps.training.calibration import Found, kept

    loaded, granted = load_sweep(spec, sets or ()), this_machine()
    precisions, facts_of = precisions_of(loaded.spec), facts_reader(data_dir)
    with located(loaded):
        crew = crew_for(loaded.spec, facts_of, granted, asked=number_of(workers_of(workers)))
        if calibrate:
            plan_sweep(loaded.spec, facts_of, sample=1)  # what is wrong with the spec is said before the wait
            found = Found(_calibrated(precisions, crew.workers))
        else:
            found = kept(precisions)
        machine = machine_of(found.calibrations) if found.calibrations else None
        planned = plan_sweep(loaded.spec, facts_of, sample=sample, machine=machine)
    whole = forecast(loaded.spec, planned, crew.workers, machine, cores=granted.cores.amount)
    if json:
        write_json(plan_facts(loaded.spec, planned, whole, found))
    else:
        show(plan_view(loaded.spec, planned, whole, found, out(), note=crew.note))


def _calibrated(precisions: tuple[Precision, ...], workers: int) -> tuple[Calibration, ...]:
    from tlm_sweeps.console.calibration_view import calibrating
    from tlm_sweeps.training.calibration import calibrate, keep

    made = tuple(calibrating(calibrate(precision, workers), precision) for precision in precisions)
    for each in made:
        keep(each)
    return made


def plan_facts(spec: SweepSpec, plan: SweepPlan, forecast: Forecast | None, found: Found) -> dict[str, Any]:
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
        "calibrations": [
            {
                "precision": each.origin.precision,
                "made_at": each.made_at,
                "workers": each.workers,
                "others_share": each.others_share,
            }
            for each in found.calibrations
        ],
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
