"""Running what a sweep is after, sweep by sweep, each as its own command would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tlm_sweeps.cli.following import follow

if TYPE_CHECKING:
    from tlm_sweeps.cli.machinery import Machinery
    from tlm_sweeps.search.progress import SweepProgress
    from tlm_sweeps.spec.loading import LoadedSweep


def follow_links(
    loaded: LoadedSweep, machinery: Machinery, *, argv: tuple[str, ...], no_report: bool, json: bool
) -> None:
    """Run every sweep that comes before this one to its end; nothing is begun before all of them can be.

    Args:
        loaded: the sweep that they are run for.
        machinery: how.
        argv: the command, for the records and for going on after an interrupt.
        no_report: as given to `--no-report`.
        json: whether stdout gets events.

    Raises:
        InputError: when one of them, or the sweep itself, cannot be run or gone on with.
        typer.Exit: when it was interrupted; the same command goes on.
    """
    if not loaded.links:
        return
    _ensure_startable(loaded, machinery.runs_dir, machinery.data_dir)
    for number, link in enumerate(loaded.links, start=1):
        _say_turn(loaded, number, json=json)
        last = follow(link.spec, link, machinery, argv=argv, json=json, within=loaded)
        _say_end(last, machinery.runs_dir, no_report=no_report, json=json)
    _say_turn(loaded, len(loaded.links) + 1, json=json)


def _ensure_startable(loaded: LoadedSweep, runs_dir: Path | None, data_dir: Path | None) -> None:
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.corpora.texts import facts_reader
    from tlm_sweeps.runs.folders import runs_folder
    from tlm_sweeps.search.sweeping import ensure_startable

    facts_of, runs = facts_reader(data_dir), runs_folder(runs_dir)
    for each in (*loaded.links, loaded):
        with located(each):
            ensure_startable(each, runs, facts_of, within=loaded)


def _say_turn(loaded: LoadedSweep, number: int, *, json: bool) -> None:
    from tlm_sweeps.console.following import write_event
    from tlm_sweeps.console.streams import say

    members = [each.spec.name for each in (*loaded.links, loaded)]
    name, before = members[number - 1], f"before {loaded.spec.name}"
    if json:
        write_event("link", {"sweep": name, "number": number, "of": len(members)})
    else:
        say(f"sweep {number} of {len(members)}: {name}" + (f", {before}" if number < len(members) else ""))


def _say_end(last: SweepProgress, runs_dir: Path | None, *, no_report: bool, json: bool) -> None:
    """What a command of its own would say, but for the leaderboard."""
    from tlm_sweeps import api
    from tlm_sweeps.console.following import picture, write_event
    from tlm_sweeps.console.lines import ending_of
    from tlm_sweeps.console.streams import say

    any_complete = bool(last.states.get("complete"))
    report = api.write_report(last.sweep, runs_dir) if any_complete and not no_report else None
    if json:
        write_event("link_finished", picture(last) | {"report": report and str(report)})
    else:
        say(ending_of(last) + (f"; report: {report}" if report else ""))
