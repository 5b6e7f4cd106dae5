"""The page of commands is made from their help, and nothing is left undocumented."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from tlm_sweeps.cli.app import app
from tlm_sweeps.cli.documentation import commands_page, helps

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_page_of_commands_is_current():
    assert PAGE.read_text() == commands_page(), "python -m tlm_sweeps.cli.documentation > docs/commands.md"


def test_every_command_and_option_has_a_help_text():
    undocumented = [
        f"{path} {param.name}"
        for path, command in _commands(get_command(app), "tlm-sweeps")
        for param in (command, *command.params)
        if not param.help
    ]
    assert undocumented == []


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from _commands(each, f"{path} {name}")


def test_the_commands_of_the_design_are_there():
    paths = {path for path, _ in helps()}
    names = (
        "init",
        "spec check",
        "spec schema",
        "plan",
        "sweep",
        "run",
        "status",
        "list",
        "report",
        "export",
        "doctor",
    )
    assert {f"tlm-sweeps {name}" for name in (*names, "data list", "data get", "data check")} <= paths
