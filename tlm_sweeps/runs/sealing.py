"""Texts of a ledger with a checksum over each: SQLite does not notice a value in which a bit was flipped.

A sealed text is a JSON object whose last member is the checksum, so that SQL and other tools read it as before. Texts
without one are an older version's, and are read as they are.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, get_args

from pydantic import ValidationError

from tlm_sweeps.errors import RunError
from tlm_sweeps.runs.record import Measurement, Record, State

_MARK = '"checksum":"'
_STATES = get_args(State)
_HINT = "`tlm-sweeps merge NEW_FOLDER RUNS_FOLDER` brings together all that is whole, and the sweep goes on from there"


class DamagedRow(RunError):
    """What a ledger holds is not what was written there."""


def sealed(text: str) -> str:
    """The text of a JSON object with its checksum.

    >>> sealed('{"depth":2}')
    '{"depth":2,"checksum":"43cba8a4fbdeabfe"}'
    """
    return f"{text[:-1]}{',' if len(text) > 2 else ''}{_MARK}{_checksum(text)}" + '"}'


def unsealed(text: str, what: str) -> str:
    """The text without its checksum.

    Args:
        text: as the ledger has it.
        what: it is, for the message.

    Raises:
        DamagedRow: the checksum is that of another text.
    """
    head, mark, seal = text.rpartition(_MARK)
    if not mark:
        return text
    body = head.removesuffix(",") + "}"
    if seal != _checksum(body) + '"}':
        raise DamagedRow(f"the ledger's {what} is damaged: it is not what was written there", hint=_HINT)
    return body


def read_record(run_id: str, state: State, text: str) -> Record:
    """A run's record, in the state that its row has.

    Raises:
        DamagedRow: it is damaged, or was changed by other hands.
    """
    what = f"record of `{run_id}`"
    try:
        record = Record.model_validate_json(unsealed(text, what))
    except ValidationError as error:
        raise _unreadable(what, error) from error
    if state not in _STATES:
        raise DamagedRow(f"the ledger's {what} is damaged: `{state}` is no state", hint=_HINT)
    return record if record.state == state else record.model_copy(update={"state": state})


def read_measurement(run_id: str, text: str) -> Measurement:
    """An evaluation of a run.

    Raises:
        DamagedRow: it is damaged.
    """
    what = f"measurement of `{run_id}`"
    try:
        return Measurement.model_validate_json(unsealed(text, what))
    except ValidationError as error:
        raise _unreadable(what, error) from error


def read_object(text: str, what: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        DamagedRow: it is damaged.
    """
    try:
        return json.loads(unsealed(text, what))
    except ValueError as error:
        raise DamagedRow(f"the ledger's {what} is damaged: it is no JSON", hint=_HINT) from error


def _unreadable(what: str, error: ValidationError) -> DamagedRow:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return DamagedRow(f"the ledger's {what} cannot be read: {where}: {first['msg']}", hint=_HINT)


def _checksum(text: str) -> str:
    """Sixteen hexadecimal digits: enough against chance, which is what flips bits."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
