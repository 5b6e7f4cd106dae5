"""A sweep becomes one W&B sweep, made by the real client; what stands in the way is said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.search.wandb.conftest import LAUNCHABLE
from tests.wandb_server import sweeps as server_sweeps
from tests.wandb_server.serving import Server
from tlm_sweeps import api
from tlm_sweeps.errors import InputError, RunError, TlmError
from tlm_sweeps.runs.ledger import writing
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.search.wandb.launched import FILE, read_launched
from tlm_sweeps.search.wandb.launching import Launch, launch
from tlm_sweeps.search.wandb.offline import offline_spec
from tlm_sweeps.spec import SweepSpec
from tlm_sweeps.spec.carrying import carried_of


def spec(**changes: Any) -> SweepSpec:
    """A sweep of two feasible settings."""
    return SweepSpec.model_validate_json(json.dumps(LAUNCHABLE | changes))


def made(server: Server) -> list[str]:
    """Paths of the sweeps that the server has."""
    return [f"{each.entity}/{each.project}/{each.name}" for each in server.state.sweeps()]


def refused(runs: Path, **changes: Any) -> TlmError:
    """What a launch is refused with."""
    with pytest.raises(TlmError) as error:
        launch(spec(**changes), runs, entity="ann", project="tiny")
    assert error.value.problems[0].hint or error.value.exit_code == 1
    return error.value


def test_a_launch_makes_one_sweep_however_often_it_is_called(server: Server, tmp_path: Path):
    before = dict(os.environ)
    first = launch(spec(), tmp_path, entity="ann", project="tiny")
    again = launch(spec(question="In other words?", tracking={"tags": ["later"]}), tmp_path)
    assert (first.resumes, again.resumes) == (False, True)
    assert made(server) == [first.sweep.path] == [again.sweep.path]
    assert first.sweep.url == f"{server.url}/ann/tiny/sweeps/{first.sweep.id}"
    assert read_launched(tmp_path / "tiny") == first.sweep
    (sweep,) = server.state.sweeps()
    assert sweep.config == first.plan.config
    assert carried_of(sweep.config["parameters"]["tlm"]["value"]).spec == spec()
    assert {name: os.environ.get(name) for name in before} == before
    assert os.environ.keys() - before.keys() <= {"WANDB_SERVICE"}
    assert server.state.refusals == []
    assert "k" * 40 not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_the_specs_own_place_and_the_accounts_are_the_defaults(server: Server, tmp_path: Path):
    launch(spec(tracking={"project": "shapes"}), tmp_path)
    (path,) = made(server)
    assert path.startswith("ann/shapes/")


def test_another_spec_or_place_under_the_same_name_is_refused(server: Server, tmp_path: Path):
    launch(spec(), tmp_path, entity="ann", project="tiny")
    assert "seeds: 1 → 2" in str(refused(tmp_path, seeds=2))
    with pytest.raises(InputError, match="not in ann/other"):
        launch(spec(), tmp_path, project="other")
    assert len(made(server)) == 1


def test_a_deleted_sweep_is_made_anew_as_the_hint_says(server: Server, tmp_path: Path):
    first = launch(spec(), tmp_path, entity="ann", project="tiny")
    server.delete_sweep(first.sweep.id)
    hint = refused(tmp_path).problems[0].hint
    assert str(tmp_path / "tiny" / FILE) in hint
    (tmp_path / "tiny" / FILE).unlink()
    assert launch(spec(), tmp_path, entity="ann", project="tiny").sweep.id != first.sweep.id


def test_a_sweep_that_was_searched_here_is_not_mixed_with_one_of_w_and_b(server: Server, tmp_path: Path):
    with writing(tmp_path / "tiny"):
        pass
    assert "searched on this machine" in str(refused(tmp_path))
    assert made(server) == []


def test_without_a_key_nobody_is_logged_in(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WANDB_API_KEY")
    error = refused(tmp_path)
    assert "No API key" in error.problems[0].message or "not logged in" in error.problems[0].message
    assert "wandb login" in error.problems[0].hint
    assert not (tmp_path / "tiny" / FILE).exists()


def test_a_refused_key_is_not_shown(server: Server, tmp_path: Path):
    server.faults.refuses_key = True
    error = refused(tmp_path)
    assert "k" * 40 not in str(error)
    assert isinstance(error, InputError)


def test_what_the_server_has_against_a_config_is_an_error(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server_sweeps, "check_config", lambda _config: ["run_cap is too large"])
    with pytest.raises(RunError, match="run_cap is too large"):
        launch(spec(), tmp_path, entity="ann", project="tiny")
    assert not (tmp_path / "tiny" / FILE).exists()


def test_a_server_that_is_gone_is_said_and_nothing_is_remembered(server: Server, tmp_path: Path):
    server.faults.gone = True
    error = refused(tmp_path)
    assert server.url in error.problems[0].message
    assert "k" * 40 not in str(error)
    assert not (tmp_path / "tiny" / FILE).exists()


def test_an_infeasible_sweep_asks_nothing_of_the_server(server: Server, tmp_path: Path):
    server.faults.gone = True
    assert "no setting of the search space is feasible" in str(refused(tmp_path, budget={"flops": 1000}))


@pytest.mark.parametrize("has_scheduler", [True, False])
def test_a_local_scheduler_drives_the_sweep_where_the_server_can_be_driven(
    server: Server, tmp_path: Path, has_scheduler: bool
):
    server.state.features["SWEEPS_LOCAL_SCHEDULER"] = has_scheduler
    engine = {"kind": "wandb", "method": "random", "scheduler": "optuna"}
    first, again = (launch(spec(engine=engine), tmp_path, entity="ann", project="tiny") for _ in range(2))
    assert first.plan.way == again.plan.way == ("scheduler" if has_scheduler else "cells")
    assert _says_why(first) == (not has_scheduler)
    assert (tmp_path / "tiny" / "scheduler.py").exists() == has_scheduler
    assert server.state.refusals == []


def _says_why(launched: Launch) -> bool:
    return any("cannot be driven by a local scheduler" in note for note in launched.plan.notes)


def test_a_runs_folder_that_cannot_be_written_makes_no_sweep(server: Server, tmp_path: Path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file", encoding="utf-8")
    assert "cannot" in str(refused(blocked))
    assert made(server) == []


def test_what_was_launched_is_not_searched_here_and_not_ended_by_a_sync(server: Server, tmp_path: Path):
    launched = launch(spec(), tmp_path, entity="ann", project="tiny").sweep
    for other in (spec(), spec(engine={"sampler": "grid"}), offline_spec(spec())):
        with pytest.raises(InputError, match=f"was launched as {launched.path}"):
            next(sweep(other, tmp_path))
    with pytest.raises(InputError, match=r"holds no sweep|no run"):
        list(api.iter_sync("tiny", tmp_path))
    assert server.state.sweep(launched.id).state == "RUNNING"
