"""What a contradiction between fields is; the rules are in `contradictions` and `encoder_contradictions`."""

from __future__ import annotations

from dataclasses import dataclass

from tlm_sweeps.errors import Problem


@dataclass(frozen=True)
class Contradiction:
    """Fields whose values cannot stand together."""

    fields: tuple[str, ...]
    """Dotted names of all fields that bear on it; the first is where a message points."""
    message: str
    hint: str

    def problem(self) -> Problem:
        """As a message, with the first field as its place."""
        return Problem(self.message, self.fields[0], self.hint)
