"""Whole sweeps, with real workers and real training: what users are promised."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.standing import read_status
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
Swept = Callable[..., tuple[Record, ...]]

SWEEP = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may have it ignored
from contextlib import closing
from pathlib import Path
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.spec.sweep import SweepSpec
spec = SweepSpec.model_validate_json(Path(sys.argv[1]).read_text())
with closing(sweep(spec, Path(sys.argv[2]), workers=1)) as pictures:
    for picture in pictures:
        print(len(picture.news), flush=True)
        if picture.news and len(sys.argv) > 3:
            os.kill(os.getpid(), int(sys.argv[3]))
"""
"""A sweep that, where a signal is named, gets it from itself as soon as a run has ended: never too late."""


def results(records: tuple[Record, ...]) -> list[dict[str, Any]]:
    """What must not depend on when and how often a sweep was interrupted."""
    timing = {"wall_seconds", "peak_memory_bytes", "started_at", "finished_at", "provenance"}
    return [record.model_dump(exclude=timing) for record in records]


def read(folder: Path) -> tuple[Record, ...]:
    with reading(folder) as ledger:
        return ledger.records()


def test_every_complete_run_spends_its_budget_and_the_record_is_whole(tiny: Tiny, swept: Swept):
    records = swept(tiny(seeds=2), workers=2)
    assert len(records) == 8
    for record in records:
        assert record.state == "complete"
        assert record.train_flops is not None
        assert 0.99e9 <= record.train_flops["matmul"] <= 1e9
        missing = {name for name, value in record.model_dump().items() if value is None}
        assert missing <= {"baseline", "epochs_asked", "test_scores", "started_from"}
        assert record.provenance.corpus["fingerprint"]
        assert 50 * 2**20 < (record.peak_memory_bytes or 0) < 2**30
    values = {record.trial: [] for record in records}
    for record in records:
        values[record.trial].append(record.val_nll)
    assert all(len(set(nlls)) == 2 for nlls in values.values()), "seeds differ"


