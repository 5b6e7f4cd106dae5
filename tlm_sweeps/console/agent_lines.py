"""What an agent of a W&B sweep does, as plain lines. Pure: what happened in, text out."""

from __future__ import annotations

from tlm_sweeps.compute.planning import budgets
from tlm_sweeps.console.wording import scored, setting_of
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.progress import SweepProgress
from tlm_sweeps.search.wandb.agent import Happened, Left, Passed, Took, Waits
from tlm_sweeps.units import format_flops


def lines_of(happened: Happened) -> list[str]:
    """What to say of it; often nothing."""
    match happened:
        case Took(run_id, trial, resumed):
            setting = setting_of(trial.planned.settings, trial.planned.baseline)
            flops, seed = trial.planned.budget_flops, trial.offer.seed
            budget = format_flops(flops) if flops and len(budgets(trial.offer.carried.spec)) > 1 else ""
            words = (
                run_id,
                setting,
                budget,
                "" if seed is None else f"seed {seed}",
                "goes on" if resumed else "begins",
            )
            return [" · ".join(word for word in words if word)]
        case Passed(run_id, why):
            return [f"{run_id} · left alone: {why}"]
        case Waits(why):
            return [why] if why else []
        case Left(why):
            return [f"done: {why}"]
        case SweepProgress():
            return [*happened.complaints, *(_ended(record) for record in happened.news)]


def _ended(record: Record) -> str:
    words = f"val {scored(record)}" if record.state == "complete" else f"{record.state}: {record.reason}"
    return f"{record.run_id} · {words}"
