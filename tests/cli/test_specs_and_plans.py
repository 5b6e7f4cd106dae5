"""`init`, `spec` and `plan`: what is written is valid, what is planned adds up, and nothing is trained."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.compute.calibration import Calibration, Timing
from tlm_sweeps.training import calibration as calibrations
from tlm_sweeps.training.probes import probes

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
    once = tlm("plan", spec, "--workers", "1", "--json").data
    two_more = 2 * sum(trial["predicted_seconds"] for trial in feasible)
    assert plan["forecast"]["seconds"] - once["forecast"]["seconds"] == pytest.approx(two_more)


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
    (why,) = (line for line in said.out.splitlines() if "divisible" in line)
    assert why.split()[0] == "2", "settings are infeasible for the same reason, which is said once"
    assert all(line == line.rstrip() for line in said.out.splitlines())


def test_a_plan_of_many_settings_shows_the_first_ones_and_says_how_many_more(tlm: Tlm, spec: Path):
    rates = ", ".join(f"{number / 1000}" for number in range(1, 101))
    many = ("--set", f"search.training.learning_rate=[{rates}]")
    plan = tlm("plan", spec, *many, "--json").data
    lines = tlm("plan", spec, *many).out.splitlines()
    (more,) = (number for number, line in enumerate(lines) if "more setting" in line)
    first = next(number for number, line in enumerate(lines) if "───" in line) + 1
    left_out = int(lines[more].split()[1])
    assert 0 < left_out == plan["feasible"] - (more - first)
    assert f"{plan['infeasible']} infeasible" in "\n".join(lines)


def test_a_set_overrides_the_file(tlm: Tlm, spec: Path):
    plan = tlm("plan", spec, "--set", "model.width=32", "--json").data
    assert {trial["width"] for trial in plan["trials"] if trial["feasible"]} == {32}


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calibration:
    """Of a machine on which every batch takes a second, made two days ago by three workers and kept."""
    monkeypatch.setenv("TLM_CACHE", str(tmp_path / "cache"))
    timings = tuple(
        Timing(
            experiment=probe.experiment,
            vocabulary_size=probe.vocabulary_size,
            training_seconds=1.0,
            scoring_seconds=1.0,
        )
        for probe in probes("fp32")
    )
    made = Calibration(
        origin=calibrations.origin("fp32"),
        code="older",
        made_at=(datetime.now(UTC) - timedelta(days=2, hours=1)).isoformat(),
        workers=3,
        timings=timings,
        seconds_to_start=1.0,
        seconds_per_run=0.1,
        others_share=0.4,
    )
    calibrations.keep(made)
    return made


def test_a_plan_that_rests_on_no_calibration_says_so(tlm: Tlm, spec: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TLM_CACHE", str(spec.parent / "empty"))
    assert "not calibrated" in tlm("plan", spec).out
    assert tlm("plan", spec, "--json").data["calibrations"] == []


def test_a_plan_uses_the_kept_calibration_and_says_what_it_is_worth(tlm: Tlm, spec: Path, calibrated: Calibration):
    plan = tlm("plan", spec, "--workers", "2", "--json").data
    steps = [(trial["steps"], trial["predicted_seconds"]) for trial in plan["trials"] if trial["feasible"]]
    assert all(seconds > 0.3 * count for count, seconds in steps), "a step takes about a second"
    assert plan["calibrations"][0]["made_at"] == calibrated.made_at
    said = tlm("plan", spec, "--workers", "2").out
    assert all(part in said for part in ("2 days ago", "for 3 workers, not for 2", "changed", "40%"))


def test_a_damaged_calibration_is_said_and_not_used(tlm: Tlm, spec: Path, calibrated: Calibration, tmp_path: Path):
    (file,) = (tmp_path / "cache" / "calibration").glob("*.json")
    file.write_text("{")
    said = tlm("plan", spec)
    assert said.code == 0
    assert "damaged" in said.out


def test_a_spec_that_is_wrong_is_refused_before_anything_is_timed(tlm: Tlm, spec: Path, tmp_path: Path):
    said = tlm("plan", spec, "--calibrate", "--set", "experiment.corpus={path: nowhere.txt}")
    assert (said.code, said.out) == (2, "")
    assert "timing" not in said.err
