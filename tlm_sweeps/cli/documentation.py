"""The commands as a page, made from their help: `python -m tlm_sweeps.cli.documentation > docs/commands.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

from tlm_sweeps.cli.app import app

_HEAD = """\
# Commands

Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 a run or sweep failed, 2 the input is wrong, 130 interrupted.

*Made from the help texts by `python -m tlm_sweeps.cli.documentation > docs/commands.md`; a test keeps it current.*
"""


def commands_page() -> str:
    """Every command's help, in the order of `--help`, as Markdown."""
    return _HEAD + "".join(f"\n## {path}\n\n```text\n{text}\n```\n" for path, text in helps())


def helps() -> Iterator[tuple[str, str]]:
    """Every command with its help text."""
    yield from _helps(typer.main.get_command(app), "tlm-sweeps", None)


def _helps(command: Any, path: str, parent: Any) -> Iterator[tuple[str, str]]:
    settings = {**command.context_settings, "terminal_width": 100}
    context = command.context_class(command, info_name=path.rpartition(" ")[2], parent=parent, **settings)
    yield path, command.get_help(context).strip()
    for name, each in getattr(command, "commands", {}).items():
        yield from _helps(each, f"{path} {name}", context)


if __name__ == "__main__":
    sys.stdout.write(commands_page())
