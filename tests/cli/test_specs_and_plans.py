"""`init`, `spec` and `plan`: what is written is valid, what is planned adds up, and nothing is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Tlm = Callable[..., Any]


def test_the_spec_that_init_writes_is_valid_and_feasible(tlm: Tlm):
    assert tlm("init mine.yaml").code == 0
    assert tlm("spec check mine.yaml --json").data["name"] == "mine"


def test_init_overwrites_nothing(tlm: Tlm, spec: Path):
    before = spec.read_text()
    said = tlm("init tiny.yaml")
    assert (said.code, said.out, spec.read_text()) == (2, "", before)
    assert "exists" in said.err
    assert "hint:" in said.err


def test_check_says_name_size_and_budget(tlm: Tlm, spec: Path):
    said = tlm("spec", "check", spec)
    assert said.code == 0
    assert all(part in said.out for part in ("tiny", "4 settings", "1 baseline", "600 MFLOPs"))


def test_the_schema_is_one_of_a_sweep(tlm: Tlm):
    schema = tlm("spec schema").data
    assert {"name", "experiment", "search", "budget"} <= schema["properties"].keys()


def test_a_plan_has_every_setting_with_its_verdict_and_never_overspends(tlm: Tlm, spec: Path):
    plan = tlm("plan", spec, "--json").data
    assert (plan["sweep"], plan["whole"], plan["seeds"], plan["feasible"], plan["infeasible"]) == (
        "tiny",
        True,
        [0],
        3,
        2,
    )
    for trial in plan["trials"]:
        if trial["feasible"]:
            assert 0.99 * 6e8 <= trial["train_flops"]["matmul"] <= 6e8 == trial["budget_flops"]
            assert trial["train_flops"].keys() == {"matmul", "6nd", "2nd"}
            assert all(trial[name] > 0 for name in ("n_params", "steps", "epochs", "memory_bytes", "predicted_seconds"))
            assert trial["reason"] == ""
        else:
            assert trial["settings"]["model.heads"] == 3
            assert "divisible" in trial["reason"]
            assert trial["n_params"] is trial["train_flops"] is trial["steps"] is None
    assert [trial["baseline"] for trial in plan["trials"]] == ["linear", None, None, None, None]
    assert not Path("runs").exists()


def test_the_whole_sweep_is_the_sum_of_its_plan(tlm: Tlm, spec: Path):
    plan = tlm("plan", spec, "--set", "seeds=3", "--workers", "1", "--json").data
    feasible = [trial for trial in plan["trials"] if trial["feasible"]]
    assert plan["forecast"]["runs"] == 3 * len(feasible)
    assert plan["forecast"]["train_flops"] == 3 * sum(trial["train_flops"]["matmul"] for trial in feasible)
    seconds = 3 * sum(trial["predicted_seconds"] for trial in feasible)
    assert abs(plan["forecast"]["seconds"] / seconds - 1) < 1e-9


def test_a_sweep_with_a_pool_is_not_said_to_spend_more(tlm: Tlm, spec: Path):
    plan = tlm("plan", spec, "--set", "budget.total=1e9", "--json").data
    assert plan["forecast"]["train_flops"] == 10**9


def test_an_infinite_space_is_sampled(tlm: Tlm, spec: Path):
    change = "search.training.learning_rate={log_uniform: [1e-4, 1e-2]}"
    plan = tlm(
        "plan", spec, "--set", change, "--set", "engine={sampler: tpe, trials: 9}", "--sample", "5", "--json"
    ).data
    assert (len(plan["trials"]), plan["whole"]) == (6, False)


def test_the_table_of_a_plan_fits_a_pipe_and_has_every_setting(tlm: Tlm, spec: Path):
    said = tlm("plan", spec)
    assert said.code == 0
    assert "3 settings feasible, 2 infeasible" in said.out
    assert sum("divisible" in line for line in said.out.splitlines()) == 2
    assert all(line == line.rstrip() for line in said.out.splitlines())


def test_a_set_overrides_the_file(tlm: Tlm, spec: Path):
    plan = tlm("plan", spec, "--set", "model.width=32", "--json").data
    assert {trial["width"] for trial in plan["trials"] if trial["feasible"]} == {32}
