"""Trials of several ledgers under one numbering: a setting that was proposed in two of them is one trial.

The first ledger's keep their numbers, and so its runs their names; what the others have besides comes after them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from tlm_sweeps.runs.ledger import Proposal
from tlm_sweeps.runs.ledger_rows import LedgerRows
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.fingerprint import canonical_json


class Numbering:
    """The proposals taken so far, in one numbering."""

    def __init__(self, *, keep_notes: bool) -> None:
        """Begin without any.

        Args:
            keep_notes: whether what a sampler noted on the first ledger's proposals holds, since all of them are there.
        """
        self.proposals: list[Proposal] = []
        self._keep_notes = keep_notes
        self._by_settings: dict[Hashable, int] = {}
        self._by_trial: dict[Hashable, int] = {}

    def take(self, rows: LedgerRows) -> dict[int, int]:
        """Take a ledger's proposals; what its trials' numbers are from here on, by what they were."""
        is_first = not self.proposals
        named = {run.record.trial: run.record for run in reversed(rows.runs)}
        return {
            each.number: self._number(each, _trial_key(each, named.get(each.number)), is_first=is_first)
            for each in _complete(rows, named)
        }

    def _number(self, proposal: Proposal, trial: Hashable, *, is_first: bool) -> int:
        settings = (proposal.baseline, proposal.budget_flops, canonical_json(proposal.settings))
        is_trial = proposal.verdict == "trial"
        known = self._by_trial.get(trial) if is_trial else self._by_settings.get(settings)
        if known is not None and (not is_trial or settings in self._by_settings):
            return known
        number = proposal.number if is_first else self._next()
        new = replace(
            proposal, number=number, sampler_state=proposal.sampler_state if self._keep_notes and is_first else {}
        )
        if known is not None:  # other settings, which come to the same experiment
            new = replace(new, verdict="duplicate", reason=_same_as(known))
        elif is_trial:
            self._by_trial[trial] = number
        elif proposal.verdict == "duplicate" and (first := self._by_trial.get(proposal.fingerprint)) is not None:
            new = replace(new, reason=_same_as(first))
        self._by_settings.setdefault(settings, number)
        self.proposals.append(new)
        return number if known is None else known

    def _next(self) -> int:
        return max((each.number for each in self.proposals), default=-1) + 1


def renamed(record: Record, number: int) -> Record:
    """A record under its trial's new number; a run whose name holds its number is named by the new one."""
    base = f"{record.sweep}-{number:04d}-s{record.seed}"
    run_id = base if _is_numbered(record) else record.run_id
    return record.model_copy(update={"run_id": run_id, "trial": number})


def _is_numbered(record: Record) -> bool:
    return record.run_id == f"{record.sweep}-{record.trial:04d}-s{record.seed}"


def _trial_key(proposal: Proposal, first: Record | None) -> Hashable:
    """What a trial is known by: its experiment, or its name where that is no number but was given (by W&B)."""
    if first is None or _is_numbered(first):
        return proposal.fingerprint
    return first.run_id.rpartition("-s")[0]


def _complete(rows: LedgerRows, named: dict[int, Record]) -> list[Proposal]:
    """All proposals, those among them that were damaged as the records of their runs tell."""
    there = {each.number for each in rows.proposals}
    told = [_told_by(record) for number, record in named.items() if number not in there]
    return sorted((*rows.proposals, *told), key=lambda each: each.number)


def _told_by(record: Record) -> Proposal:
    return Proposal(
        number=record.trial,
        budget_flops=record.budget_flops,
        baseline=record.baseline,
        settings=record.settings,
        verdict="infeasible" if record.started_at is None and record.state == "infeasible" else "trial",
        reason=record.reason if record.state == "infeasible" else "",
        fingerprint=record.fingerprint,
        sampler_state={},
    )


def _same_as(trial: int) -> str:
    return f"the same experiment as trial {trial}"
