"""The two streams: data on stdout, talk on stderr. The only file that writes to either; it knows no sweep."""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from rich.console import Console, RenderableType
from rich.text import Text

from tlm_sweeps.errors import RunError
from tlm_sweeps.redaction import redacted

_WIDE = 10_000
"""Columns where nobody looks at a screen: tables are as wide as they are, and lines are not broken."""


class OutputClosed(Exception):
    """The reader of stdout or stderr is gone."""


class _Stream(Console):
    """A console whose text is never markup, so that no name or reason can colour, link or hide anything."""

    def __init__(self, *, stderr: bool) -> None:
        stream = sys.stderr if stderr else sys.stdout
        if stream is None:  # closed by whoever started us
            raise OutputClosed
        width = None if stream.isatty() else _WIDE
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> NoReturn:
        raise OutputClosed


def out() -> Console:
    """Where data goes."""
    return _Stream(stderr=False)


def err() -> Console:
    """Where talk goes."""
    return _Stream(stderr=True)


def say(line: str | Text) -> None:
    """Tell a person something, on stderr; words are broken where the terminal ends."""
    err().print(plain(line) if isinstance(line, str) else line)


def say_command(words: Sequence[str]) -> None:
    """Show a command to type, on stderr, in one piece so that it can be copied."""
    err().print(f"  {plain(shlex.join(words))}", soft_wrap=True)


def show(renderable: RenderableType) -> None:
    """Print a table or a text for people, on stdout; without trailing blanks where it goes into a file or a pipe."""
    console = out()
    if console.is_terminal:
        console.print(renderable)
        return
    with console.capture() as capture:
        console.print(renderable)
    write("".join(line.rstrip() + "\n" for line in capture.get().splitlines()))


def write(text: str) -> None:
    """Print data for programs, on stdout, in UTF-8 whatever the locale says."""
    if sys.stdout is None:
        raise OutputClosed
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", errors="backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise OutputClosed from None
    except OSError as error:
        hint = "free some space, or send the output elsewhere"
        raise RunError(f"the output could not be written: {error.strerror}", hint=hint) from error


def write_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON; NaN and infinities, which JSON lacks, are null."""
    write(json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def let_any_locale_print() -> None:
    """What the terminal's encoding lacks is printed as `?` instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def restore_cursor() -> None:
    """Before leaving in the middle of a live view, which hides the cursor."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\x1b[?25h\n")


def stop_printing() -> None:
    """After the reader has gone: let Python's last flush go nowhere."""
    if sys.stdout is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def plain(text: str) -> str:
    r"""A text that cannot command a terminal: control characters other than line breaks and tabs are spelt out.

    Nor does it tell secrets.

    >>> plain("red \x1b[31m")
    'red \\x1b[31m'
    """
    told = redacted(text)
    return "".join(each if each.isprintable() or each in "\n\t" else repr(each)[1:-1] for each in told)


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if value - value == 0 else None
        case dict():
            return {str(key): _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return value
