"""The runs of a sweep that W&B's client kept on this machine: who they are, and where their files lie.

A sweep that was searched here has one ledger. What an agent trained for a W&B sweep has one for each proposal, in
`runs/<name>-<sweep id>/<W&B's run id>/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.ledger import FILE, reading
from tlm_sweeps.runs.ledger_lock import writer_of
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.search.standing import kept_spec
from tlm_sweeps.search.wandb.offline import place_of
from tlm_sweeps.spec.sweep import SweepSpec

_OVER = ("complete", "pruned", "infeasible", "failed")


@dataclass(frozen=True)
class LocalRun:
    """A run that is over and that W&B's client kept."""

    record: Record
    measurements: tuple[Measurement, ...]
    """Its evaluations in order, as the ledger has them."""
    wandb_id: str
    logs: tuple[Path, ...]
    """One for each session."""


@dataclass(frozen=True)
class LocalSweep:
    """What there is of a sweep on this machine."""

    folder: Path
    spec: SweepSpec
    was_searched_here: bool
    """Whether this machine proposed the trials; else W&B's server did, and its runs know their sweep."""
    runs: tuple[LocalRun, ...]
    """Those that are over."""
    unfinished: int
    """Runs that are still to be trained, or trained on."""
    untracked: int
    """Runs that were trained and of which W&B's client kept nothing."""
    superseded: int
    """Trainings that are no run of a ledger's any more: the run was trained anew under another id."""


def local_sweep(folder: Path) -> LocalSweep:
    """Look at a sweep's folder.

    Raises:
        InputError: when it holds no sweep, or runs are being trained there.
    """
    ledgers = [folder] if (folder / FILE).exists() else sorted(path.parent for path in folder.glob(f"*/{FILE}"))
    specs: list[SweepSpec] = []
    runs: list[LocalRun] = []
    unfinished = untracked = superseded = 0
    for each in ledgers:
        _ensure_idle(each)
        with reading(each) as ledger:
            if ledger.meta("spec") is None:
                continue  # it was begun, and killed before it held anything
            spec = kept_spec(ledger)
            specs.append(spec)
            curves = ledger.curves()
            for record in ledger.records():
                if record.state not in _OVER:
                    unfinished += 1
                    continue
                by_id = _logs(each / record.run_id)
                if not by_id:
                    untracked += record.started_at is not None
                    continue
                wandb_id = _expected(spec, record, by_id)
                superseded += len(by_id) - 1
                runs.append(LocalRun(record, tuple(curves.get(record.run_id, ())), wandb_id, tuple(by_id[wandb_id])))
    if not specs:
        raise InputError(f"no runs in {folder}", hint="`tlm-sweeps list` shows the sweeps there are")
    return LocalSweep(folder, specs[0], ledgers == [folder], tuple(runs), unfinished, untracked, superseded)


def _ensure_idle(folder: Path) -> None:
    writer = writer_of(folder)
    if writer is not None:
        raise InputError(
            f"sweep `{folder.name}` is being run by pid {writer.pid} on {writer.host}",
            hint="sync when it has ended, or pause it with Ctrl-C first",
        )


def _expected(spec: SweepSpec, record: Record, by_id: dict[str, list[Path]]) -> str:
    """The id under which a run was trained as its ledger has it: the spec's, else the one that was begun last."""
    place = place_of(spec, record)
    if place is not None and place.run_id in by_id:
        return place.run_id
    return max(by_id, key=lambda each: by_id[each][-1].parent.name.partition("run-")[2])


def _logs(run_folder: Path) -> dict[str, list[Path]]:
    """The files of a run's sessions by W&B's id of the run; there are several ids if it was trained anew."""
    by_id: dict[str, list[Path]] = {}
    for log in sorted(_files(run_folder)):
        by_id.setdefault(log.stem.removeprefix("run-"), []).append(log)
    return by_id


def _files(run_folder: Path) -> Iterator[Path]:
    return (run_folder / "wandb").glob("*run-*/run-*.wandb")
