"""Agents of both kinds train what W&B's server offers: each setting once, at its budget, as Optuna's grid does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.search.wandb.conftest import Agents
from tests.wandb_server.serving import Server
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec

Tiny = Callable[..., SweepSpec]
Swept = Callable[..., tuple[Record, ...]]

GRID: dict[str, Any] = {
    "search": {"model.depth": [1, 2], "model.heads": [1, 2, 3]},
    "baselines": {"wide": {"model.width": 32, "model.heads": 1, "model.depth": 1}},
}


def test_two_agents_of_each_kind_train_the_grid_as_optuna_does(
    server: Server, tiny: Tiny, swept: Swept, launched: Callable[[SweepSpec], Any]
):
    agents = launched(tiny(**GRID, engine={"kind": "wandb", "method": "grid"}))
    agents.plain()
    server.until(lambda state: list(state.runs()))  # it is slow to start, and must not find everything done
    agents.ours()
    agents.finish()

    runs = list(server.state.runs())
    optuna = {str(each.settings): each for each in swept(tiny(**GRID, engine={"sampler": "grid"})) if each.val_nll}
    assert len(runs) == len(optuna) == 5, "a width of 16 has no 3 heads; the baseline is trained beside the search"
    assert {run.agent for run in runs} == {agent.id for agent in server.state.agents.values()}, "both had work"
    for run in runs:
        twin = next(each for each in optuna.values() if each.fingerprint == run.settings["fingerprint"])
        assert (run.state, run.exit_code, run.summary["state"]) == ("finished", 0, "complete")
        assert run.summary["val_nll"] == twin.val_nll, "bit for bit"
        assert run.summary["test_nll"] == twin.test_nll
        assert 0.99 <= run.summary["train_flops_matmul"] / 1e9 <= 1
        assert [line["val_nll"] for line in run.lines][-1] >= run.summary["val_nll"]
    best = min(runs, key=lambda run: run.summary["val_nll"])
    assert best.settings["fingerprint"] == min(optuna.values(), key=lambda each: each.val_nll or 9).fingerprint
    assert server.state.sweep(agents.path.rpartition("/")[2]).state == "FINISHED"


def test_what_does_not_fit_ends_at_once_with_its_reason_and_costs_nothing(
    server: Server, tiny: Tiny, launched: Callable[[SweepSpec], Any]
):
    search = {"model.heads": [1, 3], "training.learning_rate": {"log_uniform": [1e-3, 1e-2]}}
    agents = launched(tiny(search=search, engine={"kind": "wandb", "method": "bayes", "trials": 6}))
    agents.ours()
    agents.finish()
    by_state: dict[str, list[Any]] = {}
    for run in server.state.runs():
        by_state.setdefault(run.summary["state"], []).append(run)
    assert set(by_state) == {"complete", "infeasible"}, "the server draws with a fixed seed"
    for run in by_state["infeasible"]:
        assert "not divisible by heads 3" in run.summary["reason"]
        assert (run.state, run.exit_code, run.lines) == ("finished", 0, [])
        assert not [name for name in run.summary if name.startswith("train_flops")]
    assert all(run.settings["model"]["heads"] == 1 for run in by_state["complete"])


@pytest.mark.parametrize("kind", ["same", "next"])
def test_a_proposal_that_is_delivered_twice_is_trained_once(
    server: Server, tiny: Tiny, launched: Callable[[SweepSpec], Any], kind: Any
):
    server.faults.duplicate = kind
    search = {"model.depth": [1, 2]}
    agents = launched(tiny(search=search, engine={"kind": "wandb", "method": "grid"}))
    agents.ours()
    agents.ours()
    agents.finish()
    assert [run.opened for run in server.state.runs()] == [1, 1], [agents.said(each) for each in agents.running]
    assert sum("left alone" in agents.said(agent) for agent in agents.running) == 1


def test_a_run_that_another_machine_is_training_is_left_alone(
    server: Server, tiny: Tiny, launched: Callable[..., Any], tmp_path: Path
):
    server.faults.duplicate = "next"
    agents = launched(
        tiny(search={"model.depth": [1]}, budget={"flops": 1e10}, engine={"kind": "wandb", "method": "grid"})
    )
    agents.ours()
    run = server.until(lambda state: next(run for run in state.runs() if run.lines))
    (tmp_path / "elsewhere").mkdir()
    other = Agents(agents.path, tmp_path / "elsewhere")
    try:
        agent = other.ours()
        server.until(lambda _: "is training it" in other.said(agent))
        agents.finish()
        other.finish()
    finally:
        other.close()
    assert (run.opened, run.summary["state"]) == (1, "complete")


def test_seeds_of_one_proposal_are_runs_of_one_group(server: Server, tiny: Tiny, launched: Callable[[SweepSpec], Any]):
    search = {"training.learning_rate": {"log_uniform": [1e-3, 1e-2]}}
    agents = launched(tiny(search=search, seeds=2, engine={"kind": "wandb", "method": "random", "trials": 2}))
    agents.ours()
    agents.finish()
    runs = list(server.state.runs())
    assert len(runs) == 4
    for first in (run for run in runs if not run.name.endswith("-s1")):
        second = server.state.run(f"{first.name}-s1")
        assert second.group == first.group
        assert (first.settings["seed"], second.settings["seed"]) == (0, 1)
        assert second.sweep == first.sweep
        rate = "training.learning_rate"
        assert second.settings[rate] == first.settings[rate], "by its parameters the server's search knows it"
        assert second.summary["val_nll"] != first.summary["val_nll"]
