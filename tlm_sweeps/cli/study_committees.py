"""The committees of *Tiny language models*: read where they are kept, and formed where their runs are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    from tlm_sweeps.committees.document import CommitteeDocument
    from tlm_sweeps.report.sources import SweepResults
    from tlm_sweeps.studies.published import Study
    from tlm_sweeps.studies.tiny_committees import Seats


def committees_kept(study: Study, folder: Path) -> tuple[CommitteeDocument, ...]:
    """Those beside kept records.

    Args:
        study: whose.
        folder: holds a folder of the study's name, or is that folder.

    Raises:
        InputError: a file cannot be read.
    """
    from tlm_sweeps.studies.kept_committees import read_committees

    own = folder / study.name
    return read_committees(own if own.is_dir() else folder)


def committees_formed(
    study: Study,
    sweeps: Mapping[str, SweepResults],
    seeds: int | None,
    *,
    runs: Path,
    keep_in: Path | None,
    argv: tuple[str, ...],
    times_again: bool = False,
) -> tuple[CommitteeDocument, ...]:
    """Those of the runs folder; what is missing is formed and timed, which takes some seconds each.

    A committee that cannot be formed, since files of a run are missing or damaged, is said and left out.

    Args:
        study: with the claims that are wanted.
        sweeps: what was found, by name.
        seeds: of the study that count.
        runs: folder of all sweeps.
        keep_in: folder where the study's records are kept; None: nowhere.
        argv: the command, for the documents.
        times_again: whether those that are known are formed and timed anew.

    Raises:
        InputError: a document cannot be read or written.
    """
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.studies.admitting import admit
    from tlm_sweeps.studies.kept_committees import keep_committee, read_committees
    from tlm_sweeps.studies.tiny_committees import seated, seats

    counted = admit(study.identities, sweeps, seeds, study.runs_per_seed)
    known = {each.seats.key: each.document for each in seated(read_committees(runs / study.name), counted)}
    for each in seats(counted):
        if times_again or each.key not in known:
            say(f"forming and timing the committee {each.key}")
            try:
                known[each.key] = _formed(each, runs, argv)
            except InputError as error:
                problem = error.problems[0]
                say(f"not formed, {each.key}: {problem.message} (at {problem.place}); hint: {problem.hint}")
                continue
            keep_committee(known[each.key], each.key, runs / study.name)
        if keep_in is not None:
            keep_committee(known[each.key], each.key, keep_in)
    return tuple(known.values())


def _formed(each: Seats, runs: Path, argv: tuple[str, ...]) -> CommitteeDocument:
    from tlm_sweeps.committees.forming import Asked, form

    members = tuple(f"{record.sweep}/{record.run_id}" for record in each.members)
    beside = (f"{each.deep.sweep}/{each.deep.run_id}",)
    return form(Asked(members=members, against=beside, command=argv), runs)