def test_the_same_spec_gives_the_same_records(tiny: Tiny, swept: Swept):
    spec = tiny(engine={"sampler": "tpe", "trials": 3})
    assert results(swept(spec, runs="one")) == results(swept(spec, runs="two"))


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a sweep in a process of its own, which may signal itself."""
    processes: list[subprocess.Popen[str]] = []

    def begin(spec: SweepSpec, signal_: int | None = None) -> subprocess.Popen[str]:
        (tmp_path / "spec.json").write_text(spec.model_dump_json(exclude_unset=True))
        (tmp_path / "sweep.py").write_text(SWEEP)
        command = [sys.executable, str(tmp_path / "sweep.py"), str(tmp_path / "spec.json"), str(tmp_path / "runs")]
        command += [str(int(signal_))] if signal_ else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_sweep_taken_up_again_gives_the_records_of_an_uninterrupted_one(
    tiny: Tiny, swept: Swept, begun: Callable[..., subprocess.Popen[str]], tmp_path: Path, signal_: int
):
    spec = tiny(engine={"sampler": "tpe", "trials": 3})
    whole = swept(spec, runs="whole")
    begun(spec, signal_).communicate()
    before = read(tmp_path / "runs" / "tiny")
    assert any(record.state != "complete" for record in before) or len(before) < 3, "it was interrupted in the middle"
    if signal_ == signal.SIGINT:
        assert all(record.state in ("complete", "waiting") for record in before)
    assert results(swept(spec)) == results(whole)


def test_a_paused_run_goes_on_from_its_checkpoint(tiny: Tiny, swept: Swept, tmp_path: Path):
    spec = tiny(engine={"sampler": "random", "trials": 1}, budget={"flops": 4e9})
    with closing(sweep(spec, tmp_path / "runs", workers=1)) as pictures:
        for picture in pictures:
            if picture.running and picture.running[0].share > 0.3:
                break
    with reading(tmp_path / "runs" / "tiny") as ledger:
        (record,) = ledger.records()
        assert record.state == "waiting"
        step = ledger.checkpoint_step(record.run_id)
        assert step > 0
        assert ledger.reserved_flops() > 0, "what is half spent stays reserved"
    (resumed,) = swept(spec)
    (whole,) = swept(spec, runs="whole")
    assert results((resumed,)) == results((whole,))
    metrics = (tmp_path / "runs" / "tiny" / resumed.run_id / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in metrics] == sorted({json.loads(line)["step"] for line in metrics})


def test_a_sweep_of_one_large_run_is_computed_by_several_threads_and_resumes_with_as_many(
    tiny: Tiny, swept: Swept, tmp_path: Path
):
    large = {
        "model": {"kind": "transformer", "width": 256, "depth": 2, "heads": 4, "context": 128},
        "training": {"batch_size": 20},
        "evaluation": {"windows": 20},
    }
    spec = tiny(experiment=large, search={}, engine={}, budget={"flops": 1.7e11, "tolerance": 0.2})
    with closing(sweep(spec, tmp_path / "runs", workers=2)) as pictures:
        for picture in pictures:
            if picture.running and picture.running[0].share > 0.3:
                break
    (resumed,) = swept(spec, workers=1)
    (whole,) = swept(spec, workers=2, runs="whole")
    assert resumed.provenance.threads == whole.provenance.threads == 2
    assert results((resumed,)) == results((whole,))


def test_a_diverged_run_fails_with_its_reason_and_the_sweep_goes_on(tiny: Tiny, swept: Swept):
    search = {"training.learning_rate": [1e30, 3e-3]}
    failed, complete = swept(tiny(search=search, engine={"sampler": "grid"}))
    assert (failed.state, complete.state) == ("failed", "complete")
    assert failed.reason.startswith("diverged")
    assert failed.val_nll is None
    assert all(not (isinstance(value, float) and math.isnan(value)) for value in failed.model_dump().values())


def descendants(pid: int) -> list[tuple[int, str]]:
    """The processes below one, nearest first, with their command lines."""
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [
        (int(fields[0]), int(fields[1]), fields[2])
        for line in listing.stdout.splitlines()
        if (fields := line.split(None, 2))
    ]
    found = [(each, args) for each, parent, args in rows if parent == pid]
    return [*found, *(below for each, _ in found for below in descendants(each))]


def worker_pids() -> list[int]:
    """The worker processes that this process has started: forked by the nursery."""
    return [pid for pid, args in descendants(os.getpid()) if "nursery" in args][1:]


def swept_with_deaths(spec: SweepSpec, runs: Path, deaths: int, retries: int | None = None) -> list[str]:
    """Run a sweep and kill the worker of its first run so often; what was said of it."""
    said: list[str] = []
    seen: set[int] = set()
    for picture in sweep(spec, runs, workers=1, retries=retries):
        said += picture.complaints
        (worker,) = worker_pids() or [0]
        begun = picture.running and picture.running[0].trial == 0 and picture.running[0].share > 0
        if begun and len(seen) < deaths and worker not in seen:
            seen.add(worker)
            os.kill(worker, signal.SIGKILL)
    return said


def test_a_run_whose_worker_is_killed_goes_on_and_ends_as_if_nothing_had_happened(tiny: Tiny, tmp_path: Path):
    spec = tiny(engine={"sampler": "random", "trials": 2}, budget={"flops": 2e9})
    (said,) = swept_with_deaths(spec, tmp_path / "runs", 1)
    assert "signal 9 (SIGKILL), see worker-0.log" in said
    assert "retry 1 of 2" in said
    swept_with_deaths(spec, tmp_path / "undisturbed", 0)
    records = read(tmp_path / "runs" / "tiny")
    assert results(records) == results(read(tmp_path / "undisturbed" / "tiny"))
    with reading(tmp_path / "runs" / "tiny") as ledger:
        (death,) = ledger.deaths()
        assert (death.run_id, death.how) == (records[0].run_id, "signal 9 (SIGKILL)")
        assert read_status(tmp_path / "runs" / "tiny").deaths == (death,)
        kept = sum((record.train_flops or {})["matmul"] for record in records)
        assert kept < ledger.spent_flops() < 1.5 * kept, "what was trained again is charged besides"


def test_a_run_that_kills_every_worker_has_failed_and_the_sweep_goes_on(tiny: Tiny, tmp_path: Path):
    spec = tiny(engine={"sampler": "random", "trials": 2}, budget={"flops": 2e9})
    assert len(swept_with_deaths(spec, tmp_path / "runs", 3)) == 2
    failed, complete = read(tmp_path / "runs" / "tiny")
    assert failed.state == "failed"
    assert failed.reason == "its worker died 3 times, at last: signal 9 (SIGKILL), see worker-0.log"
    assert complete.state == "complete"
    with reading(tmp_path / "runs" / "tiny") as ledger:
        assert ledger.reserved_flops() == 0
        spent_in_vain = ledger.spent_flops() - (complete.train_flops or {})["matmul"]
        assert 0 < (failed.train_flops or {})["matmul"] <= spent_in_vain


@pytest.mark.parametrize(("retries", "state"), [(0, "failed"), (1, "complete")])
def test_a_run_is_gone_on_with_as_often_as_asked_for(tiny: Tiny, tmp_path: Path, retries: int, state: str):
    spec = tiny(engine={"sampler": "random", "trials": 1}, budget={"flops": 2e9})
    assert len(swept_with_deaths(spec, tmp_path / "runs", 1, retries)) == retries
    (record,) = read(tmp_path / "runs" / "tiny")
    assert record.state == state
    assert record.reason == ("" if retries else "its worker died: signal 9 (SIGKILL), see worker-0.log")
    (again,) = sweep(spec, tmp_path / "runs", workers=1)
    assert again.states == {state: 1}, "how often is no part of what the sweep is"


def test_workers_that_cannot_start_end_the_sweep_and_burn_no_trial(
    tiny: Tiny, swept: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torch.py").write_text("raise ImportError('no such processor')")
    with monkeypatch.context() as broken:
        broken.setenv("PYTHONPATH", str(tmp_path / "broken"))
        with pytest.raises(RunError, match="workers cannot start: exit code 1") as caught:
            swept(tiny(engine={"sampler": "random", "trials": 2}))
    assert "no such processor" in Path(caught.value.problems[0].place).read_text()
    assert all(record.state == "waiting" for record in read(tmp_path / "runs" / "tiny"))
    assert all(record.state == "complete" for record in swept(tiny(engine={"sampler": "random", "trials": 2})))


def test_workers_leave_when_the_coordinator_is_killed(tiny: Tiny, begun: Callable[..., subprocess.Popen[str]]):
    process = begun(tiny(budget={"flops": 4e9}))
    assert process.stdout is not None
    workers: list[int] = []
    while len(workers) < 2:  # the nursery and a worker
        assert process.stdout.readline(), "it is under way"
        workers = [pid for pid, _ in descendants(process.pid)]
    process.kill()
    process.wait()
    patience = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < patience, "a worker outlived its coordinator"


def test_the_total_is_never_overspent_and_says_where_it_ended(tiny: Tiny, swept: Swept, tmp_path: Path):
    spec = tiny(budget={"flops": 1e9, "total": 3.5e9}, engine={"sampler": "random", "trials": 10})
    records = swept(spec, workers=2)
    assert len(records) == 3
    with reading(tmp_path / "runs" / "tiny") as ledger:
        assert 2.97e9 <= ledger.spent_flops() <= 3.5e9
    grown = tiny(budget={"flops": 1e9, "total": 5e9}, engine={"sampler": "random", "trials": 10})
    assert len(swept(grown)) == 5, "a larger total goes on with the same search"


@pytest.mark.parametrize("account", ["6nd", "2nd"])
def test_budget_and_total_are_in_their_account(tiny: Tiny, swept: Swept, tmp_path: Path, account: str):
    budget = {"flops": 3e8, "total": 6.5e8, "account": account}
    records = swept(tiny(budget=budget, engine={"sampler": "random", "trials": 5}), workers=2)
    assert [record.state for record in records] == ["complete", "complete"]
    for record in records:
        assert record.train_flops is not None
        assert 0.99 * 3e8 <= record.train_flops[account] <= 3e8
    with reading(tmp_path / "runs" / "tiny") as ledger:
        assert ledger.spent_flops() == sum((record.train_flops or {})[account] for record in records)


def test_a_pruned_trial_is_charged_what_it_spent_and_its_other_seeds_are_not_trained(
    tiny: Tiny, swept: Swept, tmp_path: Path
):
    search = {"training.learning_rate": {"log_uniform": [1e-6, 1e-2]}}
    spec = tiny(search=search, engine={"sampler": "random", "trials": 9, "pruner": "median"}, seeds=2)
    records = swept(spec)
    pruned = [record for record in records if record.state == "pruned"]
    assert pruned
    for record in pruned:
        if record.seed == 0:
            assert record.train_flops is not None
            assert 0 < record.train_flops["matmul"] < 0.99e9
            assert record.test_nll is None, "test is not looked at"
        else:
            assert record.train_flops is None
    with reading(tmp_path / "runs" / "tiny") as ledger:
        spent = sum((record.train_flops or {"matmul": 0})["matmul"] for record in records)
        assert ledger.spent_flops() == spent


def test_a_changed_spec_under_the_same_name_is_refused_with_a_diff(tiny: Tiny, swept: Swept):
    swept(tiny(engine={"sampler": "random", "trials": 1}))
    changed = tiny(engine={"sampler": "random", "trials": 1}, budget={"flops": 2e9})
    with pytest.raises(InputError, match=r"budget\.flops") as caught:
        swept(changed)
    assert "another spec" in str(caught.value)
    assert "--set name=tiny-2" in caught.value.problems[0].hint
    more = tiny(engine={"sampler": "random", "trials": 2}, question="asked differently")
    assert len(swept(more)) == 2, "more trials go on with the same search"


def test_a_changed_text_under_the_same_name_is_refused(tiny: Tiny, swept: Swept, text: Path):
    spec = tiny(engine={"sampler": "random", "trials": 1})
    swept(spec)
    text.write_text(text.read_text() + " and so on")
    with pytest.raises(InputError, match="text of sweep `tiny` has changed"):
        swept(spec)


def test_an_infeasible_sweep_is_refused_before_anything_is_written(tiny: Tiny, swept: Swept, tmp_path: Path):
    for spec in (tiny(budget={"flops": 1e4}), tiny(baselines={"b": {"model.context": 10**6}})):
        with pytest.raises(InputError):
            swept(spec)
    assert not (tmp_path / "runs").exists()


def test_two_objectives_and_a_list_of_budgets_run(tiny: Tiny, swept: Swept):
    two = tiny(engine={"sampler": "nsga2", "trials": 5, "objectives": ["val_nll", "n_params"]})
    assert len([record for record in swept(two, workers=2) if record.state == "complete"]) == 5
    budgets = tiny(name="iso", budget={"flops": [5e8, 1e9]}, engine={"sampler": "random", "trials": 2})
    spent = sorted((record.train_flops or {})["matmul"] / (record.budget_flops or 1) for record in swept(budgets))
    assert len(spent) == 4
    assert all(0.99 <= share <= 1 for share in spent)


def test_runs_are_logged_to_wandb_offline_when_asked(tiny: Tiny, swept: Swept, tmp_path: Path):
    spec = tiny(engine={"sampler": "random", "trials": 1}, tracking={"wandb": "offline", "project": "tlm"})
    (record,) = swept(spec)
    (log,) = (tmp_path / "runs" / "tiny" / record.run_id).glob("wandb/**/*.wandb")
    inspect = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", "--summary", str(log)]
    read_back = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout
    assert str(record.val_nll)[:12] in read_back
