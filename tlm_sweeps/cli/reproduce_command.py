"""`reproduce`: a study's published numbers beside ours; trains what is missing, or prints from kept records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlm_sweeps.cli.machinery import Machinery
from tlm_sweeps.cli.options import DataDir, Device, Json, Retries, RunsDir, Stack, Workers
from tlm_sweeps.cli.reproduce_options import (
    ensure_consistent,
    ensure_own_page,
    ensure_timed,
    ensure_writable_files,
    options_given,
)
from tlm_sweeps.cli.reproduce_tiny import Telling, tell_tiny
from tlm_sweeps.cli.study_keeping import folder_for, keep_all
from tlm_sweeps.cli.study_training import train_again, train_missing
from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    from tlm_sweeps.report.sources import SweepResults
    from tlm_sweeps.studies.published import Study
    from tlm_sweeps.studies.reproduction import Reproduction

StudyName = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="The study: architecture-tradeoffs or tiny-language-models.", show_default=False
    ),
]
Tables = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        metavar="TABLE",
        help="1, 2, 3, context, hidden, heads, depth; a claim A1 … A6, a question Q1 … Q7, claims or questions. "
        "Of tiny-language-models: a claim B1 … B4. Repeatable. Default: train all tables (or claims), show all.",
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        metavar="K",
        min=1,
        help="Train and count seeds 0 … K-1, six times as many of committees' members. Default: the specs'.",
    ),
]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="FOLDER", help="Print from the records that are kept here; train nothing."),
]
To = Annotated[
    Path | None,
    typer.Option(
        "--to", metavar="FOLDER", help="Keep the records, in FOLDER/STUDY, a file a sweep. Also after Ctrl-C."
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Default: reproduction.html, or tiny-reproduction.html, in the runs folder; with --from, none.",
    ),
]
Findings = Annotated[
    Path | None,
    typer.Option("--findings", metavar="FILE", help="With --from: write all findings as a page of Markdown."),
]
Again = Annotated[
    str | None,
    typer.Option(
        "--again",
        metavar="RUN",
        help="Train this kept run again (any: one at random, of the tables asked for) and compare the two.",
    ),
]
NoTrain = Annotated[bool, typer.Option("--no-train", help="Print from what the runs folder has so far; train nothing.")]
AgainLatency = Annotated[
    bool,
    typer.Option(
        "--again-latency",
        help="Of tiny-language-models: time all committees of the runs folder anew, when nobody else uses the machine.",
    ),
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
    retries: Retries = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    *,
    no_train: NoTrain = False,
    again_latency: AgainLatency = False,
    json: Json = False,
) -> None:
    """Set a study's published numbers and claims beside our runs.

    Trains what is missing, sweep by sweep, after saying what it will take; Ctrl-C pauses, and the same command goes on.
    A row is reproduced when its published test NLL lies in the 95 % prediction interval of one more seed of ours. Of
    tiny-language-models a scaled study is trained, which two cores can do; its claims are judged over seeds.
    """
    from tlm_sweeps import api
    from tlm_sweeps.runs.folders import runs_folder
    from tlm_sweeps.studies.choosing import study_of
    from tlm_sweeps.studies.tiny import TINY

    chosen = study_of(study, table or ())
    ensure_consistent(study, options_given(context))
    ensure_timed([answer.key for answer in chosen.answers], again_latency=again_latency)
    ensure_writable_files({"--html": html, "--findings": findings})
    ensure_own_page(findings, study)
    machinery = Machinery(workers, device, stack, runs_dir, data_dir, retries)
    if again is not None:
        found = api.study_sweeps(chosen, kept=from_, runs_dir=runs_dir)
        train_again(_own(chosen, found), again, machinery, argv=context.obj, json=json)
        return
    place = folder_for(chosen, to) if to is not None else None
    trains = from_ is None and not no_train
    if trains:
        asked = chosen if table or not chosen.tables else replace(chosen, answers=())
        train_missing(asked, machinery, argv=context.obj, specs=specs, seeds=seeds, keep_in=place)
    sweeps = api.study_sweeps(chosen, kept=from_, runs_dir=runs_dir)
    _ensure_any(chosen, sweeps, runs_dir)
    own = _own(chosen, sweeps)
    if place is not None:
        keep_all(own.values(), place)
    page = html if html or from_ else _page(study, runs_dir)
    if chosen.name != TINY.name:
        _tell(chosen, sweeps, seeds, json=json, html=page, findings=findings)
    else:
        telling = Telling(from_, runs_folder(runs_dir), place, page, findings, json, context.obj or (), again_latency)
        tell_tiny(chosen, sweeps, seeds, telling)
    if _say_failures(own.values()) and trains:
        raise typer.Exit(1)


def _own(study: Study, sweeps: Mapping[str, SweepResults]) -> dict[str, SweepResults]:
    """Those of the sweeps that the tables, claims and questions rest on which are asked for."""
    return {name: sweeps[name] for name in study.sweeps if name in sweeps}


def _page(study: str, runs_dir: Path | None) -> Path:
    from tlm_sweeps.runs.folders import runs_folder
    from tlm_sweeps.studies.tiny import TINY

    return runs_folder(runs_dir) / ("tiny-reproduction.html" if study == TINY.name else "reproduction.html")


def _ensure_any(study: Study, sweeps: Mapping[str, SweepResults], runs_dir: Path | None) -> None:
    from tlm_sweeps.runs.folders import runs_folder

    if not sweeps:
        hint = "leave out --no-train to train them, or name the folder of all sweeps with --runs-dir"
        message = f"no sweep of {study.name} that is asked for has been begun here"
        raise InputError(message, place=str(runs_folder(runs_dir)), hint=hint)


def _tell(
    study: Study,
    sweeps: Mapping[str, SweepResults],
    seeds: int | None,
    *,
    json: bool,
    html: Path | None,
    findings: Path | None,
) -> None:
    """All that there is to say, on stdout and in files."""
    from tlm_sweeps.studies.reproduction import reproduce as compared

    found = compared(study, sweeps, seeds)
    _show(found, json=json)
    if html is not None:
        _write_page(found, html)
    if findings is not None:
        _write_findings(sweeps, findings, seeds)


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


def _write_findings(sweeps: Mapping[str, SweepResults], path: Path, seeds: int | None) -> None:
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.studies.findings import write_findings

    say(f"findings: {write_findings(sweeps, path, seeds)}")


def _write_page(found: Reproduction, path: Path) -> None:
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.studies.reproduction_page import write_reproduction

    say(f"report: {write_reproduction(found, path)}")


def _say_failures(sweeps: Iterable[SweepResults]) -> bool:
    """Whether a run has failed or could not be begun; each sweep with such runs is named."""
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.console.wording import counted

    found = [
        (sweep.spec.name, state, [each.reason for each in sweep.records if each.state == state])
        for sweep in sweeps
        for state in ("failed", "infeasible")
    ]
    for name, state, reasons in found:
        if reasons and state == "failed":
            say(f"{counted(len(reasons), 'run')} of {name} failed")
        elif reasons:
            what = f"{counted(len(reasons), 'run')} of {name} could not be begun: {reasons[0]}"
            say(f"{what}; under this name they are not tried again")
    return any(reasons for _, _, reasons in found)
