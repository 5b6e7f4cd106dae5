"""`report` and `export`: what a sweep left behind, as a page or as files for other tools."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlm_sweeps.cli.options import RunsDir
from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    from tlm_sweeps.runs.record import Record

SweepOrPath = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="The sweep's name, or ENTITY/PROJECT/SWEEPID of a W&B sweep.", show_default=False
    ),
]


class Format(StrEnum):
    """Formats of `export`."""

    json = "json"
    csv = "csv"
    parquet = "parquet"
    optuna = "optuna"


def report(
    name: SweepOrPath,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: report.html in the sweep's folder.")
    ] = None,
    runs_dir: RunsDir = None,
    *,
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    wandb: Annotated[bool, typer.Option("--wandb", help="Write a W&B Report instead, or update the sweep's.")] = False,
    entity: Annotated[
        str | None, typer.Option("--entity", help="With --wandb: whose. Default: as the runs, else your own.")
    ] = None,
    project: Annotated[str | None, typer.Option("--project", help="With --wandb. Default: that of the runs.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --wandb: print what W&B would be sent.")] = False,
) -> None:
    """Write a sweep's report as one HTML file, or as a W&B Report.

    The file needs no network. Works while the sweep runs, once a run is complete.
    """
    from tlm_sweeps import api
    from tlm_sweeps.console.streams import show

    _ensure_consistent(wandb=wandb, output=output, only_wandb={"entity": entity, "project": project}, dry_run=dry_run)
    if dry_run:
        _write_text(
            json.dumps(api.report_request(name, runs_dir, entity=entity, project=project), indent=2) + "\n", None
        )
        return
    if wandb:
        address = _published(name, runs_dir, entity, project)
    else:
        written = api.write_report(name, runs_dir, output)
        show(str(written))
        address = written.resolve().as_uri()
    if open_:
        import webbrowser

        webbrowser.open(address)


def _ensure_consistent(
    *, wandb: bool, output: Path | None, only_wandb: Mapping[str, str | None], dry_run: bool
) -> None:
    """Refuse options that have no meaning together."""
    if wandb and output is not None:
        message = "a W&B Report is no file"
        raise InputError(message, place="--output", hint="leave out --wandb for the HTML page, or --output")
    asked = [name for name, value in only_wandb.items() if value is not None] + ["dry-run"] * dry_run
    if asked and not wandb:
        raise InputError("this is for W&B Reports only", place=f"--{asked[0]}", hint="add --wandb")


def _published(name: str, runs_dir: Path | None, entity: str | None, project: str | None) -> str:
    """Write the W&B Report and say where; its address."""
    from tlm_sweeps import api
    from tlm_sweeps.console.streams import say, show

    found = api.publish_report(name, runs_dir, entity=entity, project=project)
    if found.note:
        say(found.note)
    show(found.url)
    return found.url


def export(
    name: SweepOrPath,
    format_: Annotated[
        Format, typer.Option("--format", "-f", help="optuna: a study in a SQLite file, of a sweep searched here.")
    ] = Format.json,
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
    from tlm_sweeps.runs.export import to_csv, to_json

    if format_ is Format.optuna:
        folder = api.existing_folder(name, runs_dir, only_searched_here=True)
        path = _binary_file(output, folder / f"{name}.optuna.sqlite3")
        _say_written(api.export_study(name, runs_dir, path))
        return
    records, folder = api.records_and_folder(name, runs_dir)
    match format_:
        case Format.json:
            _write_text(to_json(records) + "\n", output)
        case Format.csv:
            _write_text(to_csv(records), output)
        case Format.parquet:
            _write_parquet(records, folder, output)


def _write_parquet(records: tuple[Record, ...], folder: Path, output: Path | None) -> None:
    from tlm_sweeps.runs.export import to_parquet
    from tlm_sweeps.runs.folders import ensure_writable

    if output is None:
        ensure_writable(folder)  # that of a W&B sweep may not be there yet
    path = _binary_file(output, folder / f"{folder.name}.parquet")
    to_parquet(records, path)
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
