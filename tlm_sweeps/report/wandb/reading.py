"""The results of a W&B sweep, from its runs, through W&B's public API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.wandb.told import HeldRun, measurements_of, names_of, records_of, spent_by
from tlm_sweeps.spec.carrying import carried_in
from tlm_sweeps.spec.sweep import Account
from tlm_sweeps.tracking.wandb_connecting import connected, is_unanswered, without_litter
from tlm_sweeps.tracking.wandb_paths import SweepPath, sweep_path

if TYPE_CHECKING:
    import wandb
    from wandb.apis.public import Run, Sweep

_RUNS_A_PAGE = 50
_STEPS_A_PAGE = 10_000
_AT_A_TIME = 8
"""Histories that are asked for together: each takes a few requests, one after the other."""


def sweep_results(path: str) -> SweepResults:
    """Everything that the runs of a W&B sweep have told W&B, finished or not.

    NLLs are those of the agents' own records, to the last bit, and runs are called as they call them.

    Args:
        path: `ENTITY/PROJECT/SWEEPID`, or the address of the sweep's page.

    Raises:
        InputError: when there is no such sweep, it is none of ours, or W&B cannot be asked.
    """
    where = sweep_path(path)
    with connected() as api, without_litter():
        sweep = _sweep(api, where)
        spec, page_url = carried_in(sweep.config).spec, sweep.url
        runs = api.runs(
            f"{where.entity}/{where.project}",
            filters={"sweep": where.sweep_id},
            per_page=_RUNS_A_PAGE,
            lazy=False,
        )
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            held = list(pool.map(_held, runs))
    names = names_of(held)
    account: Account = spec.budget.account if spec.budget else "matmul"
    return SweepResults(
        spec=spec,
        records=records_of(spec, held),
        curves={names[run.id]: measurements_of(run, account) for run in held},
        spent_flops=sum(spent_by(run, account) for run in held),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=f"tlm-sweeps sweep {spec.name}.yaml --engine wandb --entity {where.entity} --project {where.project}",
        page_url=page_url,
    )


def _sweep(api: wandb.Api, where: SweepPath) -> Sweep:
    """The sweep.

    Raises:
        InputError: when there is no such sweep.
    """
    from wandb.errors import CommError

    try:
        return api.sweep(str(where))
    except (CommError, ValueError) as error:
        if is_unanswered(error):
            raise
        hint = "the sweep's page has the three in its address; a private project needs a login that may see it"
        raise InputError(f"no sweep {where} at {api.settings['base_url']}", hint=hint) from None


def _held(run: Run) -> HeldRun:
    return HeldRun(
        id=run.id,
        state=run.state,
        created_at=run.created_at,
        heartbeat_at=run.heartbeat_at or "",
        config=run.config,
        summary=run.summary_metrics,
        history=list(run.scan_history(page_size=_STEPS_A_PAGE, use_cache=False)),
    )
