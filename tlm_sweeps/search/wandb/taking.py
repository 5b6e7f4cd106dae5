"""Whose a proposal is to train: this agent's, another's, or nobody's any more; and what was left behind here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tlm_sweeps.errors import TlmError
from tlm_sweeps.runs.ledger import FILE, reading
from tlm_sweeps.runs.ledger_lock import is_held
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.trials import is_over
from tlm_sweeps.search.wandb.service import ToldRun, Train
from tlm_sweeps.search.wandb.trial import is_untold, kept_offer

_ALIVE = timedelta(seconds=60)
"""A run whose last heartbeat at W&B is younger is being trained."""
_log = logging.getLogger("tlm_sweeps.wandb")


def passing(records: Sequence[Record], told: ToldRun | None, agent: str) -> str | None:
    """Why a proposal is not an agent's to train; None when it is.

    Args:
        records: of the proposal in the ledger on this machine, which nobody else holds.
        told: what W&B knows of its first run.
        agent: the agent's name.
    """
    if told is None:
        return None
    first_is_over = not records or records[0].state not in ("waiting", "running")
    if told.ending is not None and (not first_is_over or not records or are_over(records)):
        return f"W&B knows it as {told.ending} already"
    other = told.config.get("agent", agent)
    # A run of ours is marked preempting while it runs. What was begun on this machine nobody else here is at.
    is_trained = told.state in ("running", "preempting") and _is_fresh(told.heartbeat_at)
    return f"agent {other} is training it" if other != agent and is_trained and not records else None


def are_over(records: Sequence[Record]) -> bool:
    """Whether a proposal has been trained to its end."""
    return bool(records) and is_over(tuple(records))


def left_behind(folder: Path, *, untold: bool = False) -> list[Train]:
    """Proposals that agents on this machine took and did not bring to an end, nobody being at them now.

    Args:
        folder: of the sweep's trials.
        untold: only those that are over, and whose end W&B may not know.
    """
    found = []
    for place in sorted(path.parent for path in folder.glob(f"*/{FILE}")):
        try:
            if not is_held(place) and (command := _left_in(place, untold=untold)) is not None:
                found.append(command)
        except TlmError as error:  # whoever began it may have been killed before there was anything to read
            _log.warning("%s is left alone: %s", place, error.problems[0].message)
    return found


def _left_in(place: Path, *, untold: bool) -> Train | None:
    with reading(place) as ledger:
        kept, over = kept_offer(ledger), are_over(ledger.records())
        wanted = is_untold(ledger) if over else not untold
    return Train(type="resume", run_id=kept[0], args=kept[1]) if kept is not None and wanted else None


def _is_fresh(heartbeat_at: str | None) -> bool:
    if heartbeat_at is None:
        return False
    try:
        beat = datetime.fromisoformat(heartbeat_at)
    except ValueError:
        return False
    beat = beat if beat.tzinfo else beat.replace(tzinfo=UTC)
    return datetime.now(UTC) - beat < _ALIVE
