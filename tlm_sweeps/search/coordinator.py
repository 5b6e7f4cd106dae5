"""The coordinator: the only writer of a sweep's ledger. It proposes, leases, hears and settles.

Everything it knows is in the ledger before anybody acts on it, so it can stop anywhere and be started again.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import assert_never

from tlm_sweeps.compute.planning import FactsOf, PlannedTrial, seeds_of
from tlm_sweeps.compute.stacking import stack_key
from tlm_sweeps.runs.ledger import Ledger, Proposal
from tlm_sweeps.runs.planned import planned_record, planned_runs
from tlm_sweeps.runs.record import Provenance, Record
from tlm_sweeps.search.affording import keep_unbegun, unbegun_in
from tlm_sweeps.search.crash_loops import CrashLoop
from tlm_sweeps.search.deaths import RETRIES, ensure_workers_start, gives_up, goes_on
from tlm_sweeps.search.in_flight import InFlight, order_for
from tlm_sweeps.search.messages import (
    Advanced,
    Checkpointed,
    Complained,
    Ended,
    GoOn,
    Measured,
    Pause,
    Probed,
    Prune,
    StackOrder,
    Stop,
    TakenUp,
    Told,
)
from tlm_sweeps.search.origins import Origins
from tlm_sweeps.search.outside import Outside
from tlm_sweeps.search.pool import Died, Heard, Pool
from tlm_sweeps.search.progress import SweepProgress, picture
from tlm_sweeps.search.proposals import Proposals
from tlm_sweeps.search.proposing import Proposer
from tlm_sweeps.search.roster import Roster
from tlm_sweeps.search.spending import Spending, expected_flops
from tlm_sweeps.search.stacking import ALONE, Stacking, alike
from tlm_sweeps.search.trials import is_over
from tlm_sweeps.spec.sweep import SweepSpec

_TICK_SECONDS = 0.25
_PAUSE_SECONDS = 30.0
_TELLING_SECONDS = 10.0
"""More than a tracker's last words take."""


