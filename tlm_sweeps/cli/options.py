"""Arguments and options that several commands share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from tlm_sweeps.errors import InputError, did_you_mean
from tlm_sweeps.search.devices import Asked
from tlm_sweeps.search.remote_asking import OnRay
from tlm_sweeps.search.remote_asking import Workers as AskedWorkers

Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="The sweep's YAML file.", show_default=False)]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Override a field, e.g. model.width=64. Can be repeated."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The sweep's name.", show_default=False)]
RunsDir = Annotated[
    Path | None,
    typer.Option("--runs-dir", metavar="DIR", help="Folder of all sweeps. Default: $TLM_RUNS, else runs."),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Folder in which named corpora are looked for. Default: $TLM_DATA."),
]
_WORKERS_HELP = "Runs at a time, a core each. auto: as cores and memory allow. ray: on a Ray cluster."
Workers = Annotated[
    str,
    typer.Option("--workers", metavar="N|auto|ray[:N]", help=_WORKERS_HELP),
]
Device = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda", help="Where to compute. auto: on the GPUs, if there are any."),
]
Stack = Annotated[
    int | None,
    typer.Option("--stack", min=1, help="Most runs of one shape to train as one. Default: 8 on a GPU, 1 on a CPU."),
]
Retries = Annotated[
    int | None,
    typer.Option(
        "--retries",
        metavar="N",
        help="How often a run whose worker died is gone on with; then it has failed. Default: 2.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def device_of(written: str) -> Asked:
    """What stands behind `--device`."""
    for known in get_args(Asked):
        if written == known:
            return known
    raise InputError(f"{written} is no device", place="--device", hint=did_you_mean(written, get_args(Asked)))


def workers_of(written: str) -> AskedWorkers:
    """What stands behind `--workers`; None for as many as make sense here."""
    if written == "auto":
        return None
    engine, colon, number = written.rpartition(":")
    if (engine or number) == "ray":
        return OnRay(_number_of_workers(number, written) if colon else None)
    return _number_of_workers(written, written)


def _number_of_workers(number: str, written: str) -> int:
    try:
        workers = int(number)
    except ValueError:
        workers = 0
    if not 1 <= workers <= 1024:
        raise InputError(
            f"{written} is no number of workers",
            place="--workers",
            hint="a whole number from 1 to 1024, auto, or ray or ray:8",
        )
    return workers
