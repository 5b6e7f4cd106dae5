"""An entity that the account does not have: named, with those there are; other failures stay what they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.search.wandb.conftest import LAUNCHABLE
from tests.wandb_server.serving import Server
from tlm_sweeps.cli.app import main
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.search.wandb.destination import Destination
from tlm_sweeps.search.wandb.launching import launch
from tlm_sweeps.spec import SweepSpec


@pytest.fixture
def spec() -> SweepSpec:
    return SweepSpec.model_validate_json(json.dumps(LAUNCHABLE | {"search": {"model.depth": [1, 2]}}))


def test_a_launch_for_an_entity_that_is_not_there_names_those_there_are(
    server: Server, spec: SweepSpec, tmp_path: Path
):
    server.state.entities.add("crew")
    with pytest.raises(InputError, match="W&B has no entity `nosuch` for you") as refused:
        launch(spec, tmp_path, entity="nosuch", project="tiny")
    assert refused.value.problems[0].hint == "valid: ann, crew"
    assert list(server.state.sweeps()) == []
    assert not (tmp_path / "tiny").exists() or not list((tmp_path / "tiny").iterdir())


def test_a_misspelt_entity_is_answered_with_the_nearest(server: Server, spec: SweepSpec, tmp_path: Path):
    server.state.entities.add("crew")
    with pytest.raises(InputError, match="did you mean `crew`"):
        launch(spec, tmp_path, entity="crow", project="tiny")


def test_what_is_refused_for_another_reason_stays_that(server: Server, spec: SweepSpec, tmp_path: Path):
    server.faults.fail(5, only="UpsertSweep", status=403)
    with pytest.raises(RunError, match="W&B did not make the sweep"):
        launch(spec, tmp_path, entity="ann", project="tiny")


def test_asking_an_entity_that_is_not_there_is_not_put_off(server: Server):
    with pytest.raises(InputError, match="no entity `nosuch`") as refused:
        Destination("nosuch", "tiny").runs(["abc"])
    assert "later" not in str(refused.value)


@pytest.mark.parametrize(
    ("option", "value"), [("--entity", "a/b"), ("--entity", ""), ("--project", "x y"), ("--project", "")]
)
def test_a_name_that_cannot_be_one_is_refused_before_anything_is_looked_at(
    option: str, value: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    code = main(["sync", "tiny", "--runs-dir", str(tmp_path), option, value])
    said = capfd.readouterr().err
    assert code == 2
    assert f"`{value}` cannot be a name" in said
    assert option in said
    assert "hint: a name holds letters" in said