class Coordinator:
    """One sweep under way."""

    def __init__(
        self,
        spec: SweepSpec,
        ledger: Ledger,
        pool: Pool,
        facts_of: FactsOf,
        provenance: Provenance,
        fingerprint: str,
        devices: Sequence[str] = ("cpu",),
        stacking: Stacking = ALONE,
        proposals: Proposals | None = None,
        retries: int = RETRIES,
        pool_flops: int | None = None,
    ) -> None:
        """Take up the sweep where its ledger says it stands.

        Args:
            spec: its precision settled.
            ledger: open for writing.
            pool: the workers.
            facts_of: reads a corpus's facts.
            provenance: of all runs.
            fingerprint: which sweep it is; see `spec.identity`.
            devices: where workers compute, in turn.
            stacking: how many runs of one shape a worker trains as one.
            proposals: where trials come from; by default Optuna proposes them.
            retries: how often a run whose worker died is gone on with from its checkpoint before it has failed.
            pool_flops: what a total that it shares with other sweeps has for it; by default its total is its own.
        """
        self._spec = spec
        self._ledger = ledger
        self._pool = pool
        self._facts_of = facts_of
        self._provenance = provenance
        self._fingerprint = fingerprint
        self._devices = devices
        self._stacking = stacking
        self._retries = retries
        self._runs = Roster(ledger.records())
        self._proposer: Proposals = proposals or Proposer(spec, facts_of, ledger, self._runs)
        self._spending = Spending(spec, facts_of, ledger.proposals(), pool_flops)
        self._origins = Origins(ledger.folder.parent, facts_of)
        self._in_flight: dict[str, InFlight] = {}
        self._news: list[Record] = []
        self._outside = Outside()
        self._crashes = CrashLoop(ledger.folder)
        self._begun = time.monotonic()
        self._recover()
        self._spent_before = ledger.spent_flops()

    def run(self) -> Generator[SweepProgress]:
        """Train until nothing is left to try; a picture of the sweep every moment.

        Raises:
            RunError: no worker starts (any more), or everything crashes.
        """
        try:
            while self._assign() or self._in_flight or not self._pool.present():
                for worker, report in self._pool.wait(_TICK_SECONDS):
                    self._hear(worker, report)
                self._outside.ensure_files_are_kept(self._ledger.folder)
                yield self._picture()
                self._crashes.ensure_none()
            self._hear_out()
            keep_unbegun(self._ledger, self._proposer.unbegun(self._left()))
            yield self._picture()
        finally:
            self._pause()

    def stop(self, reason: str) -> None:
        """End every run for good, as pruned: those in flight as soon as their workers hear of it."""
        for run in self._in_flight.values():
            self._pool.send(run.worker, Stop(run_id=run.record.run_id, reason=reason))
        for record in tuple(self._waiting_runs(every=True)):
            begun = self._ledger.checkpoint_step(record.run_id)
            ending = {
                "state": "pruned",
                "reason": reason,
                "train_flops": self._spending.flops_by(record, begun).by_name(),
            }
            self._close_trial(self._end_waiting(record, ending, self._spending.by(record, begun)))

    # --- who trains what

    def _assign(self) -> bool:
        """Give every idle worker a run, or as many as it can train as one; whether there was one to give."""
        given = False
        busy = {run.worker for run in self._in_flight.values()}
        for worker in sorted(set(self._pool.present()) - busy):
            while (record := self._next_run()) is not None:
                leased = [run for each in self._stackable(record) if (run := self._lease(worker, each)) is not None]
                if leased:
                    self._send(worker, leased)
                    given = True
                    break
        return given

    def _next_run(self) -> Record | None:
        """A waiting run, or the first of a new trial."""
        while (record := next(self._waiting_runs(), None)) is None:
            if not self._propose():
                return None
        return record

    def _propose(self) -> bool:
        """Take a new setting up, whatever its verdict; False when there is none."""
        if (proposed := self._proposer.next(self._left())) is not None:
            self._keep(*proposed)
        return proposed is not None

    def _left(self) -> int | None:
        return self._spending.left(self._ledger.spent_flops(), self._runs.unfinished())

    def _stackable(self, first: Record) -> list[Record]:
        """A run and those that can be trained with it as one: other seeds, and learning rates, of its shape."""
        most = self._stacking.most(self._spending.plan(first.trial))
        more = self._propose if self._proposer.foresees else None
        return alike(first, self._waiting_runs, self._stack_key, most, more)

    def _stack_key(self, record: Record) -> tuple[str, int] | None:
        """What runs must have in common to be trained as one: their shape, and the step they go on from."""
        matched = self._spending.plan(record.trial).matched
        facts = self._facts_of(matched.experiment) if matched else None
        key = stack_key(matched.experiment, matched.steps, facts) if matched and facts else None
        return None if key is None else (key, self._ledger.checkpoint_step(record.run_id))

    def _waiting_runs(self, *, every: bool = False) -> Iterator[Record]:
        """Runs whose turn it is, in order: a trial's other seeds wait until its first one has been judged."""
        for records in self._runs.unfinished():
            first = records[0]
            for record in records:
                is_its_turn = record is first or not self._is_judged(first) or first.state == "complete"
                if record.state == "waiting" and (is_its_turn or every):
                    yield record

    def _keep(self, proposal: Proposal, planned: PlannedTrial) -> None:
        records: tuple[Record, ...] = ()
        name = self._proposer.name_of(proposal)
        if proposal.verdict == "trial":
            seeds = seeds_of(self._spec)
            records = planned_runs(self._spec, proposal, planned, seeds, self._facts_of, self._provenance, name)
            records = self._origins.begun_from(records, planned)
        elif proposal.verdict == "infeasible":
            first = seeds_of(self._spec)[0]
            records = (planned_record(self._spec, proposal, planned, first, self._provenance, name),)
        self._ledger.propose(proposal, records)
        for each in records:
            self._runs.put(each)
        self._spending.add(proposal, planned)
        lost = [record for record in records if record.state == "infeasible"]
        self._news += lost
        if proposal.verdict == "trial" and lost:
            self._close_trial(lost[0])

    def _lease(self, worker: int, record: Record) -> InFlight | None:
        """Lease a run to a worker; None when the pool cannot hold it any more, which ends it."""
        origin = self._provenance.on(self._pool.processor_of(worker))
        lease = self._ledger.start(record.run_id, self._spending.whole(record), self._spending.total, _now(), origin)
        begun = self._ledger.checkpoint_step(record.run_id)
        if lease is None:
            ending: dict[str, object] = {"state": "infeasible", "reason": "the sweep's total is spent"}
            if begun:
                ending |= {"state": "failed", "train_flops": self._spending.flops_by(record, begun).by_name()}
            self._close_trial(self._end_waiting(record, ending, self._spending.by(record, begun)))
            return None
        record = self._ledger.record(record.run_id)
        self._runs.put(record)
        run = InFlight(worker, lease, record, begun, time.monotonic(), begun)
        self._in_flight[record.run_id] = run
        return run

    def _send(self, worker: int, runs: list[InFlight]) -> None:
        orders = tuple(
            order_for(
                run,
                self._spending.plan(run.record.trial),
                self._ledger,
                device=self._devices[worker % len(self._devices)],
                judged=self._is_judged(run.record),
                account=self._spending.account,
                sweep_fingerprint=self._fingerprint,
                tracking=self._spec.tracking,
                place=self._proposer.place_of(run.record),
            )
            for run in runs
        )
        self._pool.send(worker, orders[0] if len(orders) == 1 else StackOrder(orders=orders))

    # --- what the workers say

    def _hear(self, worker: int, report: Heard) -> None:
        if isinstance(report, Died):
            self._lost_worker(worker, report)
            return
        if isinstance(report, Probed):
            return  # the question has been settled without it
        if isinstance(report, Complained | Told):
            self._outside.hear(report)
            return
        run = self._in_flight.get(report.run_id)
        if run is None or (run.worker, run.lease.token) != (worker, report.lease):
            return  # of a lease that has ended
        match report:
            case TakenUp():
                self._taken_up(run, report)
            case Advanced():
                run.step, run.share = report.step, report.step / self._spending.steps_of(run.record)
                self._claim(run)
            case Measured():
                self._measured(run, report)
            case Checkpointed():
                self._ledger.checkpoint(run.lease, report.step, report.name, report.sha256)
            case Ended():
                del self._in_flight[report.run_id]
                self._ended(run, report)
            case never:
                assert_never(never)

    def _lost_worker(self, worker: int, died: Died) -> None:
        self._outside.died(worker)
        for run in self._of_worker(worker):  # none, where it died idle: it has been replaced already
            del self._in_flight[run.record.run_id]
            if not died.false_starts:
                self._retry(run, died)
                continue
            self._release(run.record)
            ensure_workers_start(died)

    def _hear_out(self) -> None:
        """Wait, though not for long, until the workers have told W&B of the last ends."""
        patience = time.monotonic() + _TELLING_SECONDS
        while self._outside.is_outstanding and time.monotonic() < patience:
            for worker, report in self._pool.wait(_TICK_SECONDS):
                self._hear(worker, report)

    def _of_worker(self, worker: int) -> list[InFlight]:
        return [run for run in self._in_flight.values() if run.worker == worker]

    def _retry(self, run: InFlight, died: Died) -> None:
        """Put a run back in line, to go on from its checkpoint; after a death too many it has failed."""
        record, begun = run.record, self._ledger.checkpoint_step(run.record.run_id)
        death = self._ledger.bury(run.lease, run.step, died.how, _now(), self._unsaved(run))
        self._runs.put(record.model_copy(update={"state": "waiting"}))
        if death <= self._retries:
            self._outside.lost(goes_on(record.run_id, died, begun, death, self._retries))
            return
        spent = self._spending.flops_by(record, run.step).by_name()
        ending = {"state": "failed", "reason": gives_up(died, death), "train_flops": spent}
        self._close_trial(self._end_waiting(record, ending, self._spending.by(record, begun)))

    def _taken_up(self, run: InFlight, report: TakenUp) -> None:
        """Where the run really begins: before its newest checkpoint when that one was damaged."""
        if report.step < run.step:
            lost = self._spending.by(run.record, run.step) - self._spending.by(run.record, report.step)
            self._ledger.fall_back(run.lease, report.step, lost)
        run.step = run.timed_step = report.step
        run.timed_at = time.monotonic()

    def _claim(self, run: InFlight) -> None:
        """Tell the ledger now and then how far the run may be until it is told again: if all dies, that is charged."""
        if (step := run.step_to_claim(time.monotonic())) is not None:
            claimed = self._spending.by(run.record, min(step, self._spending.steps_of(run.record)))
            self._ledger.claim(run.lease, claimed)

    def _measured(self, run: InFlight, report: Measured) -> None:
        run.share, run.val_nll = report.share, report.measurement.val_nll
        run.step = report.measurement.step
        if not self._ledger.report(run.lease, report.share, report.measurement) or not self._is_judged(run.record):
            return
        is_last = report.share >= 1
        prune = self._proposer.report(self._spending.proposal(run.record.trial), report.share, report.measurement)
        verdict = Prune if prune and not is_last else GoOn
        self._pool.send(run.worker, verdict(run_id=run.record.run_id))

    def _ended(self, run: InFlight, report: Ended) -> None:
        if self._spec.tracking.wandb != "off":
            self._outside.ended(report.run_id, run.worker)
        if report.state == "paused":
            self._outside.put_down(report.reason)
            self._release(run.record, self._unsaved(run))
            return
        spent = {"train_flops": report.train_flops} if report.train_flops else {}
        fields: dict[str, object] = {"state": report.state, "reason": report.reason, **report.results, **spent}
        self._settle(
            run, fields, report.train_flops.get(self._spending.account, self._spending.by(run.record, run.step))
        )

    def _settle(self, run: InFlight, fields: Mapping[str, object], charged: int) -> None:
        record = Record.model_validate(run.record.model_dump() | dict(fields) | {"finished_at": _now()})
        if self._ledger.settle(run.lease, record, charged):
            self._runs.put(record)
            self._crashes.hear(record)
            self._news.append(record)
            self._close_trial(record)

    def _close_trial(self, record: Record) -> None:
        """When a judged first run did not complete, its siblings are not trained; tell the engine when all is over."""
        records = self._runs.of_trial(record.trial)
        if self._is_judged(record) and record.state != "complete":
            ending = {"state": record.state, "reason": f"its first seed, {record.seed}: {record.state}"}
            for sibling in records[1:]:
                if sibling.state == "waiting":
                    self._end_waiting(sibling, ending, charged=0)
            records = self._runs.of_trial(record.trial)
        if is_over(records):
            self._proposer.tell(self._spending.proposal(record.trial), records)
            self._spending.forget(record.trial)

    def _end_waiting(self, record: Record, fields: Mapping[str, object], charged: int) -> Record:
        ended = record.model_copy(update={**fields, "finished_at": _now()})
        self._ledger.end_waiting(ended, charged)
        self._runs.put(ended)
        self._crashes.hear(ended)
        self._news.append(ended)
        return ended

    # --- stopping and starting again

    def _pause(self) -> None:
        """Ask for a checkpoint of every run in flight, and put the runs down."""
        for worker in {run.worker for run in self._in_flight.values()}:
            self._pool.send(worker, Pause())
        patience = time.monotonic() + _PAUSE_SECONDS
        while self._in_flight and time.monotonic() < patience:
            for worker, report in self._pool.wait(_TICK_SECONDS):
                if not isinstance(report, Died):
                    self._hear(worker, report)
                    continue
                for run in self._of_worker(worker):
                    del self._in_flight[run.record.run_id]
                    self._release(run.record, self._unsaved(run))

    def _recover(self) -> None:
        """Finish what an earlier coordinator was in the midst of when it died.

        Runs in flight wait again, from their checkpoints; trials whose first seed had just been stopped are closed.
        """
        for records in tuple(self._runs.unfinished()):
            for record in records:
                if record.state == "running":
                    self._release(record, self._lost(record))
        for records in tuple(self._runs.unfinished()):
            stopped = records[0].state in ("pruned", "failed", "infeasible")
            if stopped and self._is_judged(records[0]):
                self._close_trial(records[0])

    def _release(self, record: Record, lost: int = 0) -> None:
        self._ledger.release(record.run_id, lost)
        self._runs.put(record.model_copy(update={"state": "waiting"}))

    def _lost(self, record: Record) -> int:
        """FLOPs that a run may have spent after its newest checkpoint when everything died."""
        measured = self._ledger.measurements(record.run_id)
        known = self._spending.by(record, measured[-1][1].step if measured else 0)
        return self._beyond_checkpoint(record, max(self._ledger.claimed(record.run_id), known))

    def _unsaved(self, run: InFlight) -> int:
        """FLOPs that a run has spent since its newest checkpoint, as far as its worker told."""
        return self._beyond_checkpoint(run.record, self._spending.by(run.record, run.step))

    def _beyond_checkpoint(self, record: Record, spent: int) -> int:
        return max(0, spent - self._spending.by(record, self._ledger.checkpoint_step(record.run_id)))

    def _is_judged(self, record: Record) -> bool:
        """Whether a pruner watches this run: the first seed of a searched trial."""
        first = record.seed == seeds_of(self._spec)[0]
        return self._spec.engine.pruner != "none" and first and record.baseline is None

    def _picture(self) -> SweepProgress:
        news, self._news = tuple(self._news), []
        elapsed, wanted = time.monotonic() - self._begun, self._proposer.trials_wanted()
        running = sorted(self._in_flight.values(), key=lambda each: each.worker)
        spent = self._ledger.spent_flops() + sum(self._spending.by(run.record, run.step) for run in running)
        return picture(
            self._spec,
            self._runs,
            running=tuple(each.as_seen() for each in running),
            trials_wanted=wanted,
            expected_flops=expected_flops(self._spec, self._ledger, self._runs, wanted),
            spent_flops=spent,
            flops_per_second=(spent - self._spent_before) / elapsed if elapsed > 0 else 0.0,
            elapsed_seconds=elapsed,
            news=news,
            complaints=self._outside.complaints(),
            untold=self._outside.untold,
            pool=self._spending.total,
            unbegun=unbegun_in(self._ledger),
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
