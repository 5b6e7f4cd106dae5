"""The coordinator: the only writer of a sweep's ledger. It proposes, leases, hears and settles.

Everything it knows is in the ledger before anybody acts on it, so it can stop anywhere and be started again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from tlm_sweeps.compute.counting import TrainFlops
from tlm_sweeps.compute.matching import flops_after
from tlm_sweeps.compute.planning import FactsOf, PlannedTrial, plan_trial, seeds_of
from tlm_sweeps.errors import RunError
from tlm_sweeps.runs.ledger import Lease, Ledger, Proposal
from tlm_sweeps.runs.planned import planned_record
from tlm_sweeps.runs.provenance import with_corpus
from tlm_sweeps.runs.record import Provenance, Record
from tlm_sweeps.search.messages import Advanced, Checkpointed, Ended, GoOn, Measured, Pause, Prune, TakenUp, TrainOrder
from tlm_sweeps.search.pool import Died, Heard, LocalPool
from tlm_sweeps.search.progress import RunningRun, SweepProgress, picture
from tlm_sweeps.search.proposing import Proposer
from tlm_sweeps.search.trials import is_over, records_by_trial
from tlm_sweeps.spec.sweep import Account, SweepSpec

_TICK_SECONDS = 0.25
_PAUSE_SECONDS = 30.0
_CLAIM_SECONDS = 1.0
_LEAST_SECONDS = 0.05
"""Below this a speed is not worth the name."""
_MOST_FALSE_STARTS = 3
"""Workers that die before they have started, in a row, until the machine is to blame and not a run."""


@dataclass
class InFlight:
    """A run that a worker is training."""

    lease: Lease
    record: Record
    step: int
    """Optimizer steps that are known to be done."""
    timed_at: float
    """When its speed was last taken: at the last claim, or when it was taken up."""
    timed_step: int
    claimed: bool = False
    share: float = 0.0
    val_nll: float | None = None

    def as_seen(self) -> RunningRun:
        """The run as a picture shows it."""
        record = self.record
        return RunningRun(
            run_id=record.run_id,
            trial=record.trial,
            settings=record.settings,
            baseline=record.baseline,
            seed=record.seed,
            share=self.share,
            val_nll=self.val_nll,
        )


class Coordinator:
    """One sweep under way."""

    def __init__(
        self,
        spec: SweepSpec,
        ledger: Ledger,
        pool: LocalPool,
        facts_of: FactsOf,
        provenance: Provenance,
        fingerprint: str,
    ) -> None:
        """Take up the sweep where its ledger says it stands."""
        self._spec = spec
        self._ledger = ledger
        self._pool = pool
        self._facts_of = facts_of
        self._provenance = provenance
        self._fingerprint = fingerprint
        self._account: Account = spec.budget.account if spec.budget else "matmul"
        self._total = spec.budget.total if spec.budget else None
        self._proposer = Proposer(spec, facts_of, ledger)
        self._proposals = {proposal.number: proposal for proposal in ledger.proposals()}
        self._plans: dict[int, PlannedTrial] = {}
        self._in_flight: dict[int, InFlight] = {}
        self._records = {record.run_id: record for record in ledger.records()}
        self._news: list[Record] = []
        self._begun = time.monotonic()
        self._recover()
        self._spent_before = ledger.spent_flops()

    def run(self) -> Iterator[SweepProgress]:
        """Train until nothing is left to try; a picture of the sweep every moment."""
        try:
            while self._assign() or self._in_flight:
                for worker, report in self._pool.wait(_TICK_SECONDS):
                    self._hear(worker, report)
                yield self._picture()
            yield self._picture()
        finally:
            self._pause()

    # --- who trains what

    def _assign(self) -> bool:
        """Give every idle worker a run; whether there was one to give."""
        given = False
        for worker in range(len(self._pool)):
            while worker not in self._in_flight and (record := self._next_run()) is not None:
                given = self._start(worker, record) or given
        return given

    def _next_run(self) -> Record | None:
        """A waiting run, or the first of a new trial."""
        while (record := self._waiting_run()) is None:
            proposed = self._proposer.next(self._pool_left())
            if proposed is None:
                return None
            self._keep(*proposed)
        return record

    def _waiting_run(self) -> Record | None:
        for records in records_by_trial(tuple(self._records.values())).values():
            first = records[0]
            for record in records:
                is_its_turn = record is first or not self._is_judged(first) or first.state == "complete"
                if record.state == "waiting" and is_its_turn:
                    return record
        return None

    def _keep(self, proposal: Proposal, planned: PlannedTrial) -> None:
        records: tuple[Record, ...] = ()
        if proposal.verdict == "trial":
            facts = self._facts_of(planned.matched.experiment.corpus) if planned.matched else None
            origin = with_corpus(self._provenance, facts) if facts else self._provenance
            records = tuple(
                planned_record(self._spec, proposal, planned, seed, origin) for seed in seeds_of(self._spec)
            )
        elif proposal.verdict == "infeasible":
            first = seeds_of(self._spec)[0]
            records = (planned_record(self._spec, proposal, planned, first, self._provenance),)
        self._ledger.propose(proposal, records)
        self._records |= {record.run_id: record for record in records}
        self._proposals[proposal.number] = proposal
        self._plans[proposal.number] = planned
        self._news += [record for record in records if record.state == "infeasible"]

    def _start(self, worker: int, record: Record) -> bool:
        """Lease a run to a worker; False when the pool cannot hold it any more, which ends it."""
        matched, cost = self._plan(record.trial).matched, self._plan(record.trial).cost
        assert matched is not None and cost is not None  # noqa: PT018 - it was feasible when it became a run
        lease = self._ledger.start(record.run_id, matched.train_flops.of(self._account), self._total, _now())
        if lease is None:
            begun = self._ledger.checkpoint_step(record.run_id)
            ending: dict[str, object] = {"state": "infeasible", "reason": "the sweep's total is spent"}
            if begun:
                ending |= {"state": "failed", "train_flops": self._flops_by(record, begun).by_name()}
            self._close_trial(self._end_waiting(record, ending, self._spent_by(record, begun)))
            return False
        self._records[record.run_id] = record = self._ledger.record(record.run_id)
        begun = self._ledger.checkpoint_step(record.run_id)
        self._in_flight[worker] = InFlight(lease, record, begun, time.monotonic(), begun)
        self._pool.send(
            worker,
            TrainOrder(
                run_id=record.run_id,
                lease=lease.token,
                sweep=record.sweep,
                sweep_fingerprint=self._fingerprint,
                trial=record.trial,
                seed=record.seed,
                experiment=matched.experiment,
                steps=matched.steps.total,
                windows_per_epoch=matched.steps.windows_per_epoch,
                settings=record.settings,
                budget_flops=record.budget_flops,
                account=self._account,
                n_params=cost.n_params,
                folder=str((self._ledger.folder / record.run_id).resolve()),
                checkpoints=self._ledger.checkpoints(record.run_id),
                judged=self._is_judged(record),
                tracking=self._spec.tracking,
                provenance=record.provenance.model_dump(mode="json"),
            ),
        )
        return True

    # --- what the workers say

    def _hear(self, worker: int, report: Heard) -> None:
        run = self._in_flight.get(worker)
        if run is None:
            return  # a worker that died idle has been replaced already
        if not isinstance(report, Died) and (report.run_id, report.lease) != (run.lease.run_id, run.lease.token):
            return  # of a lease that has ended
        match report:
            case TakenUp():
                self._taken_up(run, report)
            case Advanced():
                run.step, run.share = report.step, report.step / self._steps_of(run.record)
                self._claim(run)
            case Measured():
                self._measured(worker, run, report)
            case Checkpointed():
                self._ledger.checkpoint(run.lease, report.step, report.name, report.sha256)
            case Ended():
                del self._in_flight[worker]
                self._ended(run, report)
            case Died():
                del self._in_flight[worker]
                self._died(run, report)
            case never:
                assert_never(never)

    def _died(self, run: InFlight, died: Died) -> None:
        if not died.false_starts:
            spent = self._flops_by(run.record, run.step)
            reason = f"its worker died: {died.how}, see {died.log.name}"
            fields = {"state": "failed", "reason": reason, "train_flops": spent.by_name()}
            self._settle(run, fields, spent.of(self._account))
            return
        self._release(run.record)
        if died.false_starts >= _MOST_FALSE_STARTS:
            hint = "the end of that file says why; the sweep can be taken up again afterwards"
            raise RunError(f"workers cannot start: {died.how}", place=str(died.log), hint=hint)

    def _taken_up(self, run: InFlight, report: TakenUp) -> None:
        """Where the run really begins: before its newest checkpoint when that one was damaged."""
        if report.step < run.step:
            lost = self._spent_by(run.record, run.step) - self._spent_by(run.record, report.step)
            self._ledger.fall_back(run.lease, report.step, lost)
        run.step = run.timed_step = report.step
        run.timed_at = time.monotonic()

    def _claim(self, run: InFlight) -> None:
        """Tell the ledger now and then how far the run may be until it is told again: if all dies, that is charged.

        At its first word, then once a second, for two seconds ahead at the speed since the last time.
        """
        elapsed = time.monotonic() - run.timed_at
        if run.claimed and elapsed < _CLAIM_SECONDS:
            return
        ahead = math.ceil(2 * _CLAIM_SECONDS * (run.step - run.timed_step) / max(elapsed, _LEAST_SECONDS))
        run.timed_at, run.timed_step, run.claimed = run.timed_at + elapsed, run.step, True
        self._ledger.claim(run.lease, self._spent_by(run.record, min(run.step + ahead, self._steps_of(run.record))))

    def _measured(self, worker: int, run: InFlight, report: Measured) -> None:
        run.share, run.val_nll = report.share, report.measurement.val_nll
        run.step = report.measurement.step
        if not self._ledger.report(run.lease, report.share, report.measurement) or not self._is_judged(run.record):
            return
        is_last = report.share >= 1
        prune = self._proposer.report(self._proposals[run.record.trial], report.share, report.measurement)
        self._pool.send(worker, Prune() if prune and not is_last else GoOn())

    def _ended(self, run: InFlight, report: Ended) -> None:
        if report.state == "paused":
            self._release(run.record)
            return
        spent = {"train_flops": report.train_flops} if report.train_flops else {}
        fields: dict[str, object] = {"state": report.state, "reason": report.reason, **report.results, **spent}
        self._settle(run, fields, report.train_flops.get(self._account, self._spent_by(run.record, run.step)))

    def _settle(self, run: InFlight, fields: Mapping[str, object], charged: int) -> None:
        record = Record.model_validate(run.record.model_dump() | dict(fields) | {"finished_at": _now()})
        if self._ledger.settle(run.lease, record, charged):
            self._records[record.run_id] = record
            self._news.append(record)
            self._close_trial(record)

    def _close_trial(self, record: Record) -> None:
        """When a judged first run did not complete, its siblings are not trained; tell the engine when all is over."""
        records = self._records_of(record.trial)
        if self._is_judged(record) and record.state != "complete":
            ending = {"state": record.state, "reason": f"its first seed, {record.seed}: {record.state}"}
            for sibling in records[1:]:
                if sibling.state == "waiting":
                    self._end_waiting(sibling, ending, charged=0)
            records = self._records_of(record.trial)
        if is_over(records):
            self._proposer.tell(self._proposals[record.trial], records)

    def _end_waiting(self, record: Record, fields: Mapping[str, object], charged: int) -> Record:
        ended = record.model_copy(update={**fields, "finished_at": _now()})
        self._ledger.end_waiting(ended, charged)
        self._records[ended.run_id] = ended
        self._news.append(ended)
        return ended

    # --- stopping and starting again

    def _pause(self) -> None:
        """Ask for a checkpoint of every run in flight, and put the runs down."""
        for worker in self._in_flight:
            self._pool.send(worker, Pause())
        patience = time.monotonic() + _PAUSE_SECONDS
        while self._in_flight and time.monotonic() < patience:
            for worker, report in self._pool.wait(_TICK_SECONDS):
                if isinstance(report, Died) and (run := self._in_flight.pop(worker, None)):
                    checkpoint = self._ledger.checkpoint_step(run.record.run_id)
                    lost = self._spent_by(run.record, run.step) - self._spent_by(run.record, checkpoint)
                    self._release(run.record, max(0, lost))
                else:
                    self._hear(worker, report)

    def _recover(self) -> None:
        """Finish what an earlier coordinator was in the midst of when it died.

        Runs in flight wait again, from their checkpoints; trials whose first seed had just been stopped are closed.
        """
        for record in tuple(self._records.values()):
            if record.state == "running":
                self._release(record, self._lost(record))
        for records in records_by_trial(tuple(self._records.values())).values():
            stopped = records[0].state in ("pruned", "failed", "infeasible") and not is_over(records)
            if stopped and self._is_judged(records[0]):
                self._close_trial(records[0])

    def _release(self, record: Record, lost: int = 0) -> None:
        self._ledger.release(record.run_id, lost)
        self._records[record.run_id] = record.model_copy(update={"state": "waiting"})

    def _lost(self, record: Record) -> int:
        """FLOPs that a run may have spent after its newest checkpoint when everything died."""
        measured = self._ledger.measurements(record.run_id)
        spent = max(
            self._ledger.claimed(record.run_id), self._spent_by(record, measured[-1][1].step if measured else 0)
        )
        return max(0, spent - self._spent_by(record, self._ledger.checkpoint_step(record.run_id)))

    # --- arithmetic

    def _plan(self, trial: int) -> PlannedTrial:
        if trial not in self._plans:
            proposal = self._proposals[trial]
            self._plans[trial] = plan_trial(self._spec, proposal.settings, self._facts_of, baseline=proposal.baseline)
        return self._plans[trial]

    def _flops_by(self, record: Record, step: int) -> TrainFlops:
        """What a run has spent after so many steps."""
        matched = self._plan(record.trial).matched
        if matched is None:
            return TrainFlops(0, 0, 0)
        return flops_after(matched.experiment, self._facts_of(matched.experiment.corpus), matched.steps, step)

    def _spent_by(self, record: Record, step: int) -> int:
        """The same in the budget's account."""
        return self._flops_by(record, step).of(self._account)

    def _steps_of(self, record: Record) -> int:
        matched = self._plan(record.trial).matched
        return matched.steps.total if matched else 1

    def _pool_left(self) -> int | None:
        """FLOPs of the total that are neither spent nor claimed by a run that waits or trains."""
        if self._total is None:
            return None
        claimed = sum(
            self._spent_by(record, self._steps_of(record))
            for record in self._records.values()
            if record.state in ("waiting", "running")
        )
        return self._total - self._ledger.spent_flops() - claimed

    def _is_judged(self, record: Record) -> bool:
        """Whether a pruner watches this run: the first seed of a searched trial."""
        first = record.seed == seeds_of(self._spec)[0]
        return self._spec.engine.pruner != "none" and first and record.baseline is None

    def _records_of(self, trial: int) -> tuple[Record, ...]:
        return tuple(record for record in self._records.values() if record.trial == trial)

    def _picture(self) -> SweepProgress:
        news, self._news = tuple(self._news), []
        elapsed = time.monotonic() - self._begun
        spent = self._ledger.spent_flops() + sum(
            self._spent_by(run.record, run.step) for run in self._in_flight.values()
        )
        return picture(
            self._spec,
            tuple(self._records.values()),
            running=tuple(each.as_seen() for _, each in sorted(self._in_flight.items())),
            trials_wanted=self._proposer.trials_wanted(),
            spent_flops=spent,
            flops_per_second=(spent - self._spent_before) / elapsed if elapsed > 0 else 0.0,
            elapsed_seconds=elapsed,
            news=news,
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
