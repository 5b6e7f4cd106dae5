"""The options of `sweep --launch slurm`, and what they ask for. Without `--launch` they are refused."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tlm_sweeps.errors import InputError
from tlm_sweeps.launching.asked import Asked


class Launch(StrEnum):
    """Where a sweep can be run instead of here."""

    slurm = "slurm"


LaunchOption = Annotated[
    Launch | None,
    typer.Option("--launch", help="Submit the sweep as one job instead of running it here."),
]
NodesOption = Annotated[
    int | None, typer.Option("--nodes", metavar="N", min=1, max=1024, help="Of the job. Several need Ray. Default: 1.")
]
GpusOption = Annotated[
    int | None, typer.Option("--gpus-per-node", metavar="N", min=1, max=64, help="Of each node. Default: none.")
]
TimeOption = Annotated[
    str | None,
    typer.Option("--time", metavar="LIMIT", help="Of the job, as Slurm writes it: 4:00:00. Default: the partition's."),
]
PartitionOption = Annotated[str | None, typer.Option("--partition", metavar="NAME", help="Where the job waits.")]
AccountOption = Annotated[str | None, typer.Option("--account", metavar="NAME", help="Who is charged for the job.")]
RequeueOption = Annotated[
    bool,
    typer.Option("--requeue", help="Put the job back when its time is over or it is preempted, until all is trained."),
]
FurtherOption = Annotated[
    list[str] | None,
    typer.Option("--slurm-option", metavar="OPTION", help="For sbatch, e.g. --qos=low. Can be repeated."),
]


def asked_of(
    launch: Launch | None,
    *,
    nodes: int | None,
    gpus_per_node: int | None,
    time: str | None,
    partition: str | None,
    account: str | None,
    requeue: bool,
    options: list[str] | None,
) -> Asked | None:
    """The job that is asked for; None when the sweep is to run here.

    Raises:
        InputError: for an option of a job where none is asked for.
    """
    if launch is not None:
        return Asked(nodes or 1, gpus_per_node, time, partition, account, requeue, tuple(options or ()))
    given = {
        "--nodes": nodes,
        "--gpus-per-node": gpus_per_node,
        "--time": time,
        "--partition": partition,
        "--account": account,
        "--requeue": requeue,
        "--slurm-option": options,
    }
    for option, value in given.items():
        if value:
            hint = f"add `--launch slurm`, or leave {option} out"
            raise InputError(f"{option}: only a job has that, and none is asked for", place=option, hint=hint)
    return None
