"""Sweeps whose runs are pretended: a ledger of thousands of finished trials in seconds, without any training.

Everything goes through the doors that a real sweep goes through: proposals, plans, leases, measurements, records.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.measuring import Measures
from tlm_sweeps.compute.counting import TrainFlops
from tlm_sweeps.compute.planning import FactsOf, PlannedTrial
from tlm_sweeps.runs.ledger import Ledger, Proposal
from tlm_sweeps.runs.planned import planned_record
from tlm_sweeps.runs.provenance import capture, with_corpus
from tlm_sweeps.runs.record import Measurement, Provenance, Record
from tlm_sweeps.search.proposing import Proposer
from tlm_sweeps.spec.fingerprint import canonical_json, fingerprint
from tlm_sweeps.spec.sweep import SweepSpec

NOW = "2026-01-01T00:00:00.000+00:00"
EVALUATIONS = 20
"""Of a run: one at every 5 % of its budget."""
SEARCH: dict[str, Any] = {
    "training.learning_rate": {"log_uniform": [1e-4, 1e-1]},
    "model.depth": [1, 2, 3, 4, 6],
    "model.heads": [1, 2, 4, 8],
    "model.dropout": {"uniform": [0.0, 0.5]},
}
GRID: dict[str, Any] = {
    "model.depth": [1, 2, 3, 4, 6],
    "model.heads": [1, 2, 4, 8],
    "model.context": [16, 32, 64, 128, 256],
    "model.dropout": [0.0, 0.1, 0.2, 0.3],
    "training.learning_rate": [1e-4, 2e-4, 4e-4, 1e-3, 2e-3, 4e-3, 1e-2, 2e-2, 4e-2, 1e-1],
    "training.weight_decay": [0.0, 0.003, 0.01, 0.03, 0.1],
}
"""20,000 cells: as many as are planned one by one."""


def spec_of(sampler: str, search: Mapping[str, Any] | None = None) -> SweepSpec:
    """A sweep of small transformers on the text that ships inside CPython."""
    data = {
        "name": "scale",
        "experiment": {
            "corpus": {"name": "python-docs"},
            "model": {"kind": "transformer", "width": 64, "context": 64},
            "training": {"optimizer": "adamw"},
            "evaluation": {"every": 1 / EVALUATIONS},
        },
        "search": SEARCH if search is None else search,
        "budget": {"flops": 2e12},
        "engine": {"sampler": sampler, "trials": 20_000},
    }
    return SweepSpec.model_validate_json(json.dumps(data))


def begin(ledger: Ledger, spec: SweepSpec) -> None:
    """What a sweep keeps on itself before its first proposal."""
    facts = {
        "spec": spec.model_dump_json(exclude_unset=True),
        "fingerprint": fingerprint(spec),
        "created_at": NOW,
        "argv": canonical_json(["tlm-sweeps", "sweep", "scale.yaml"]),
    }
    ledger.set_meta(facts)


class Sweep:
    """A pretended sweep, trial after trial, from wherever its ledger stands."""

    def __init__(self, spec: SweepSpec, facts_of: FactsOf, ledger: Ledger) -> None:
        """Rebuild the search, as a coordinator does."""
        self._spec, self._facts_of, self._ledger = spec, facts_of, ledger
        self._proposer = Proposer(spec, facts_of, ledger)
        self._provenance = capture(("tlm-sweeps", "sweep", "scale.yaml"))

    def trial(self) -> Measures:
        """One trial from its proposal to its record; CPU milliseconds of each step, wall time of those that commit."""
        clock = Clock()
        while True:
            found = self._proposer.next(None)
            if found is None:
                raise ValueError("the space is exhausted")
            proposal, planned = found
            if proposal.verdict == "trial":
                break
            self._ledger.propose(proposal, ())
        clock.lap("ask")
        record = self._waiting(proposal, planned)
        self._ledger.propose(proposal, (record,))
        clock.lap("propose")
        lease = self._ledger.start(record.run_id, proposal.budget_flops or 0, 10**18, NOW)
        assert lease is not None
        assert planned.matched is not None
        clock.lap("start")
        measured = measurements(planned.settings, planned.matched.steps.total, planned.matched.train_flops)
        for index, each in enumerate(measured):
            self._ledger.report(lease, (index + 1) / EVALUATIONS, each)
        clock.lap("reports")
        done = _complete(self._ledger.record(record.run_id), planned, measured[-1])
        self._ledger.settle(lease, done, planned.matched.train_flops.matmul)
        clock.lap("settle")
        self._proposer.tell(proposal, (done,))
        clock.lap("tell")
        return clock.laps

    def _waiting(self, proposal: Proposal, planned: PlannedTrial) -> Record:
        experiment = planned.matched.experiment if planned.matched else self._spec.experiment
        origin: Provenance = with_corpus(self._provenance, self._facts_of(experiment))
        return planned_record(self._spec, proposal, planned, 0, origin, f"{self._spec.name}-{proposal.number:04d}")


class Clock:
    """Laps by name, in milliseconds of the processor and of the wall."""

    def __init__(self) -> None:
        """Begin now."""
        self.laps: dict[str, float] = {}
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def lap(self, name: str) -> None:
        """What was done since the last lap."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.laps |= {f"{name}_cpu_ms": 1e3 * (cpu - self._cpu), f"{name}_wall_ms": 1e3 * (wall - self._wall)}
        self._cpu, self._wall = time.process_time(), time.perf_counter()


def pretended_nll(settings: Mapping[str, Any]) -> float:
    """A landscape in place of training: a best learning rate, depth and dropout."""
    rate, depth = math.log10(settings["training.learning_rate"]), settings["model.depth"]
    return 2 + (rate + 2.5) ** 2 / 5 + (depth - 3) ** 2 / 20 - settings["model.heads"] / 50 + settings["model.dropout"]


def measurements(settings: Mapping[str, Any], steps: int, spent: TrainFlops) -> list[Measurement]:
    """A learning curve that ends at the setting's value."""
    shares = [(index + 1) / EVALUATIONS for index in range(EVALUATIONS)]
    return [
        Measurement(
            step=max(index + 1, round(share * steps)),
            epochs=share,
            train_flops={account: round(share * flops) for account, flops in spent.by_name().items()},
            train_nll=pretended_nll(settings) + (1 / share - 1) / EVALUATIONS,
            val_nll=pretended_nll(settings) + (1 / share - 1) / EVALUATIONS,
            learning_rate=settings["training.learning_rate"],
            wall_seconds=10 * share,
        )
        for index, share in enumerate(shares)
    ]


def _complete(running: Record, planned: PlannedTrial, last: Measurement) -> Record:
    assert planned.matched is not None
    assert planned.cost is not None
    results = {
        "state": "complete",
        "train_flops": planned.matched.train_flops.by_name(),
        "evaluation_flops": planned.cost.evaluation_flops,
        "positions": planned.cost.positions,
        "targets": planned.cost.targets,
        "steps": planned.matched.steps.total,
        "epochs": last.epochs,
        "train_nll": last.train_nll,
        "val_nll": last.val_nll,
        "test_nll": last.val_nll + 0.01,
        "best_step": last.step,
        "wall_seconds": last.wall_seconds,
        "finished_at": NOW,
    }
    return running.model_copy(update=results)
