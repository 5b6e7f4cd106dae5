"""`fit` as the shell calls it, on a CSV file and on a sweep's ledger that a test made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import drawn, needs_chromium
from tests.scaling.planted import planted
from tests.scaling.swept import swept, write_ledger
from tlm_sweeps.spec.yaml_writing import to_yaml

Tlm = Callable[..., Any]


@pytest.fixture
def points(tmp_path: Path) -> Path:
    """A CSV file in the folder where commands are run."""
    rows = [f"{point.n_params},{point.n_tokens},{point.nll}\n" for point in planted(noise=0.003)]
    path = tmp_path / "points.csv"
    path.write_text("n_params,n_tokens,loss\n" + "".join(rows))
    return path


@pytest.mark.usefixtures("points")
def test_tables_for_people(tlm: Tlm):
    said = tlm("fit --csv points.csv --budget 1e14 --budget '1 PFLOPs' --resamples 60")

    assert said.code == 0, said.err
    for word in ("For 100 TFLOPs", "For 1 PFLOPs", "the law foretells", "α", "2: isoFLOP minima", "C^-0."):
        assert word in said.out


@pytest.mark.usefixtures("points")
def test_a_document_for_programs(tlm: Tlm):
    said = tlm("fit --csv points.csv --resamples 60 --json")

    assert said.code == 0, said.err
    assert said.data["parametric"]["alpha"]["value"] == pytest.approx(0.45, abs=0.05)
    assert len(said.data["parametric"]["laws"]) == 60
    assert [split["beyond"] for split in said.data["best_splits"]] == pytest.approx([1, 1, 10, 10], rel=1e-3)
    assert said.data["command"] == "tlm-sweeps fit --csv points.csv --resamples 60 --json"


@needs_chromium
@pytest.mark.usefixtures("points")
def test_a_page_that_a_browser_draws(tlm: Tlm, tmp_path: Path):
    said = tlm("fit --csv points.csv --resamples 60 --html fit.html")

    assert "wrote fit.html" in said.err
    page = drawn(tmp_path / "fit.html", tmp_path)
    for key in ("fit-compute", "fit-isoflop", "fit-splits", "fit-residuals"):
        assert f'id="{key}"' in page
    assert page.count("js-plotly-plot") >= 4


def test_a_sweep_is_read_from_its_ledger(tlm: Tlm, tmp_path: Path):
    write_ledger(tmp_path / "runs", swept(seeds=1))
    said = tlm("fit scaled --only model.depth=2 --resamples 60 --json")

    assert said.code == 0, said.err
    assert said.data["basis"]["sources"] == ["scaled"]
    assert said.data["basis"]["n_settings"] == 24
    assert said.data["basis"]["alike"]["training.predict"] == "all"


def test_a_plan_foretells_its_shapes_by_a_fit_of_such_runs(tlm: Tlm, tmp_path: Path):
    results = swept(seeds=1)
    write_ledger(tmp_path / "runs", results)
    Path("new.yaml").write_text(to_yaml(results.spec.model_copy(update={"name": "new", "seeds": 1})))
    fitted = tlm("fit scaled --resamples 60 --json").data
    Path("fit.json").write_text(json.dumps(fitted))
    other = tlm("plan new.yaml --set budget.flops=1e11 --from-fit fit.json")
    assert other.code == 2
    assert "the law is of runs whose corpus fingerprint is 3f3f" in other.err

    del fitted["basis"]["alike"]["corpus fingerprint"]
    Path("fit.json").write_text(json.dumps(fitted))
    told = tlm("plan new.yaml --set budget.flops=1e11 --from-fit fit.json --json").data["foretold"]
    assert [each["settings"]["model.width"] for each in told]
    assert told == sorted(told, key=lambda each: each["predicted_nll"])
    assert all(each["interval"][0] < each["predicted_nll"] < each["interval"][1] for each in told)
    said = tlm("plan new.yaml --set budget.flops=1e11 --from-fit fit.json").out
    assert "Foretold by the law of scaled" in said
    assert f"{told[0]['predicted_nll']:.4f}" in said


@pytest.mark.usefixtures("points")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("fit", "nothing to fit to"),
        ("fit nothing", "no sweep `nothing`"),
        ("fit nothing --csv points.csv", "`nothing` stands beside a file"),
        ("fit --csv points.csv --params all", "this is for sweeps only"),
        ("fit --csv points.csv --only a=b", "this is for sweeps only"),
        ("fit --csv none.csv", "cannot read `none.csv`"),
        ("fit --csv points.csv --budget soon", "'soon' is no FLOP count"),
        ("fit --csv points.csv --budget -3", "no FLOP count"),
        ("fit --csv points.csv --budget inf", "no FLOP count"),
        ("fit --csv points.csv --budget 1e300", "more than a million times the largest budget"),
        ("fit nothing --only depth", "`depth` is not of the form name=value"),
        ("fit nothing --params embeddings", "embeddings"),
        ("fit --csv points.csv --resamples 60 --html points.csv/x.html", "cannot be written"),
    ],
)
def test_bad_input_is_one_message(tlm: Tlm, words: str, message: str):
    said = tlm(words)

    assert said.code == 2
    assert message in said.err
    assert said.err.count("error:") == 1
    assert said.out == ""
