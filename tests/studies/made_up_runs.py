"""Small sweeps of which a test decides every run: settings, seeds, NLLs, states, curves. Nothing is planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.spec.sweep import SweepSpec


def made_up_sweep(
    name: str,
    *cells: tuple[Mapping[str, Any], Mapping[int, Any]],
    search: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    matmul: Mapping[int, int] | None = None,
) -> SweepResults:
    """A sweep of which the test decides every run.

    Args:
        name: the sweep's.
        cells: what the runs of a setting are, by dotted name, and the outcome of each seed: a test NLL (validation is
            0.1 more), a pair of validation and test NLL, a curve as a list of (epochs, validation NLL), or a state.
        search: the spec's.
        budget: the spec's.
        matmul: FLOPs of the runs of a cell, by its number; default 1e12 in every account.
    """
    seeds = tuple(sorted({seed for _, outcomes in cells for seed in outcomes}))
    written = {
        "name": name,
        "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "linear", "context": 32}},
        "search": dict(search or {}),
        "budget": {"flops": 1e12, **(budget or {})},
        "seeds": seeds,
    }
    records, curves = [], {}
    for number, (fields, outcomes) in enumerate(cells):
        spent = (matmul or {}).get(number, 10**12)
        for seed, outcome in outcomes.items():
            record, curve = _made_up_run(name, number, seed, fields, outcome)
            flops = {"matmul": spent, "6nd": spent, "2nd": spent}
            records.append(record.model_copy(update={"train_flops": flops}))
            curves[record.run_id] = curve
    return SweepResults(
        SweepSpec.model_validate(written), tuple(records), curves, 0, "2025-07-02T08:00:00Z", "tlm-sweeps"
    )


def _made_up_run(
    sweep: str, number: int, seed: int, fields: Mapping[str, Any], outcome: Any
) -> tuple[Record, tuple[Measurement, ...]]:
    known: dict[str, Any] = {
        "run_id": f"{sweep}-t{number:04d}-s{seed}",
        "sweep": sweep,
        "trial": number,
        "seed": seed,
        "settings": {},
        "spec": _nested({"training.precision": "fp32", "training.batch_size": 64, **fields}),
        "fingerprint": f"{number:016x}",
        "budget_flops": fields.get("budget.flops", 10**12),
    }
    match outcome:
        case str():
            return Record(**known, state=outcome), ()  # pyright: ignore[reportArgumentType] the test names a state
        case list():
            curve = tuple(_measurement(*each) for each in outcome)
            lowest = min(each.val_nll for each in curve)
            return Record(**known, state="complete", val_nll=lowest, test_nll=lowest), curve
        case (val_nll, test_nll):
            return Record(**known, state="complete", val_nll=val_nll, test_nll=test_nll), ()
        case _:
            return Record(**known, state="complete", val_nll=outcome + 0.1, test_nll=outcome), ()


def _measurement(epochs: float, val_nll: float) -> Measurement:
    spent = {"matmul": 1, "6nd": 1, "2nd": 1}
    return Measurement(
        step=round(10 * epochs),
        epochs=epochs,
        train_flops=spent,
        train_nll=1.0,
        val_nll=val_nll,
        learning_rate=1e-3,
        wall_seconds=1.0,
    )


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as sections in sections."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        *sections, last = name.split(".")
        section = found
        for part in sections:
            section = section.setdefault(part, {})
        section[last] = value
    return found
