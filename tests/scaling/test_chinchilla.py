"""On the points of Chinchilla's figure 4, as later work extracted them, the fit gives that work's coefficients.

The points are not ours to spread: they are `data/svg_extracted_data.csv` of epoch-research/analyzing-chinchilla on
GitHub, which names no licence. The test runs where it lies in the data folder, as `chinchilla/svg_extracted_data.csv`.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from tlm_sweeps.scaling.csv_points import read_observations
from tlm_sweeps.scaling.document import FitDocument, IsoFlopFit, ParametricFit
from tlm_sweeps.scaling.fitting import fit

_POINTS = Path(os.environ.get("TLM_DATA", "data")) / "chinchilla" / "svg_extracted_data.csv"
_HIGHEST = 5
"""Losses that Besiroglu et al. leave out as outliers, which leaves 240 points."""

pytestmark = pytest.mark.skipif(not _POINTS.is_file(), reason="needs chinchilla/svg_extracted_data.csv in TLM_DATA")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> FitDocument:
    """Fitted as `fit --csv` does it."""
    with _POINTS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    limit = sorted(float(row["loss"]) for row in rows)[-_HIGHEST]
    kept = [row for row in rows if float(row["loss"]) < limit]
    lines = [f"{row['Model Size']},{row['Training FLOP']},{row['loss']}\n" for row in kept]
    path = tmp_path_factory.mktemp("chinchilla") / "points.csv"
    path.write_text("n_params,train_flops,loss\n" + "".join(lines), encoding="utf-8")
    return fit(read_observations(path), budgets=[5.76e23])


def test_it_is_the_minimum_that_their_own_grid_of_starts_found(found: FitDocument):
    """The last line of their notebook's exact replication of Hoffmann's method."""
    fitted = found.parametric
    assert isinstance(fitted, ParametricFit)
    assert found.basis.n_runs == 240
    assert fitted.E.value == pytest.approx(1.817235504463726, rel=1e-4)
    assert fitted.A.value == pytest.approx(477.84171252965143, rel=1e-3)
    assert fitted.B.value == pytest.approx(2143.8637880335505, rel=1e-3)
    assert fitted.alpha.value == pytest.approx(0.34731265761033453, rel=1e-4)
    assert fitted.beta.value == pytest.approx(0.3671826173946711, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "published", "standard_error"),
    [
        ("E", 1.82, 0.03),
        ("A", 482.01, 124.58),
        ("B", 2085.43, 1293.23),
        ("alpha", 0.3478, 0.02),
        ("beta", 0.3658, 0.02),
    ],
)
def test_it_is_what_they_published(found: FitDocument, name: str, published: float, standard_error: float):
    """Table 1 of arXiv 2404.10102: by a likelihood with a scale, so not the same minimum; and their standard errors."""
    each = getattr(found.parametric, name)
    assert each.value == pytest.approx(published, abs=0.15 * standard_error)
    assert each.interval[0] < published < each.interval[1]
    assert (each.interval[1] - each.interval[0]) / 4 == pytest.approx(standard_error, rel=0.6)


def test_chinchillas_own_budget_is_split_as_the_later_work_says(found: FitDocument):
    """About 20 tokens a parameter; by 70 B parameters and 1.4 T tokens, the model that was built."""
    split = next(each for each in found.best_splits if each.approach == "parametric")
    assert 15 < split.n_tokens.value / split.n_params.value < 25
    assert split.n_params.interval[0] < 70e9 < split.n_params.interval[1]
    assert isinstance(found.isoflop, IsoFlopFit)
    assert found.isoflop.a
    assert found.isoflop.a.interval[0] < 0.512 < found.isoflop.a.interval[1]
