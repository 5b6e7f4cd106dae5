"""The W&B Report as the JSON that W&B's page would read: loadable, complete, the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import leaderboard
from tlm_sweeps.report.wandb.document import Place, build_report, request_of
from tlm_sweeps.report.wandb.panels import RunsOf
from tlm_sweeps.report.wandb.workspaces import reports

Make = Callable[..., SweepResults]
BY_FINGERPRINT = Place("team", "tlm", RunsOf(None, "0123456789abcdef"))
HOSTILE = "a | b\n<script>alert(1)</script> **bold** [x](http://evil.example) $\\alpha$ `code`"


@pytest.fixture(scope="module")
def sweep(make_results: Make) -> SweepResults:
    return make_results()


@pytest.fixture(scope="module")
def request_(sweep: SweepResults) -> dict[str, Any]:
    return request_of(build_report(sweep, BY_FINGERPRINT))


def blocks(request_: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [block for block in request_["spec"]["blocks"] if block["type"] == kind]


def panels(request_: dict[str, Any], view: str) -> list[dict[str, Any]]:
    grids = blocks(request_, "panel-grid")
    found = [panel for grid in grids for panel in grid["metadata"]["panelBankSectionConfig"]["panels"]]
    return [panel["config"] for panel in found if panel["viewType"] == view]


def runsets(request_: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for grid in blocks(request_, "panel-grid"):
        yield from grid["metadata"]["runSets"]


def headings(request_: dict[str, Any]) -> list[str]:
    return [block["children"][0]["text"] for block in blocks(request_, "heading")]


def under(request_: dict[str, Any], heading: str) -> str:
    """All words of a section."""
    listed = request_["spec"]["blocks"]
    start = next(place for place, block in enumerate(listed) if block.get("children") == [{"text": heading}])
    words = []
    for block in listed[start + 1 :]:
        if block["type"] == "heading":
            break
        words.append(block.get("content") or json.dumps(block, ensure_ascii=False))
    return "\n".join(words)


def test_wandb_workspaces_reads_what_is_sent(request_: dict[str, Any], sweep: SweepResults):
    wr, _ = reports()
    sent = {
        "id": "VmlldzoxMjM=",
        "name": "x",
        "displayName": request_["displayName"],
        "description": request_["description"],
        "project": {"name": "tlm", "entityName": "team"},
        "createdAt": "2025-07-02T07:00:00Z",
        "updatedAt": "2025-07-02T07:00:00Z",
        "spec": json.dumps(request_["spec"]),
    }

    read = wr.Report._from_model(wr.interface.internal.ReportViewspec.model_validate(sent))  # noqa: SLF001 - what `from_url` does with an answer

    assert request_of(read)["spec"]["blocks"] == request_["spec"]["blocks"]
    assert not [block for block in read.blocks if type(block).__name__.startswith("Unknown")]


def test_the_question_and_the_answer_come_first(request_: dict[str, Any], sweep: SweepResults):
    best = leaderboard(sweep)[0]

    assert headings(request_)[0] == sweep.spec.question
    assert f"(trial {best.trial}" in under(request_, sweep.spec.question)
    assert "How sure" in under(request_, sweep.spec.question)


def test_every_section_holds_its_facts(request_: dict[str, Any], sweep: SweepResults):
    best = leaderboard(sweep)[0]

    assert f"| 1 | {best.trial} |" in under(request_, "Leaderboard")
    for nll in best.val_nll_by_seed.values():
        assert f"{nll:.4f}" in under(request_, "Seeds")
    lowest = min(each.val_nll for curve in sweep.curves.values() for each in curve)
    assert f"{lowest:.4f}" in under(request_, "NLL against FLOPs").splitlines()[-1]
    assert "the loss became NaN" in under(request_, "What did not finish")
    assert "Importance: " in under(request_, "Hyperparameters")
    origin = under(request_, "Where it comes from")
    assert str(sweep.records[0].provenance.commit) in origin
    assert sweep.records[0].provenance.corpus["fingerprint"] in origin
    assert "model.depth: [1, 2, 3, 4, 6]" in origin


def test_nll_is_drawn_against_flops_on_a_logarithmic_axis_with_the_frontier(request_: dict[str, Any]):
    (curves,) = [each for each in panels(request_, "Run History Line Plot") if each.get("xLogScale")]
    (ends,) = panels(request_, "Scatter Plot")

    assert (curves["xAxis"], curves["metrics"]) == ("spent_flops", ["val_nll"])
    assert (ends["xAxis"], ends["yAxis"]) == ("summary:train_flops_matmul", "summary:val_nll")
    assert ends["xAxisLogScale"] and ends["showMinYAxisLine"]  # noqa: PT018 - both make the frontier


def test_searched_fields_are_coordinates_and_ranges_in_logs_are_drawn_so(request_: dict[str, Any]):
    (drawn,) = panels(request_, "Parallel Coordinates Plot")
    (importance,) = panels(request_, "Parameter Importance")

    columns = {column["accessor"]: column.get("log") for column in drawn["columns"]}
    assert columns == {
        "config:settings.value.model.depth": None,
        "config:settings.value.model.heads": None,
        "config:settings.value.model.context": None,
        "config:settings.value.training.epochs": None,
        "config:settings.value.training.learning_rate": True,
        "summary:val_nll": None,
    }
    assert importance["targetKey"] == "val_nll"


def test_curves_over_flops_are_means_over_the_seeds_of_a_trial(request_: dict[str, Any]):
    curves = [each for each in panels(request_, "Run History Line Plot") if each.get("groupBy")]

    assert {each["metrics"][0] for each in curves} == {"val_nll", "train_nll", "learning_rate", "flop_per_second"}
    assert {(each["xAxis"], each["groupBy"], each["groupAgg"], each["groupArea"]) for each in curves} == {
        ("spent_flops", "group", "mean", "minmax")
    }


def test_several_budgets_get_isoflop_curves_with_a_run_set_each(request_: dict[str, Any], make_results: Make):
    several = request_of(build_report(make_results(trials=4, budgets=(2e11, 6e11)), BY_FINGERPRINT))

    assert "IsoFLOP curves" not in headings(request_)
    assert "IsoFLOP curves" in headings(several)
    (by_size,) = [each for each in panels(several, "Scatter Plot") if each["xAxis"] == "config:n_params.value"]
    assert by_size["zAxis"] == "config:budget.value.flops"
    of_one = [runset["filters"]["filters"][1] for runset in runsets(several) if len(runset["filters"]["filters"]) > 1]
    assert [(each["key"]["name"], each["value"]) for each in of_one] == [
        ("budget.value.flops", 200_000_000_000),
        ("budget.value.flops", 600_000_000_000),
    ]
    assert "| 200 GFLOPs |" in under(several, "IsoFLOP curves")


@pytest.mark.parametrize(
    ("runs", "key", "value"),
    [
        (
            RunsOf(None, "0123456789abcdef"),
            {"section": "config", "name": "sweep.value.fingerprint"},
            "0123456789abcdef",
        ),
        (RunsOf("abcd1234", "0123456789abcdef"), {"section": "run", "name": "sweep"}, "abcd1234"),
    ],
)
def test_only_the_sweeps_own_runs_are_shown(runs: RunsOf, key: dict[str, str], value: str, sweep: SweepResults):
    made = request_of(build_report(sweep, Place("team", "tlm", runs)))

    first = [runset["filters"]["filters"][0] for runset in runsets(made)]
    assert len(first) >= 3
    assert all((each["key"], each["op"], each["value"]) == (key, "=", value) for each in first)


def test_the_same_results_make_the_same_report(sweep: SweepResults, request_: dict[str, Any]):
    assert request_of(build_report(sweep, BY_FINGERPRINT)) == request_


def test_what_users_write_stays_words(make_results: Make):
    results = make_results(trials=12, question=HOSTILE)
    failed = next(record for record in results.records if record.state == "failed")
    records = tuple(
        record.model_copy(update={"reason": HOSTILE}) if record is failed else record for record in results.records
    )
    made = request_of(build_report(replace(results, records=records), BY_FINGERPRINT))

    text = under(made, "What did not finish")
    assert "\\<script\\>" in text
    assert "\\[x\\]" in text
    row = next(line for line in text.splitlines() if line.startswith("| failed"))
    assert row.replace("\\|", "").count("|") == 6


def test_a_title_is_as_long_as_wandb_allows(make_results: Make):
    made = request_of(build_report(make_results(trials=1, question="why? " * 60), BY_FINGERPRINT))

    assert len(made["displayName"]) == 128
    assert made["displayName"].startswith("quickstart: why? why?")


def test_a_sweep_without_a_search_or_a_ranked_trial_has_no_empty_sections(make_results: Make):
    results = make_results(trials=0, search={}, baselines={"linear": {"model.kind": "linear"}})
    left_open = [record.model_copy(update={"state": "running"}) for record in results.records if record.seed == 1]
    complete = [record for record in results.records if record.seed == 0]
    made = request_of(build_report(replace(results, records=(*complete, *left_open)), BY_FINGERPRINT))

    assert "Hyperparameters" not in headings(made)
    assert "Seeds" not in headings(made)
    assert "none is ranked" in under(made, results.spec.question)
    assert under(made, "What did not finish") == "Every run is complete or still open."


def test_without_a_complete_run_there_is_nothing_to_report(make_results: Make):
    results = make_results(trials=1)

    with pytest.raises(InputError, match="nothing to report"):
        build_report(replace(results, records=()), BY_FINGERPRINT)
