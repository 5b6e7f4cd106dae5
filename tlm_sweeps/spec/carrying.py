"""A sweep as text that travels: in a W&B sweep's configuration and with every proposal, to whoever trains or reports.

Whoever may write there decides what is read here, so nothing of it is run: it is read as JSON and as a spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.sweep import SweepSpec

CARRIER = "tlm"
"""The constant parameter of a W&B sweep that holds the text."""


class Carried(BaseModel):
    """A sweep as it travels with its W&B sweep."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    """Of the package that launched it."""
    spec: SweepSpec
    fingerprint: str
    """Of the spec."""
    corpora: dict[str, str]
    """Fingerprint of the text, by name."""


def carried_in(config: Mapping[str, Any]) -> Carried:
    """The sweep that a W&B sweep's configuration carries.

    Raises:
        InputError: when it carries none, or one that cannot be.
    """
    parameters = config.get("parameters")
    carrier = parameters.get(CARRIER) if isinstance(parameters, Mapping) else None
    return carried_of(carrier.get("value") if isinstance(carrier, Mapping) else None)


def carried_of(text: Any) -> Carried:
    """The sweep that a proposal or a W&B sweep's configuration carries.

    Raises:
        InputError: when it carries none, or one that cannot be.
    """
    if not isinstance(text, str):
        hint = "launch it with `tlm-sweeps sweep SPEC --engine wandb`"
        raise InputError(f"this W&B sweep is none of ours: it has no parameter `{CARRIER}`", hint=hint)
    return _carried(text)


@lru_cache(maxsize=4)
def _carried(text: str) -> Carried:
    try:
        carried = Carried.model_validate_json(text)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        hint = "agents need the version of tlm-sweeps that launched the sweep"
        raise InputError(
            f"the sweep's spec is not understood: {error.errors()[0]['msg']}", place=place, hint=hint
        ) from None
    if fingerprint(carried.spec) != carried.fingerprint:
        hint = "agents need the version of tlm-sweeps that launched the sweep"
        raise InputError("the sweep's spec is not the one that its fingerprint was taken of", hint=hint)
    return carried
