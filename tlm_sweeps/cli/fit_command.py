"""`fit`: scaling laws of sweeps, or of any CSV file. Trains nothing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlm_sweeps.cli.options import Json, RunsDir
from tlm_sweeps.errors import InputError
from tlm_sweeps.scaling.choices import Sizes, Tokens, Which
from tlm_sweeps.spec.sweep import Account

if TYPE_CHECKING:
    from tlm_sweeps.scaling.observations import Observations


def fit(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Sweeps, or ENTITY/PROJECT/SWEEPID of W&B sweeps.", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Instead of sweeps: rows of n_params, loss, and n_tokens or train_flops (C = 6 N D).",
        ),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="FLOPS",
            help="Training FLOPs to split between size and tokens, e.g. 1e14. Can be repeated. "
            "Default: the largest that was trained, and ten times that.",
        ),
    ] = None,
    params: Annotated[
        Sizes | None, typer.Option("--params", help="What N counts: with embeddings or without. Default: all.")
    ] = None,
    tokens: Annotated[
        Tokens | None,
        typer.Option("--tokens", help="What D counts: predicted tokens, or those that flow through. Default: targets."),
    ] = None,
    settings: Annotated[
        Which | None,
        typer.Option("--settings", help="best: of each size at each budget; all: every setting. Default: best."),
    ] = None,
    account: Annotated[
        Account | None, typer.Option("--account", help="How FLOPs are counted. Default: as the sweeps' budgets.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME=VALUE", help="Runs with this value, e.g. training.predict=all."),
    ] = None,
    resamples: Annotated[int, typer.Option("--resamples", min=50, max=10_000, help="Refits behind an interval.")] = 400,
    output: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML page with figures too.")
    ] = None,
    runs_dir: RunsDir = None,
    *,
    json: Json = False,
) -> None:
    """Fit scaling laws to sweeps, or to any CSV file.

    L(N, D) = E + A / N^α + B / D^β, isoFLOP minima, and the power law of the frontier, with bootstrap intervals; how a
    budget is best split between size and tokens; and whether the law of the cheaper runs foretells the dearest.
    """
    from tlm_sweeps.console.fit_view import fit_view
    from tlm_sweeps.console.streams import out, say, show, write_json
    from tlm_sweeps.scaling.fitting import fit as fit_observations

    given = {"--params": params, "--tokens": tokens, "--settings": settings, "--account": account, "--only": only}
    asked = [_flops(each) for each in budget or ()]
    if csv is not None:
        _ensure_only_csv(names, [option for option, value in given.items() if value])
        from tlm_sweeps.scaling.csv_points import read_observations

        observed = read_observations(csv)
    else:
        observed = _of_sweeps(names or (), runs_dir, params, tokens, settings, account, only or ())
    command = shlex.join(context.obj or ())
    found = fit_observations(observed, budgets=asked, resamples=resamples, command=command)
    if output is not None:
        from tlm_sweeps.report.scaling.page import write_fit

        say(f"wrote {write_fit(found, output)}")
    if json:
        write_json(found.model_dump(mode="json"))
    else:
        show(fit_view(found, out()))


def _of_sweeps(
    names: Sequence[str],
    runs_dir: Path | None,
    params: Sizes | None,
    tokens: Tokens | None,
    settings: Which | None,
    account: Account | None,
    only: Sequence[str],
) -> Observations:
    from tlm_sweeps import api
    from tlm_sweeps.report.scaling.sweep_points import Choice, observations_of

    if not names:
        raise InputError("nothing to fit to", place="tlm-sweeps fit", hint="name sweeps, or a file: --csv runs.csv")
    choice = Choice(
        account, params or "all", tokens or "targets", settings or "best", dict(_pair(each) for each in only)
    )
    return observations_of([api.results(name, runs_dir) for name in dict.fromkeys(names)], choice)


def _ensure_only_csv(names: Sequence[str] | None, options: Sequence[str]) -> None:
    """Refuse what is said of sweeps where a file is read."""
    if names:
        raise InputError(f"`{names[0]}` stands beside a file", place="--csv", hint="fit sweeps or a file, not both")
    if options:
        hint = f"leave out {options[0]}: a file's columns say what they count"
        raise InputError("this is for sweeps only", place=options[0], hint=hint)


def _pair(written: str) -> tuple[str, str]:
    name, equals, value = written.partition("=")
    if not (name and equals and value):
        hint = "write `--only NAME=VALUE`, such as training.predict=all"
        raise InputError(f"`{written}` is not of the form name=value", place="--only", hint=hint)
    return name, value


def _flops(written: str) -> float:
    from tlm_sweeps.units import parse_flops

    try:
        return parse_flops(float(written) if _is_number(written) else written)
    except ValueError as error:
        raise InputError(str(error), place="--budget", hint="write a number such as 1e14, or `100 TFLOPs`") from None


def _is_number(written: str) -> bool:
    try:
        float(written)
    except ValueError:
        return False
    return True
