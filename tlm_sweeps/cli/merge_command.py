"""`merge`: sweeps that were trained in several places, in one folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tlm_sweeps.cli.options import Json

Target = Annotated[
    Path,
    typer.Argument(
        metavar="TARGET", help="Folder of sweeps to merge into, there or not. It takes part.", show_default=False
    ),
]
Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE...", help="Folders of sweeps, or of one sweep each. They are only read.", show_default=False
    ),
]


def merge(
    target: Target,
    sources: Sources,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and write nothing.")] = False,
    json: Json = False,
) -> None:
    """Bring sweeps of several machines together.

    A sweep that was trained in more than one place becomes one, each setting with each seed once: a complete run before
    one that is not, and what was spent everywhere is spent. Different sweeps lie beside each other. The same command
    goes on with a merge that was interrupted. Exit code 1 when something damaged was left out.
    """
    from tlm_sweeps.console.merging import merge_lines, merge_troubles
    from tlm_sweeps.console.streams import say, show, write_json
    from tlm_sweeps.runs.merge import merge as merged_sweeps

    found = []
    for each in merged_sweeps(target, sources, dry_run=dry_run):
        found.append(each)
        for line in merge_troubles(each):
            say(line)
        if not json:
            for line in merge_lines(each, dry_run=dry_run):
                show(line)
    if json:
        write_json([asdict(each) for each in found])
    if any(each.damaged for each in found):
        raise typer.Exit(1)
