"""Errors as a person sees them, in one voice: what is wrong, where, and after a blank line what to type."""

from __future__ import annotations

from rich.text import Text

from tlm_sweeps.console.streams import err, plain, say
from tlm_sweeps.errors import Problem, TlmError


def error_text(problem: Problem) -> Text:
    """A problem, ready to print.

    >>> print(error_text(Problem("no such spec `swep.yaml`", hint="did you mean `sweep.yaml`?")))
    error: no such spec `swep.yaml`
    <BLANKLINE>
    hint: did you mean `sweep.yaml`?
    """
    text = Text.assemble(("error:", "bold red"), " ", plain(problem.message))
    if problem.place:
        text.append(f"\n  at {plain(problem.place)}", "dim")
    if problem.hint:
        text.append("\n\n").append("hint:", "bold cyan").append(f" {plain(problem.hint)}")
    return text


def print_error(error: TlmError) -> None:
    """Print every problem of an error, on stderr."""
    for number, problem in enumerate(error.problems):
        say(Text("\n") + error_text(problem) if number else error_text(problem))


def print_defect(error: Exception, *, is_debug: bool) -> None:
    """Own up to an exception that was not meant for people."""
    kind, first = type(error).__name__, next(iter(str(error).splitlines()), "")
    said = f"{kind}: {first}" if first else kind
    say(
        Text.assemble(
            ("internal error:", "bold red"), f" {plain(said)}", "" if is_debug else "; run again with --debug"
        )
    )


def print_traceback() -> None:
    """The whole of the exception being handled (`--debug`)."""
    import traceback

    err().print(plain(traceback.format_exc()), soft_wrap=True)
