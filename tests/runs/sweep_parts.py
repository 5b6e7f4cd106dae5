"""Parts of a sweep that nobody trained: ledgers and run folders as a coordinator and its workers write them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlm_sweeps.runs.ledger import Ledger, Proposal, writing
from tlm_sweeps.runs.record import Measurement, Provenance, Record, State
from tlm_sweeps.spec.sweep import SweepSpec

SPEC: dict[str, Any] = {
    "name": "parts",
    "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "mlp", "width": 8, "context": 8}},
    "search": {"model.hidden": [8, 16, 24, 32]},
    "budget": {"flops": 1000, "total": 100000},
    "engine": {"sampler": "tpe", "trials": 4},
}
FLOPS = 1000
"""Of a whole run."""
HERE = Provenance(device="cpu: one", versions={"torch": "2.13"}, commit="c")


@dataclass(frozen=True)
class Run:
    """What became of a setting with a seed in one place."""

    hidden: int
    state: State = "complete"
    val_nll: float = 2.0
    seed: int = 0
    step: int = 0
    """Of its checkpoint, where it waits."""
    day: int = 1
    """Of the month, on which it began."""
    provenance: Provenance = field(default=HERE)


def part(runs: Path, *trained: Run, **changes: Any) -> Path:
    """A runs folder with the sweep, its trials numbered in this order; other seeds of a setting follow it at once."""
    spec = SweepSpec.model_validate_json(json.dumps(SPEC | changes))
    folder = runs / spec.name
    with writing(folder) as ledger:
        ledger.set_meta({"spec": spec.model_dump_json(exclude_unset=True), "corpora": "{}", "created_at": "2026-01-01"})
        settings = list(dict.fromkeys(each.hidden for each in trained))
        for number, hidden in enumerate(settings):
            own = [each for each in trained if each.hidden == hidden]
            records = tuple(_record(spec, number, each) for each in own)
            given = {"model.hidden": hidden}
            ledger.propose(Proposal(number, FLOPS, None, given, "trial", "", f"f{hidden}", {"noted": number}), records)
            for run, record in zip(own, records, strict=True):
                _train(ledger, run, record)
    return runs


def _record(spec: SweepSpec, number: int, run: Run) -> Record:
    return Record(
        run_id=f"{spec.name}-{number:04d}-s{run.seed}",
        sweep=spec.name,
        trial=number,
        seed=run.seed,
        state="waiting",
        settings={"model.hidden": run.hidden},
        spec={"model": {"hidden": run.hidden}},
        fingerprint=f"f{run.hidden}",
        budget_flops=FLOPS,
        account="matmul",
        provenance=run.provenance,
    )


def _train(ledger: Ledger, run: Run, record: Record) -> None:
    if run.state == "waiting" and not run.step:
        return
    lease = ledger.start(record.run_id, FLOPS, None, f"2026-01-{run.day:02d}T00:00:00+00:00")
    assert lease is not None
    folder = ledger.folder / record.run_id
    folder.mkdir()
    steps = run.step or 10
    measured = _measured(steps, run.val_nll)
    (folder / "metrics.jsonl").write_text(measured.model_dump_json() + "\n")
    ledger.report(lease, steps / 10, measured)
    if run.state in ("waiting", "running"):
        for name in (f"step-{steps:09d}.json", f"step-{steps:09d}.safetensors"):
            (folder / name).write_text(f"{name} of {run}")
        ledger.checkpoint(lease, steps, f"step-{steps:09d}", "0" * 64)
        if run.state == "waiting":
            ledger.release(record.run_id)
        return
    (folder / "model.safetensors").write_text(f"weights of {run}")
    update = {
        "state": run.state,
        "val_nll": run.val_nll,
        "train_flops": {"matmul": 100 * steps},
        "finished_at": f"2026-01-{run.day:02d}T01:00:00+00:00",
    }
    ledger.settle(lease, ledger.record(record.run_id).model_copy(update=update), 100 * steps)


def _measured(step: int, val_nll: float) -> Measurement:
    return Measurement(
        step=step,
        epochs=0.1,
        train_flops={"matmul": 100 * step},
        train_nll=2.0,
        val_nll=val_nll,
        learning_rate=1e-3,
        wall_seconds=1.0,
    )
