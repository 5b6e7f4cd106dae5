"""`reproduce`: a study's published numbers beside ours; trains what is missing, or prints from kept records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlm_sweeps.cli.options import DataDir, Device, Json, RunsDir, Stack, Workers, device_of
from tlm_sweeps.cli.study_training import Machinery, train_again, train_missing
from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    from tlm_sweeps.studies.reproduction import Reproduction

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="The study: architecture-tradeoffs.", show_default=False)
]
Tables = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        metavar="TABLE",
        help="1, 2, 3, context, hidden, heads, depth; a claim A1 … A6, a question Q1 … Q7, claims or questions. "
        "Repeatable. Default: train all tables, show all.",
    ),
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", metavar="K", min=1, help="Train and count seeds 0 … K-1. Default: the specs'.")
]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="FOLDER", help="Print from the records that are kept here; train nothing."),
]
To = Annotated[
    Path | None, typer.Option("--to", metavar="FOLDER", help="Keep the records, in FOLDER/STUDY, a file a sweep.")
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Default: reproduction.html in the runs folder; with --from, none."),
]
Findings = Annotated[
    Path | None, typer.Option("--findings", metavar="FILE", help="Write all findings as a page of Markdown.")
]
Again = Annotated[
    str | None,
    typer.Option("--again", metavar="RUN", help="Train this kept run again (any: one at random) and compare the two."),
]
Specs = Annotated[
    Path | None,
    typer.Option("--specs", metavar="DIR", help="Folder of the study's specs. Default: sweeps/STUDY."),
]


def reproduce(
    context: typer.Context,
    study: StudyName,
    table: Tables = None,
    seeds: Seeds = None,
    from_: From = None,
    to: To = None,
    html: Html = None,
    findings: Findings = None,
    again: Again = None,
    specs: Specs = None,
    workers: Workers = "auto",
    device: Device = "auto",
    stack: Stack = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Set a study's published numbers beside ours.

    Trains what is missing, sweep by sweep, after saying what it will take; Ctrl-C pauses, and the same command goes on.
    A row is reproduced when its published test NLL lies in the 95 % prediction interval of one more seed of ours.
    """
    from tlm_sweeps import api
    from tlm_sweeps.runs.folders import runs_folder
    from tlm_sweeps.studies.choosing import study_of

    chosen = study_of(study, table or ())
    machinery = Machinery(workers, device, stack, runs_dir, data_dir)
    if again is not None:
        found = api.reproduction(study, kept=from_, runs_dir=runs_dir)
        train_again(found.sweeps, again, machinery, argv=context.obj, json=json)
        return
    if from_ is not None:
        training = {"--to": to, "--specs": specs, "--runs-dir": runs_dir, "--data-dir": data_dir, "--stack": stack}
        _refuse_of_training(training, workers=workers, device=device)
        found = api.reproduction(study, table or (), seeds=seeds, kept=from_)
    else:
        asked = chosen if table else replace(chosen, answers=())
        train_missing(asked, machinery, argv=context.obj, specs=specs, seeds=seeds)
        found = api.reproduction(study, table or (), seeds=seeds, runs_dir=runs_dir)
    if to is not None:
        _keep(found, to)
    page = html if html or from_ else runs_folder(runs_dir) / "reproduction.html"
    _show(found, json=json)
    if page is not None:
        _write_page(found, page)
    if findings is not None:
        _write_findings(found, findings)
    if _say_failures(found):
        raise typer.Exit(1)


def _refuse_of_training(given: Mapping[str, object], *, workers: str, device: str) -> None:
    """What is said about training, or about what it leaves, when nothing is trained."""
    asked = [name for name, value in given.items() if value is not None]
    asked += ["--workers"] * (workers != "auto") + ["--device"] * (device_of(device) != "auto")
    if asked:
        hint = f"leave out --from to train what is missing, or {asked[0]}"
        raise InputError(
            f"{asked[0]} means nothing where nothing is trained", place=f"--from and {asked[0]}", hint=hint
        )


def _keep(found: Reproduction, folder: Path) -> None:
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.runs.folders import ensure_writable
    from tlm_sweeps.studies.kept import keep

    place = folder / found.study.name
    ensure_writable(place)
    for sweep in found.own_sweeps:
        say(f"kept {keep(sweep, place)}")


def _show(found: Reproduction, *, json: bool) -> None:
    from tlm_sweeps.console.claims_view import answers_view
    from tlm_sweeps.console.reproduction_view import reproduction_view
    from tlm_sweeps.console.streams import out, show, write_json
    from tlm_sweeps.studies.document import document_of

    if json:
        write_json(document_of(found))
        return
    if found.study.tables:
        show(reproduction_view(found, out()))
    if found.study.answers:
        show(answers_view(found.study, found.sweeps, out()))


def _write_findings(found: Reproduction, path: Path) -> None:
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.studies.findings import write_findings

    say(f"findings: {write_findings(found.sweeps, path)}")


def _write_page(found: Reproduction, path: Path) -> None:
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.studies.reproduction_page import write_reproduction

    say(f"report: {write_reproduction(found, path)}")


def _say_failures(found: Reproduction) -> bool:
    """Whether a run has failed; each sweep with such runs is named."""
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.console.wording import counted

    failures = {sweep.spec.name: sum(each.state == "failed" for each in sweep.records) for sweep in found.own_sweeps}
    for name, count in failures.items():
        if count:
            say(f"{counted(count, 'run')} of {name} failed")
    return any(failures.values())
