"""`plan`: what a sweep would cost, setting by setting. Trains nothing of it, and loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlm_sweeps.cli.options import DataDir, Json, Sets, Spec, Workers, workers_of
from tlm_sweeps.search.remote_asking import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlm_sweeps.compute.calibration import Calibration
    from tlm_sweeps.compute.crew import Crew
    from tlm_sweeps.compute.forecast import Forecast
    from tlm_sweeps.compute.planning import FactsOf, PlannedTrial, SweepPlan
    from tlm_sweeps.compute.rates import Precision
    from tlm_sweeps.console.chain_view import PlannedSweep
    from tlm_sweeps.report.scaling.foretelling import ForetoldTrial
    from tlm_sweeps.scaling.document import FitDocument
    from tlm_sweeps.spec.loading import LoadedSweep
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
    from_fit: Annotated[
        Path | None,
        typer.Option("--from-fit", metavar="FILE", help="What `fit --json` wrote: foretell each setting's loss."),
    ] = None,
    *,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Time this machine first, for about 20 s, and keep what it says.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what every setting would cost. Trains nothing.

    Each setting of the space gets a verdict, its parameters, FLOPs in three accounts, steps, memory and predicted time.
    Times are those of a typical core until `--calibrate` has timed this machine. Sweeps that `after` names are planned
    too, and shown as a whole. `--from-fit` adds what a scaling law says each setting will reach.
    """
    from tlm_sweeps.compute.calibration import precisions_of
    from tlm_sweeps.console.chain_view import chain_view, seeds_line
    from tlm_sweeps.console.plan_view import plan_view
    from tlm_sweeps.console.streams import out, say, show, write_json
    from tlm_sweeps.corpora.texts import facts_reader
    from tlm_sweeps.spec.loading import load_sweep
    from tlm_sweeps.training.calibration import Found, kept

    loaded, facts_of = load_sweep(spec, sets or ()), facts_reader(data_dir)
    members = (*loaded.links, loaded)
    for line in seeds_line(loaded):
        say(line)
    computed_in: dict[Precision, None] = {each: None for member in members for each in precisions_of(member.spec)}
    precisions = tuple(computed_in)
    if calibrate:
        for each in members:  # what is wrong with the specs is said before the wait
            _planned(each, facts_of, kept(()), sample=1, workers=workers)
        crew = _crew(loaded, facts_of, workers)
        found = Found(_calibrated(precisions, crew.workers))
    else:
        found = kept(precisions)
    planned = [_planned(each, facts_of, found, sample=sample, workers=workers) for each in members]
    last = planned[-1]
    told = None if from_fit is None else _told(from_fit, last.plan, facts_of)
    if json:
        facts = [plan_facts(each.spec, each.plan, each.forecast, found) for each in planned]
        write_json(facts[-1] | chain_facts(planned, facts) | (_told_facts(told) if told else {}))
        return
    show(plan_view(last.spec, last.plan, last.forecast, found, out(), note=last.note))
    if len(planned) > 1 or last.origins:
        show(chain_view(planned))
    if told:
        from tlm_sweeps.console.fit_view import foretold_view

        show(foretold_view(*told, out()))


def _told(path: Path, plan: SweepPlan, facts_of: FactsOf) -> tuple[FitDocument, list[ForetoldTrial]]:
    """What the law of a fit says of a plan."""
    from tlm_sweeps.report.scaling.foretelling import foretold, read_fit

    found = read_fit(path)
    return found, foretold(found, plan.trials, facts_of)


def _told_facts(told: tuple[FitDocument, list[ForetoldTrial]]) -> dict[str, Any]:
    """The same for programs."""
    found, trials = told
    foretold = [
        {
            "settings": each.trial.settings,
            "budget_flops": each.trial.budget_flops,
            "n_params": each.n_params,
            "n_tokens": each.n_tokens,
            "predicted_nll": each.prediction.nll,
            "interval": each.prediction.interval,
        }
        for each in trials
    ]
    return {"fit_sources": list(found.basis.sources), "foretold": foretold}


def _planned(loaded: LoadedSweep, facts_of: FactsOf, found: Found, *, sample: int, workers: str) -> PlannedSweep:
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.compute.calibration import machine_of
    from tlm_sweeps.compute.forecast import forecast
    from tlm_sweeps.compute.machine import this_machine
    from tlm_sweeps.compute.planning import plan_sweep
    from tlm_sweeps.console.chain_view import PlannedSweep
    from tlm_sweeps.spec.chaining import origins_named

    spec, crew = loaded.spec, _crew(loaded, facts_of, workers)
    machine = machine_of(found.calibrations) if found.calibrations else None
    with located(loaded):
        planned = plan_sweep(spec, facts_of, sample=sample, machine=machine)
        _ensure_resolvable(loaded, facts_of)
    whole = forecast(spec, planned, crew.workers, machine, cores=this_machine().cores.amount)
    first = {link.spec.name for link in loaded.links}
    origins = {name: name in first for name in origins_named(spec)}
    return PlannedSweep(spec, planned, whole, origins, crew.note)


def _crew(loaded: LoadedSweep, facts_of: FactsOf, workers: str) -> Crew:
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.compute.crew import crew_for
    from tlm_sweeps.compute.machine import this_machine

    with located(loaded):
        return crew_for(loaded.spec, facts_of, this_machine(), asked=number_of(workers_of(workers)))


def _ensure_resolvable(loaded: LoadedSweep, facts_of: FactsOf) -> None:
    """Refuse what no run of the sweeps before it will have weights for. Of others a plan knows nothing."""
    from tlm_sweeps.runs.folders import runs_folder
    from tlm_sweeps.search.resolving import ensure_resolved
    from tlm_sweeps.spec.chaining import origins_named

    before = [link.spec for link in loaded.links]
    if {*origins_named(loaded.spec)} <= {each.name for each in before}:
        files = {link.spec.name: link.source for link in loaded.links}
        ensure_resolved(loaded.spec, runs_folder() / loaded.spec.name, facts_of, before, files)


def chain_facts(planned: Sequence[PlannedSweep], facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a plan says of more than its own sweep, for programs."""
    from tlm_sweeps.console.chain_view import together

    whole = together(planned)
    return {
        "starts_from": [{"sweep": name, "trained_first": first} for name, first in planned[-1].origins.items()],
        "after": list(facts[:-1]),
        "together": whole and vars(whole),
    }


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
