"""A W&B sweep on the stand-in, whose runs the real client logged; and this process logged in there."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from tests.wandb_server.serving import KEY, Server, serving
from tests.wandb_server.state import Sweep
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.ledger import FILE, Proposal, writing
from tlm_sweeps.runs.record import Measurement, Record
from tlm_sweeps.search.wandb.launched import LaunchedSweep, write_launched
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.sweep import SweepSpec, TrackingSpec
from tlm_sweeps.tracking.tracked_run import PLANNED, TrackedRun, WandbPlace
from tlm_sweeps.tracking.tracker import open_tracker

SWEEP_ID = "abcd1234"
PATH = f"ann/tlm/{SWEEP_ID}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The stand-in, to which everybody in this process is logged in."""
    with serving() as running, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("WANDB_BASE_URL", running.url)
        patch.setenv("WANDB_API_KEY", KEY)
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        yield running
        import wandb

        wandb.teardown()


def carrying(spec: SweepSpec) -> Sweep:
    """A W&B sweep as `tlm-sweeps sweep --engine wandb` makes it, as far as a reader looks."""
    carried = {"version": "0", "spec": spec.model_dump(mode="json", exclude_unset=True), "corpora": {}}
    value = json.dumps(carried | {"fingerprint": fingerprint(spec)})
    config = {"name": spec.name, "method": "grid", "parameters": {"tlm": {"value": value}}}
    return Sweep("U3dlZXA6MQ==", SWEEP_ID, "ann", "tlm", config, yaml.safe_dump(config))


def remember_launched(runs: Path, spec: SweepSpec, base_url: str) -> None:
    """Leave what a launch of the sweep leaves in a runs folder."""
    sweep = LaunchedSweep(
        id=SWEEP_ID,
        entity="ann",
        project="tlm",
        base_url=base_url,
        url=f"{base_url}/ann/tlm/sweeps/{SWEEP_ID}",
        fingerprint=fingerprint(spec),
        spec=spec,
        created_at="2025-07-01T12:00:00+00:00",
    )
    write_launched(runs / spec.name, sweep)


def put(server: Server, sweep: Sweep) -> None:
    """Give the server a sweep."""
    with server.state.lock:
        server.state.project(sweep.entity, sweep.project).sweeps[sweep.name] = sweep


def tell(spec: SweepSpec, record: Record, measurements: Sequence[Measurement], folder: Path, run_id: str) -> None:
    """Let the real client log a run under the sweep, as a worker does."""
    known = record.model_dump(mode="json")
    folder.mkdir(parents=True)
    run = TrackedRun(
        run_id=record.run_id,
        sweep=record.sweep,
        sweep_fingerprint=fingerprint(spec),
        trial=record.trial,
        seed=record.seed,
        settings=record.settings,
        spec=record.spec,
        budget_flops=record.budget_flops,
        account="matmul",
        n_params=record.n_params,
        folder=folder,
        provenance=known["provenance"],
        planned={name: known[name] for name in PLANNED},
        place=WandbPlace(sweep_id=SWEEP_ID, run_id=run_id, group=f"{record.sweep}-{record.trial:08x}"),
    )
    tracker = open_tracker(TrackingSpec(wandb="online", project="tlm", entity="ann"), run)
    for each in measurements:
        tracker.log(each)
    tracker.finish(known, record.state)


@pytest.fixture(scope="module")
def told(server: Server, make_results, tmp_path_factory: pytest.TempPathFactory) -> SweepResults:
    """A small sweep's results, all of which W&B was told."""
    results: SweepResults = make_results(trials=1, seeds=2, evaluations=5)
    put(server, carrying(results.spec))
    folder = tmp_path_factory.mktemp("runs")
    for place, record in enumerate(results.records):
        curve = results.curves[record.run_id]
        tell(results.spec, record, curve, folder / record.run_id, f"run{place}")
    server.until(lambda state: sum(run.ended for run in state.runs()) >= len(results.records))
    return results


Keep = Callable[[SweepResults], None]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Write a sweep's results into a ledger, in a runs folder that is this test's own, in place of the one before."""

    def write(results: SweepResults) -> None:
        folder = tmp_path / results.spec.name
        (folder / FILE).unlink(missing_ok=True)
        by_trial: defaultdict[int, list[Record]] = defaultdict(list)
        for record in results.records:
            by_trial[record.trial].append(record)
        with writing(folder) as ledger:
            ledger.set_meta({"spec": results.spec.model_dump_json(exclude_unset=True), "argv": "[]"})
            for trial, records in by_trial.items():
                first = records[0]
                proposal = Proposal(
                    trial, first.budget_flops, first.baseline, first.settings, "trial", "", first.fingerprint, {}
                )
                ledger.propose(proposal, tuple(records))

    return write
