"""A plan read by a law: the loss of each shape at a new budget, and refusal where the law is of something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scaling.planted import TINY
from tests.scaling.swept import FACTS, spec_of, swept
from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.planning import plan_sweep
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.scaling.foretelling import foretold, foretold_notes, foretold_table, read_fit
from tlm_sweeps.report.scaling.sweep_points import Choice, observations_of
from tlm_sweeps.scaling.document import FitDocument
from tlm_sweeps.scaling.fitting import fit

_NEW = spec_of(budget={"flops": 3e12})


@pytest.fixture(scope="module")
def found() -> FitDocument:
    """The law of a sweep of up to 1 TFLOPs."""
    return fit(observations_of([swept()], Choice()), resamples=100)


def test_each_shape_is_foretold_as_its_law_has_it_the_best_first(found: FitDocument):
    plan = plan_sweep(_NEW, lambda _: FACTS)
    told = foretold(found, plan.trials, lambda _: FACTS)
    truth = [TINY.nll(each.n_params, each.n_tokens) for each in told]

    assert len(told) == len(plan.feasible) == 6
    assert [each.prediction.nll for each in told] == pytest.approx(truth, rel=0.02)
    assert truth[0] == pytest.approx(min(truth), rel=0.005)
    for each, nll in zip(told, truth, strict=True):
        assert each.prediction.interval[0] < nll < each.prediction.interval[1]
    assert foretold_table(found, told).rows[0].cells[-2] == f"{told[0].prediction.nll:.4f}"
    assert "3 TFLOPs is 3" in " ".join(foretold_notes(found, told))


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        ({"training": {"batch_size": 16, "predict": "last"}}, "training.predict is all; here it is last"),
        ({"model": {"kind": "mlp", "context": 32}, "training": {"predict": "last"}}, "model.kind is transformer"),
    ],
)
def test_another_kind_of_run_is_refused(found: FitDocument, experiment: dict[str, object], message: str):
    written = spec_of().experiment.model_dump(mode="json", exclude_unset=True)
    other = spec_of(experiment={**written, **experiment}, budget={"flops": 3e12})
    with pytest.raises(InputError, match=message):
        foretold(found, plan_sweep(other, lambda _: FACTS).trials, lambda _: FACTS)


def test_another_text_is_refused(found: FitDocument):
    other = CorpusFacts("ptb", "char", 97, 45_000_000, 56_000, 56_000, "4f" * 32)
    with pytest.raises(InputError, match="corpus fingerprint"):
        foretold(found, plan_sweep(_NEW, lambda _: other).trials, lambda _: other)


def test_what_is_no_fit_is_refused(tmp_path: Path):
    (tmp_path / "fit.json").write_text("{}")
    with pytest.raises(InputError, match="is no fit"):
        read_fit(tmp_path / "fit.json")
    with pytest.raises(InputError, match="cannot read"):
        read_fit(tmp_path / "none.json")


def test_a_fit_is_read_as_it_was_written(found: FitDocument, tmp_path: Path):
    (tmp_path / "fit.json").write_text(found.model_dump_json())

    assert read_fit(tmp_path / "fit.json") == found
