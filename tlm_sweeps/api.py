"""The public Python API: load a spec, plan it, sweep it, read what came of it. The command line is a face of this.

    import tlm_sweeps as tlm

    spec = tlm.load("sweeps/quickstart.yaml", ["engine.trials=4"])
    results = tlm.sweep(spec, runs_dir="runs")
    frame = tlm.records("quickstart")

Everything heavy (torch, Optuna, pandas, plotly) is imported by the function that needs it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlm_sweeps.errors import InputError, did_you_mean
from tlm_sweeps.runs.folders import runs_folder, sweep_folder, sweep_names

if TYPE_CHECKING:
    import pandas as pd

    from tlm_sweeps.compute.planning import SweepPlan
    from tlm_sweeps.report.sources import SweepResults
    from tlm_sweeps.report.wandb.publishing import Published
    from tlm_sweeps.runs.record import Record
    from tlm_sweeps.search.devices import Asked
    from tlm_sweeps.search.progress import SweepProgress
    from tlm_sweeps.search.remote_asking import Workers
    from tlm_sweeps.search.standing import SweepStatus
    from tlm_sweeps.search.wandb.launched import LaunchedSweep
    from tlm_sweeps.search.wandb.syncing import SyncProgress
    from tlm_sweeps.spec.chaining import SharedTotal
    from tlm_sweeps.spec.loading import LoadedSweep
    from tlm_sweeps.spec.sweep import SweepSpec
    from tlm_sweeps.studies.published import Study
    from tlm_sweeps.tracking.wandb_paths import SweepPath

Place = str | PathLike[str]
"""A path, however it is written."""


def load(path: Place, overrides: Sequence[str] = ()) -> SweepSpec:
    """A sweep from its YAML file.

    Args:
        path: the file.
        overrides: as after `--set`: `model.width=64`.

    Raises:
        InputError: with every problem, its line and a hint.
    """
    return load_chain(path, overrides).spec


def load_chain(path: Place, overrides: Sequence[str] = ()) -> LoadedSweep:
    """A sweep from its YAML file with the sweeps that it is after, for `sweep`. Its `spec` is what `load` gives.

    Raises:
        InputError: with every problem of the first spec that has one.
    """
    from tlm_sweeps.spec.loading import load_sweep

    return load_sweep(Path(path), overrides)


def plan(spec: SweepSpec, *, data_dir: Place | None = None, sample: int = 50) -> SweepPlan:
    """Every setting of a finite space (`sample` settings of an infinite one) with verdict and cost. Trains nothing.

    Times are this machine's when `tlm-sweeps plan --calibrate` has been run on it, else those of a typical core.
    """
    from tlm_sweeps.compute.calibration import machine_of, precisions_of
    from tlm_sweeps.compute.planning import plan_sweep
    from tlm_sweeps.corpora.texts import facts_reader
    from tlm_sweeps.training.calibration import kept

    known = kept(precisions_of(spec)).calibrations
    machine = machine_of(known) if known else None
    return plan_sweep(spec, facts_reader(_path(data_dir)), sample=sample, machine=machine)


def iter_sweep(
    spec: SweepSpec,
    *,
    runs_dir: Place | None = None,
    data_dir: Place | None = None,
    workers: Workers = None,
    device: Asked = "auto",
    stack: int | None = None,
    argv: Sequence[str] = (),
    shared: Sequence[SharedTotal] = (),
    retries: int | None = None,
) -> Generator[SweepProgress]:
    """Run a sweep, or go on with it, a picture at a time; what it is after is not trained.

    Close the generator (`contextlib.closing`) to stop early: runs in flight are then checkpointed and can be resumed.

    Args:
        spec: what to run.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.
        data_dir: where named corpora are looked for first.
        workers: runs at a time; default as cores and memory allow. `OnRay(8)`: on the nodes of a Ray cluster.
        device: `auto` computes on the GPUs, if there are any.
        stack: most runs of one shape that are trained as one; default 8 on a GPU, 1 on a CPU.
        argv: the command, for the records; default this process's.
        shared: totals that cover it and other sweeps, as `LoadedSweep.totals_over` has them.
        retries: how often a run whose worker died is gone on with before it has failed; default 2.

    Raises:
        InputError: before anything is written, when the sweep cannot run.
    """
    from tlm_sweeps.search.sweeping import sweep as pictures_of

    yield from pictures_of(
        spec,
        runs_folder(_path(runs_dir)),
        data_dir=_path(data_dir),
        workers=workers,
        device=device,
        stack=stack,
        argv=tuple(argv),
        shared=shared,
        retries=retries,
    )


def sweep(
    spec: SweepSpec | LoadedSweep,
    *,
    runs_dir: Place | None = None,
    data_dir: Place | None = None,
    workers: Workers = None,
    device: Asked = "auto",
    stack: int | None = None,
    retries: int | None = None,
) -> SweepResults:
    """Run a sweep, or go on with it, to its end. The same call resumes.

    A spec that was loaded by `load_chain` is run after what it is after. The arguments are those of `iter_sweep`.
    """
    from tlm_sweeps.search.sweeping import in_startable_order

    order = in_startable_order(spec, runs_folder(_path(runs_dir)), _path(data_dir))
    pictures_of = partial(iter_sweep, runs_dir=runs_dir, data_dir=data_dir, workers=workers, device=device, stack=stack)
    for link, shared in order:
        with closing(pictures_of(link, shared=shared, retries=retries)) as pictures:
            for _ in pictures:
                pass
    return results(order[-1][0].name, runs_dir)


def results(name: str, runs_dir: Place | None = None) -> SweepResults:
    """Everything that a sweep has left behind, finished or not.

    Args:
        name: the sweep's, or `ENTITY/PROJECT/SWEEPID` of a W&B sweep, whose runs W&B is asked for.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.

    Raises:
        InputError: when there is no such sweep.
    """
    from tlm_sweeps.report.sources import SweepResults
    from tlm_sweeps.runs.ledger import reading
    from tlm_sweeps.search.standing import kept_spec

    if (at_wandb := _wandb_sweep(name, runs_dir)) is not None:
        from tlm_sweeps.report.wandb.reading import sweep_results

        return sweep_results(str(at_wandb))
    with reading(existing_folder(name, runs_dir)) as ledger:
        return SweepResults(
            spec=kept_spec(ledger),
            records=ledger.records(),
            curves=ledger.curves(),
            spent_flops=ledger.spent_flops(),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=shlex.join(json.loads(ledger.meta("argv") or "[]")),
        )


def records(name: str, runs_dir: Place | None = None) -> pd.DataFrame:
    """A sweep's records as a data frame: a row a run, nested fields as dotted columns.

    Args:
        name: the sweep's, or `ENTITY/PROJECT/SWEEPID` of a W&B sweep.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.

    Raises:
        InputError: when there is no such sweep.
    """
    import pandas as pd

    from tlm_sweeps.runs.export import flat

    found, _ = records_and_folder(name, runs_dir)
    return pd.DataFrame([flat(record) for record in found])


def records_and_folder(name: str, runs_dir: Place | None = None) -> tuple[tuple[Record, ...], Path]:
    """A sweep's records, and the folder that is the sweep's, which need not be there.

    Args:
        name: the sweep's, or `ENTITY/PROJECT/SWEEPID` of a W&B sweep, whose runs W&B is asked for.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.

    Raises:
        InputError: when there is no such sweep.
    """
    from tlm_sweeps.runs.ledger import reading

    if _wandb_sweep(name, runs_dir) is not None:
        found = results(name, runs_dir)
        return found.records, _own_folder(name, found, runs_dir)
    folder = existing_folder(name, runs_dir)
    with reading(folder) as ledger:
        return ledger.records(), folder


def status(name: str, runs_dir: Place | None = None) -> SweepStatus:
    """How far a sweep is, while it runs or after.

    Raises:
        InputError: when there is no such sweep, or it is W&B's.
    """
    from tlm_sweeps.search.standing import read_status

    return read_status(existing_folder(name, runs_dir))


def launched(name: str, runs_dir: Place | None = None) -> LaunchedSweep | None:
    """The W&B sweep that was launched under this name; None where there is none. W&B is not asked.

    Raises:
        InputError: when what the launch left cannot be read.
    """
    from tlm_sweeps.search.wandb.launched_here import launched_sweep

    return launched_sweep(runs_folder(_path(runs_dir)), name)


def write_report(name: str, runs_dir: Place | None = None, path: Place | None = None) -> Path:
    """Write a sweep's report as one HTML file.

    Args:
        name: the sweep, or `ENTITY/PROJECT/SWEEPID` of a W&B sweep.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.
        path: where to; default: `report.html` in the sweep's folder.

    Raises:
        InputError: when there is no such sweep, or no run of it is complete.
    """
    from tlm_sweeps.report import page

    found = results(name, runs_dir)
    return page.write_report(found, _path(path) or _own_folder(name, found, runs_dir) / "report.html")


def publish_report(
    name: str, runs_dir: Place | None = None, *, entity: str | None = None, project: str | None = None
) -> Published:
    """Write a sweep's report as a W&B Report, or bring the one that was written before up to date.

    Args:
        name: the sweep, or `ENTITY/PROJECT/SWEEPID` of a W&B sweep.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.
        entity: whose it is; default: as the sweep's runs, else the login's own.
        project: where it is; default: that of the sweep's runs.

    Returns:
        Where it is, and what it says of panels that stay empty.

    Raises:
        InputError: when there is no such sweep, no run of it is complete, or W&B cannot be asked.
    """
    from tlm_sweeps.report.wandb.placing import place_of
    from tlm_sweeps.report.wandb.publishing import publish

    found = results(name, runs_dir)
    place = place_of(found.spec, _wandb_sweep(name, runs_dir, after=True), entity=entity, project=project)
    return publish(found, place, _own_folder(name, found, runs_dir))


def report_request(
    name: str, runs_dir: Place | None = None, *, entity: str | None = None, project: str | None = None
) -> dict[str, Any]:
    """What `publish_report` would send to W&B. Of a sweep on this machine no server is asked anything.

    Raises:
        InputError: when there is no such sweep, or no run of it is complete.
    """
    from tlm_sweeps.report.wandb.document import build_report, request_of
    from tlm_sweeps.report.wandb.placing import place_of

    found = results(name, runs_dir)
    place = place_of(found.spec, _wandb_sweep(name, runs_dir, after=True), entity=entity, project=project)
    return request_of(build_report(found, place))


def export_study(name: str, runs_dir: Place | None = None, path: Place | None = None) -> Path:
    """Write a sweep's search as a normal Optuna study, in a new SQLite file.

    Args:
        name: the sweep, and the study's name.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.
        path: where to; default: `<name>.optuna.sqlite3` in the sweep's folder.

    Raises:
        InputError: when there is no such sweep, or the file exists.
    """
    from tlm_sweeps.runs.ledger import reading
    from tlm_sweeps.search import optuna_export
    from tlm_sweeps.search.standing import kept_spec

    folder = existing_folder(name, runs_dir, only_searched_here=True)
    chosen = _path(path) or folder / f"{name}.optuna.sqlite3"
    with reading(folder) as ledger:
        optuna_export.export_study(kept_spec(ledger), ledger, chosen)
    return chosen


def iter_sync(
    name: str,
    runs_dir: Place | None = None,
    *,
    entity: str | None = None,
    project: str | None = None,
    data_dir: Place | None = None,
) -> Generator[SyncProgress]:
    """Upload to W&B what its client kept of a sweep on this machine, a picture at a time. Called again, it goes on.

    Args:
        name: the sweep, or the folder that an agent trained in.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.
        entity: W&B user or team; default the spec's, else the account's own.
        project: W&B project; default the spec's.
        data_dir: where named corpora are looked for first.

    Raises:
        InputError: when there is nothing to upload, or nobody to upload it to.
        RunError: when the server stops answering.
    """
    from tlm_sweeps.corpora.texts import facts_reader
    from tlm_sweeps.search.wandb.launched import trained_in
    from tlm_sweeps.search.wandb.syncing import sync as pictures_of

    runs = runs_folder(_path(runs_dir))
    folder = sweep_folder(runs, name)
    if not folder.is_dir():
        there = [path.name for path in runs.glob("*/") if path.is_dir()]
        hint = did_you_mean(name, there) if there else "name the folder of all sweeps with --runs-dir"
        raise InputError(f"no sweep `{name}` in {runs}", hint=hint)
    yield from pictures_of(trained_in(folder), facts_reader(_path(data_dir)), entity=entity, project=project)


def study_sweeps(study: Study, *, kept: Place | None = None, runs_dir: Place | None = None) -> dict[str, SweepResults]:
    """The sweeps that there are of a study, by name, whatever specs they were made by; `studies.reproduction` compares.

    Args:
        study: with the tables, claims and questions that are wanted; of kept records, all are read.
        kept: folder of kept records, to be read instead of the runs folder.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.

    Raises:
        InputError: for a folder without records of it.
    """
    from tlm_sweeps.studies.choosing import kept_sweeps

    if kept is not None:
        return kept_sweeps(study, Path(kept))
    begun = sweep_names(runs_folder(_path(runs_dir)))
    return {name: results(name, runs_dir) for name in study.sweeps if name in begun}


def existing_folder(name: str, runs_dir: Place | None = None, *, only_searched_here: bool = False) -> Path:
    """The folder of a sweep that has been begun on this machine.

    Args:
        name: the sweep's.
        runs_dir: folder of all sweeps; default: TLM_RUNS, else `runs`.
        only_searched_here: whether whoever asks has no use for W&B sweeps, so that none is proposed.

    Raises:
        InputError: when there is none of that name, with the nearest one; or when it is W&B's.
    """
    from tlm_sweeps.search.wandb.launched_here import launched_names
    from tlm_sweeps.tracking.wandb_paths import is_sweep_path, sweep_path

    runs = runs_folder(_path(runs_dir))
    if is_sweep_path(name):
        raise _searched_at_wandb(name, str(sweep_path(name)))
    folder, known = sweep_folder(runs, name), sweep_names(runs)
    if name in known:
        return folder
    if (at_wandb := launched(name, runs_dir)) is not None:
        raise _searched_at_wandb(name, at_wandb.path)
    valid = known if only_searched_here else (*known, *launched_names(runs))
    hint = did_you_mean(name, valid) if valid else "start one with `tlm-sweeps sweep SPEC`, or name its --runs-dir"
    raise InputError(f"no sweep `{name}` in {runs}", hint=hint)


def _searched_at_wandb(name: str, path: str) -> InputError:
    message = f"`{name}` is a W&B sweep" + (f", {path}" if path != name else "")
    hint = f"`tlm-sweeps report {name}` and `tlm-sweeps export {name}` tell of its runs"
    return InputError(f"{message}: W&B searches, and this needs a sweep that was searched on this machine", hint=hint)


def _wandb_sweep(name: str, runs_dir: Place | None, *, after: bool = False) -> SweepPath | None:
    """The W&B sweep that a name stands for, or that a sweep of this machine became; else None.

    Args:
        name: the sweep's, or a path of a W&B sweep.
        runs_dir: folder of all sweeps.
        after: also of a sweep that ran here and was uploaded; else only where W&B's runs are all there is.
    """
    from tlm_sweeps.search.wandb.launched import read_launched
    from tlm_sweeps.tracking.wandb_paths import SweepPath, is_sweep_path, sweep_path

    if is_sweep_path(name):
        return sweep_path(name)
    runs = runs_folder(_path(runs_dir))
    if name in sweep_names(runs) and not after:
        return None
    launched = read_launched(sweep_folder(runs, name))
    return launched and SweepPath(launched.entity, launched.project, launched.id)


def _own_folder(name: str, found: SweepResults, runs_dir: Place | None) -> Path:
    """The folder of a sweep, made or not: of one that was not launched here, as its agents name it."""
    from tlm_sweeps.search.wandb.launched_here import folder_of
    from tlm_sweeps.tracking.wandb_paths import is_sweep_path, sweep_path

    runs = runs_folder(_path(runs_dir))
    if not is_sweep_path(name):
        return sweep_folder(runs, name)
    path = sweep_path(name)
    return folder_of(runs, path) or sweep_folder(runs, f"{found.spec.name}-{path.sweep_id}")


def _path(place: Place | None) -> Path | None:
    return None if place is None else Path(place)
