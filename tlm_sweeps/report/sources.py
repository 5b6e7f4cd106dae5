"""What a report is made from: the results of one sweep, wherever they were kept. It refuses to know the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.spec.sweep import Account, SweepSpec


@dataclass(frozen=True)
class SweepResults:
    """Everything that a sweep has left behind, finished or not."""

    spec: SweepSpec
    records: tuple[Record, ...]
    """Every run in every state, each once."""
    curves: Mapping[str, Sequence[Measurement]]
    """Measurements of a run in the order of its steps, by `run_id`; runs without any may be missing."""
    spent_flops: int
    """What the ledger has charged to the whole sweep, in the budget's account."""
    created_at: str
    """When these results were read, UTC, ISO 8601."""
    command: str
    """What to type to make the sweep again."""
    page_url: str = ""
    """The sweep's page at W&B, where they were read from there."""

    @property
    def account(self) -> Account:
        """The convention in which the sweep counts its FLOPs; `matmul` where no budget is set."""
        return self.spec.budget.account if self.spec.budget else "matmul"


def ensure_reportable(results: SweepResults) -> None:
    """Refuse a sweep of which no run is complete.

    Raises:
        InputError: with the states of the runs that there are.
    """
    states = Counter(record.state for record in results.records)
    if states["complete"]:
        return
    found = ", ".join(f"{count} {state}" for state, count in states.most_common()) or "no runs"
    shows = results.page_url or f"`tlm-sweeps status {results.spec.name}`"
    raise InputError(
        f"nothing to report: {found}",
        place=f"sweep {results.spec.name}",
        hint=f"{shows} shows the runs; a report needs one that is complete",
    )
