"""Which records a name stands for: `SWEEP`, `SWEEP/TRIAL` (a trial's number or a baseline's name) or `SWEEP/RUN`."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.folders import sweep_folder
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record


def records_named(name: str, runs: Path) -> list[Record]:
    """The records that a name stands for, in any state, by trial and seed.

    Args:
        name: as above.
        runs: folder of all sweeps.

    Raises:
        InputError: there is no such sweep, run or trial.
    """
    sweep, _, within = name.partition("/")
    with reading(sweep_folder(runs, sweep)) as ledger:
        records = sorted(ledger.records(), key=lambda record: (record.trial, record.seed))
    if not within:
        return records
    for is_meant in (
        lambda record: record.run_id == within,
        lambda record: str(record.trial) == within,
        lambda record: record.baseline == within,
    ):
        if chosen := [record for record in records if is_meant(record)]:
            return chosen
    hint = f"name one of {', '.join(record.run_id for record in records[:8])}{' …' * (len(records) > 8)}, or a trial"
    raise InputError(f"sweep `{sweep}` has no run and no trial `{within}`", place=name, hint=hint)
