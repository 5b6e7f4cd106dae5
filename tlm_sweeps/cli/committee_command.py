"""`committee`: several fine-tuned runs answer together, beside a deep model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlm_sweeps.cli.options import Json, RunsDir
from tlm_sweeps.errors import InputError

Members = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="The members: SWEEP, SWEEP/TRIAL (its number, or a baseline's name) or SWEEP/RUN.",
        show_default=False,
    ),
]


def committee(
    context: typer.Context,
    members: Members,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="NAME", help="A model beside it, named alike; its runs are seeds."),
    ] = None,
    sizes: Annotated[
        str | None, typer.Option("--sizes", metavar="N,N…", help="Committee sizes. Default: 1 to all members.")
    ] = None,
    subsets: Annotated[int, typer.Option("--subsets", min=1, help="Most committees of a size to look at.")] = 250,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds in which latency is timed.")] = 30,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write an HTML page with figures too.")
    ] = None,
    runs_dir: RunsDir = None,
    *,
    mixed: Annotated[bool, typer.Option("--mixed", help="Let members have different settings.")] = False,
    no_latency: Annotated[bool, typer.Option("--no-latency", help="Time nothing.")] = False,
    json: Json = False,
) -> None:
    """Let fine-tuned runs answer together, as a soft committee.

    Mean logit, mean probability and majority vote: accuracy against size, parameters, FLOPs and time of a prediction,
    and, beside other models, which is better for the same pre-training FLOPs. Trains nothing.
    """
    from tlm_sweeps.committees.forming import Asked, form
    from tlm_sweeps.console.committee_view import committee_view
    from tlm_sweeps.console.streams import out, say, show, write_json
    from tlm_sweeps.runs.folders import runs_folder

    asked = Asked(
        members=tuple(members),
        against=tuple(against or ()),
        sizes=_sizes(sizes),
        most_subsets=subsets,
        is_mixed=mixed,
        rounds=0 if no_latency else rounds,
        command=tuple(context.obj or ()),
    )
    found = form(asked, runs_folder(runs_dir))
    if output is not None:
        from tlm_sweeps.committees.page import write_committee

        say(f"wrote {write_committee(found, output)}")
    if json:
        write_json(found.model_dump(mode="json"))
    else:
        show(committee_view(found, out()))


def _sizes(written: str | None) -> tuple[int, ...]:
    """The numbers behind `--sizes`."""
    if written is None:
        return ()
    try:
        return tuple(int(word) for word in written.split(","))
    except ValueError:
        hint = "write whole numbers with commas between, such as 1,2,4"
        raise InputError(f"`{written}` are no sizes", place="--sizes", hint=hint) from None
