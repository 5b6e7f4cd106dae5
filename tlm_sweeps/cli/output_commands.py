"""`report` and `export`: what a sweep left behind, as a page or as files for other tools."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tlm_sweeps.cli.options import Name, RunsDir
from tlm_sweeps.errors import InputError


class Format(StrEnum):
    """Formats of `export`."""

    json = "json"
    csv = "csv"
    parquet = "parquet"
    optuna = "optuna"


def report(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: report.html in the sweep's folder.")
    ] = None,
    runs_dir: RunsDir = None,
    *,
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Write a sweep's report as one HTML file.

    The file needs no network. Works while the sweep runs, once a run is complete.
    """
    from tlm_sweeps import api
    from tlm_sweeps.console.streams import show

    written = api.write_report(name, runs_dir, output)
    show(str(written))
    if open_:
        import webbrowser

        webbrowser.open(written.resolve().as_uri())


def export(
    name: Name,
    format_: Annotated[Format, typer.Option("--format", "-f", help="optuna: a study in a SQLite file.")] = Format.json,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Default: stdout for json and csv, NAME.parquet or NAME.optuna.sqlite3 in the sweep's folder.",
        ),
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Export a sweep's records, in every state."""
    from tlm_sweeps import api
    from tlm_sweeps.runs.export import to_csv, to_json, to_parquet
    from tlm_sweeps.runs.ledger import reading

    folder = api.existing_folder(name, runs_dir)
    with reading(folder) as ledger:
        records = ledger.records() if format_ is not Format.optuna else ()
    match format_:
        case Format.json:
            _write_text(to_json(records) + "\n", output)
        case Format.csv:
            _write_text(to_csv(records), output)
        case Format.parquet:
            path = _binary_file(output, folder / f"{name}.parquet")
            to_parquet(records, path)
            _say_written(path)
        case Format.optuna:
            path = _binary_file(output, folder / f"{name}.optuna.sqlite3")
            api.export_study(name, runs_dir, path)
            _say_written(path)


def _write_text(text: str, output: Path | None) -> None:
    from tlm_sweeps.console.streams import write

    if output is None or output == Path("-"):
        write(text)
        return
    try:
        _writable(output).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        hint = "name a file in a folder that you may write"
        raise InputError(f"cannot write `{output}`: {error.strerror}", place="--output", hint=hint) from error
    _say_written(output)


def _binary_file(output: Path | None, default: Path) -> Path:
    if output == Path("-"):
        raise InputError(
            "this format is binary and needs a file", place="--output", hint=f"e.g. --output {default.name}"
        )
    return _writable(output or default)


def _writable(path: Path) -> Path:
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"cannot write `{path}`", place="--output", hint="name a file in a folder that you may write")
    return path


def _say_written(path: Path) -> None:
    from tlm_sweeps.console.streams import say

    say(f"wrote {path}")
