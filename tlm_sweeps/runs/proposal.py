"""A proposal, and how a ledger keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from tlm_sweeps.runs.sealing import read_object, sealed

Verdict = Literal["trial", "infeasible", "duplicate"]


@dataclass(frozen=True)
class Proposal:
    """A setting that the engine (or the spec, for a baseline) put forward, and what became of it."""

    number: int
    """Also the trial's number, where it became one."""
    budget_flops: int | None
    baseline: str | None
    settings: dict[str, Any]
    verdict: Verdict
    reason: str
    fingerprint: str
    sampler_state: dict[str, Any]
    """What the sampler attached to the proposal, so that a rebuilt one goes on alike."""


def proposal_row(proposal: Proposal) -> tuple[Any, ...]:
    """A proposal as its table has it."""
    asked = (proposal.number, proposal.budget_flops, proposal.baseline)
    became = (proposal.verdict, proposal.reason, proposal.fingerprint)
    settings, noted = json.dumps(proposal.settings), json.dumps(proposal.sampler_state)
    return (*asked, sealed(settings, *asked, *became), *became, sealed(noted, proposal.number))


def proposal_of(row: tuple[Any, ...]) -> Proposal:
    """The proposal of a row of its table."""
    number, flops, baseline, settings, verdict, reason, fingerprint, state = row
    what = f"proposal {number}"
    given = read_object(settings, what, number, flops, baseline, verdict, reason, fingerprint)
    return Proposal(number, flops, baseline, given, verdict, reason, fingerprint, read_object(state, what, number))
