"""What a user is told when something is wrong: the value, the place, a true hint.

Every error that a person is meant to read is one of these; the command line prints it without a traceback and
turns its `exit_code` into the process's. Anything else that escapes is a defect of ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, said once."""

    message: str
    """What is wrong with the value that was given; the value is in it."""
    place: str = ""
    """Where: `file:line field`, or a dotted field name, or a path."""
    hint: str = ""
    """What to type or edit. It must be true."""

    def __str__(self) -> str:
        where = f"\n  at {self.place}" if self.place else ""
        hint = f"\n\nhint: {self.hint}" if self.hint else ""
        return f"{self.message}{where}{hint}"


class TlmError(Exception):
    """An error with a message for people. `exit_code` is what the command line leaves with."""

    exit_code = 1

    def __init__(self, message: str, *, place: str = "", hint: str = "") -> None:
        self.problems: tuple[Problem, ...] = (Problem(message, place, hint),)
        super().__init__(str(self.problems[0]))

    def __str__(self) -> str:
        return "\n\n".join(str(problem) for problem in self.problems)


class InputError(TlmError):
    """What the user gave cannot be used: a spec, a name, a file, a setting. Nothing has been written."""

    exit_code = 2

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> InputError:
        """One error that carries several problems (all those of a spec, say)."""
        found = tuple(problems)
        error = cls(found[0].message, place=found[0].place, hint=found[0].hint)
        error.problems = found
        return error


class RunError(TlmError):
    """A run or a sweep failed although its input was fine."""


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid name that a misspelt one most resembles, or None when nothing is close.

    >>> nearest("dept", ["depth", "heads"])
    'depth'
    """
    found = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest valid one, or all of them.

    >>> did_you_mean("tp", ["tpe", "grid"])
    'did you mean `tpe`?'
    """
    names = sorted(valid)
    close = nearest(word, names)
    return f"did you mean `{close}`?" if close else "valid: " + ", ".join(names)
