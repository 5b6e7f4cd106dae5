"""The command `tlm-sweeps`: its commands, its exit codes, and the one place where errors meet the user.

Exit codes: 0 done, 1 a run or sweep failed, 2 the input is wrong, 130 interrupted, 141 the reader went away.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import tlm_sweeps
from tlm_sweeps.cli import (
    agent_command,
    committee_command,
    data_commands,
    doctor_command,
    fit_command,
    merge_command,
    model_commands,
    output_commands,
    plan_command,
    reproduce_command,
    run_command,
    spec_commands,
    status_commands,
    sweep_command,
    sync_command,
)
from tlm_sweeps.errors import InputError, RunError, TlmError, nearest

app = typer.Typer(
    name="tlm-sweeps",
    help="For this many training FLOPs, which tiny language model is best? Sweeps that answer it.",
    epilog="Start with: tlm-sweeps init, then plan, then sweep. Data goes to stdout, talk to stderr.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("init")(spec_commands.init)
app.add_typer(spec_commands.app, name="spec")
app.command("plan")(plan_command.plan)
app.command("sweep")(sweep_command.sweep)
app.command("agent")(agent_command.agent)
app.command("run")(run_command.run)
app.command("status")(status_commands.status)
app.command("list")(status_commands.list_)
app.command("report")(output_commands.report)
app.command("export")(output_commands.export)
app.command("fit")(fit_command.fit)
app.command("merge")(merge_command.merge)
app.command("committee")(committee_command.committee)
app.command("sample")(model_commands.sample)
app.command("evaluate")(model_commands.evaluate)
app.command("export-model")(model_commands.export_model)
app.command("reproduce")(reproduce_command.reproduce)
app.command("sync")(sync_command.sync)
app.add_typer(data_commands.app, name="data")
app.command("doctor")(doctor_command.doctor)


@app.callback(invoke_without_command=True, no_args_is_help=False)
def _global(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks. May stand anywhere.")] = False,  # noqa: ARG001 - `main` reads it
) -> None:
    if version:
        typer.echo(f"tlm-sweeps {tlm_sweeps.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: without the program's name; default: this process's.

    Returns:
        The exit code.
    """
    from tlm_sweeps.console.streams import OutputClosed, let_any_locale_print, stop_printing

    given = list(sys.argv[1:] if arguments is None else arguments)
    is_debug = "--debug" in given
    let_any_locale_print()
    try:
        code = app(
            args=[each for each in given if each != "--debug"], standalone_mode=False, obj=("tlm-sweeps", *given)
        )
        sys.stdout.flush()
    except (OutputClosed, BrokenPipeError):
        stop_printing()
        return 141
    except typer.Abort:
        return 130
    except Exception as error:  # noqa: BLE001 - the last resort: a message instead of a traceback
        return _said(error, is_debug=is_debug)
    return code if isinstance(code, int) else 0


def _said(error: Exception, *, is_debug: bool) -> int:
    """Tell the user what went wrong; the exit code."""
    from tlm_sweeps.console.failures import print_defect, print_error, print_traceback
    from tlm_sweeps.runs.unwritable import refusal

    if is_debug:
        print_traceback()
    if isinstance(error, TlmError):
        print_error(error)
        return error.exit_code
    if isinstance(error, typer.TyperException):
        print_error(_usage(error))
        return 2
    if isinstance(error, OSError) and (why := refusal(error)):
        print_error(RunError(f"{error.filename or 'a file'} cannot be written: {why}", hint="see to the disk"))
        return 1
    print_defect(error, is_debug=is_debug)
    return 1


def _usage(error: typer.TyperException) -> InputError:
    """A command line that was not understood, in our voice."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tlm-sweeps"
    message = error.format_message().rstrip(".").replace("'", "`")
    if option := getattr(error, "option_name", None):
        valid = [each for each in _options(context) if each.startswith("--")]
        close = nearest(option, valid)
        return InputError(f"no option {option}", place=path, hint=f"did you mean {close}?" if close else _help(path))
    said, _, suggestion = message.partition(". Did you mean ")
    message = said[:1].lower() + said[1:]
    return InputError(message, place=path, hint=f"did you mean {suggestion}" if suggestion else _help(path))


def _options(context: typer.Context | None) -> list[str]:
    return [] if context is None else [name for each in context.command.params for name in each.opts]


def _help(path: str) -> str:
    return f"`{path} --help` shows what there is"
