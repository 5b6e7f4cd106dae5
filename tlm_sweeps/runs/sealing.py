"""Texts of a ledger with a checksum over each: SQLite does not notice a value in which a bit was flipped.

A sealed text is a JSON object whose last member is the checksum, so that SQL and other tools read it as before. Texts
without one are an older version's, and are read as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, get_args

from pydantic import ValidationError

from tlm_sweeps.errors import RunError
from tlm_sweeps.runs.record import Measurement, Record, State

_MARK = '"checksum":"'
_BROKEN_MARK = re.compile(r'"[^"]{8}":"[0-9a-f]{16}"\}$')
_STATES = get_args(State)
_HINT = "`tlm-sweeps merge NEW_FOLDER RUNS_FOLDER` brings together all that is whole, and the sweep goes on from there"


class DamagedRow(RunError):
    """What a ledger holds is not what was written there."""


def sealed(text: str, *beside: object) -> str:
    """The text of a JSON object with a checksum over it and over what stands beside it in its row.

    >>> sealed('{"depth":2}', "run-1", 5)
    '{"depth":2,"checksum":"19401098f1989d3a"}'
    """
    return f"{text[:-1]}{',' if len(text) > 2 else ''}{_MARK}{_checksum(text, beside)}" + '"}'


def unsealed(text: str, what: str, *beside: object) -> str:
    """The text without its checksum.

    Args:
        text: as the ledger has it.
        what: it is, for the message.
        beside: what stands beside it in its row.

    Raises:
        DamagedRow: the checksum is that of another text.
    """
    if not isinstance(text, str):  # SQLite keeps the type with each value, and it may be damaged too
        raise _damaged(what)
    head, mark, seal = text.rpartition(_MARK)
    if not mark and not _BROKEN_MARK.search(text):
        return text
    body = head.removesuffix(",") + "}"
    if seal != _checksum(body, beside) + '"}':
        raise _damaged(what)
    return body


def sealed_record(record: Record) -> str:
    """What a row holds of a record, under its run's id, trial and seed."""
    return sealed(record.model_dump_json(), record.run_id, record.trial, record.seed)


def sealed_measurement(run_id: str, share: float, measurement: Measurement) -> str:
    """What a row holds of a measurement, under its run's id, step and share of the budget."""
    return sealed(measurement.model_dump_json(), run_id, measurement.step, share)


def read_record(run_id: str, trial: int, seed: int, state: State, text: str) -> Record:
    """A run's record, in the state that its row has.

    Raises:
        DamagedRow: it is damaged, or was changed by other hands.
    """
    what = f"record of `{run_id}`"
    try:
        record = Record.model_validate_json(unsealed(text, what, run_id, trial, seed))
    except ValidationError as error:
        raise _unreadable(what, error) from error
    if state not in _STATES:
        raise DamagedRow(f"the ledger's {what} is damaged: `{state}` is no state", hint=_HINT)
    return record if record.state == state else record.model_copy(update={"state": state})


def read_measurement(run_id: str, step: int, share: float, text: str) -> Measurement:
    """An evaluation of a run.

    Raises:
        DamagedRow: it is damaged.
    """
    what = f"measurement of `{run_id}`"
    try:
        return Measurement.model_validate_json(unsealed(text, what, run_id, step, share))
    except ValidationError as error:
        raise _unreadable(what, error) from error


def read_object(text: str, what: str, *beside: object) -> dict[str, Any]:
    """A JSON object.

    Raises:
        DamagedRow: it is damaged.
    """
    try:
        return json.loads(unsealed(text, what, *beside))
    except ValueError as error:
        raise DamagedRow(f"the ledger's {what} is damaged: it is no JSON", hint=_HINT) from error


def _damaged(what: str) -> DamagedRow:
    return DamagedRow(f"the ledger's {what} is damaged: it is not what was written there", hint=_HINT)


def _unreadable(what: str, error: ValidationError) -> DamagedRow:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return DamagedRow(f"the ledger's {what} cannot be read: {where}: {first['msg']}", hint=_HINT)


def _checksum(text: str, beside: tuple[object, ...]) -> str:
    """Sixteen hexadecimal digits: enough against chance, which is what flips bits."""
    whole = json.dumps(beside) + text
    return hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()[:16]
