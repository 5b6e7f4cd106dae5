"""How a sweep stands according to its ledger alone: for those who look on, whether or not it is running."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.compute.planning import trials_wanted
from tlm_sweeps.errors import RunError
from tlm_sweeps.runs.ledger import Death, Ledger, reading
from tlm_sweeps.runs.ledger_lock import Writer, writer_of
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.affording import unbegun_in
from tlm_sweeps.search.pooling import total_in
from tlm_sweeps.search.progress import RunningRun, SweepProgress
from tlm_sweeps.search.roster import Roster
from tlm_sweeps.search.spending import expected_flops
from tlm_sweeps.spec.sweep import Account, SweepSpec


@dataclass(frozen=True)
class SweepStatus:
    """A sweep as its ledger has it, and who is writing there."""

    spec: SweepSpec
    progress: SweepProgress
    records: tuple[Record, ...]
    created_at: str
    """When the sweep began, UTC, ISO 8601."""
    writer: Writer | None
    deaths: tuple[Death, ...] = ()
    """Workers that died while they trained a run."""

    @property
    def is_unfinished(self) -> bool:
        """Whether there are runs still to be trained."""
        return bool(self.progress.states.get("waiting") or self.progress.states.get("running"))


def read_status(folder: Path) -> SweepStatus:
    """Look at a sweep without getting in its way.

    Raises:
        InputError: when there is no such sweep.
    """
    with reading(folder) as ledger:
        spec, records = kept_spec(ledger), ledger.records()
        return SweepStatus(
            spec=spec,
            progress=standing(spec, ledger, records),
            records=records,
            created_at=ledger.meta("created_at") or "",
            writer=writer_of(folder),
            deaths=ledger.deaths(),
        )


def kept_spec(ledger: Ledger) -> SweepSpec:
    """The spec that a ledger was begun with."""
    kept = ledger.meta("spec")
    if kept is None:
        raise RunError(
            f"sweep `{ledger.folder.name}` was begun but holds no spec yet", hint="start it again with its command"
        )
    return SweepSpec.model_validate_json(kept)


def standing(spec: SweepSpec, ledger: Ledger, records: tuple[Record, ...]) -> SweepProgress:
    """The sweep as it was last written down; what running runs spent since their last evaluation is not in it.

    Args:
        spec: the sweep's own, from its ledger.
        ledger: open to read.
        records: all that it holds.
    """
    runs = Roster(records)
    wanted = trials_wanted(spec, ledger.unusable_proposals())
    account: Account = spec.budget.account if spec.budget else "matmul"
    running = [(record, ledger.measurements(record.run_id)) for record in records if record.state == "running"]
    waiting = [record.run_id for record in records if record.state == "waiting"]
    in_flight = sum(measured[-1][1].train_flops[account] for _, measured in running if measured)
    put_down = sum(_kept_flops(ledger, run_id, account) for run_id in waiting)
    total = total_in(ledger, spec)
    return SweepProgress(
        sweep=spec.name,
        trials_over=runs.trials_over,
        trials_wanted=wanted,
        running=tuple(
            RunningRun(
                run_id=record.run_id,
                trial=record.trial,
                settings=record.settings,
                baseline=record.baseline,
                seed=record.seed,
                share=measured[-1][0] if measured else 0.0,
                val_nll=measured[-1][1].val_nll if measured else None,
            )
            for record, measured in running
        ),
        best=runs.best,
        spent_flops=ledger.spent_flops() + in_flight + put_down,
        total_flops=total or expected_flops(spec, ledger, runs, wanted),
        states=runs.states,
        elapsed_seconds=0.0,
        remaining_seconds=None,
        news=(),
        unbegun=unbegun_in(ledger),
    )


def _kept_flops(ledger: Ledger, run_id: str, account: Account) -> int:
    """FLOPs of a waiting run that its checkpoint keeps, as of the evaluation before it."""
    step = ledger.checkpoint_step(run_id)
    kept = [measured.train_flops[account] for _, measured in ledger.measurements(run_id) if measured.step <= step]
    return max(kept, default=0)
