"""The specs of the study train what its tables say, to the last parameter and the last printed digit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tlm_sweeps.compute.planning import PlannedTrial, SweepPlan
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.studies.arms import is_of
from tlm_sweeps.studies.choosing import study_of
from tlm_sweeps.studies.published import Cell, PrintedFlops, Published, Table
from tlm_sweeps.studies.tradeoffs import TRADEOFFS

FILES_OF = {
    "1": ["table-1.yaml"],
    "2": ["table-2-ptb.yaml", "table-2-wikitext-2.yaml"],
    "3": ["table-3.yaml"],
    **{key: [f"sweep-{key}.yaml"] for key in ("context", "hidden", "heads", "depth")},
}
Planned = Callable[[str], tuple[SweepSpec, SweepPlan]]
ROWS = [pytest.param(table, cell, id=f"{table.key}: {cell.label}") for table, cell in TRADEOFFS.cells]


def trial_of(table: Table, cell: Cell, planned: Planned) -> PlannedTrial:
    """The one setting of the table's specs that is the row's."""
    found = []
    for spec, plan in map(planned, FILES_OF[table.key]):
        for trial in plan.feasible:
            assert trial.matched
            experiment = trial.matched.experiment.model_dump(mode="json")
            if spec.name == cell.arm.sweep and is_of(cell.arm, experiment, trial.budget_flops):
                found.append(trial)
    (trial,) = found
    return trial


@pytest.mark.parametrize(("table", "cell"), ROWS)
def test_the_specs_have_the_published_parameters_and_flops(table: Table, cell: Cell, planned: Planned):
    """Of table 3 the right FLOPs are held, 4.41e13 and 4.24e13: the printed ones were counted with half the context."""
    trial = trial_of(table, cell, planned)
    assert trial.cost
    assert trial.matched
    assert trial.cost.n_params == cell.published.n_params
    assert trial.matched.train_flops.of("2nd") == cell.published.flops_2nd
    assert trial.matched.experiment.training.epochs == cell.published.epochs


@pytest.mark.parametrize(
    ("key", "label", "flops"),
    [
        ("1", "linear", 4.12e13),
        ("1", "MLP", 1.65e14),
        ("1", "attention", 1.19e13),
        ("1", "transformer, L = 3", 2.21e13),
        ("2", "Penn Treebank", 2.44e14),
        ("2", "WikiText-2", 7.33e14),
        ("3", "learned positions", 4.41e13),
        ("3", "RoPE", 4.24e13),
    ],
)
def test_planned_flops_are_those_of_the_paper_to_the_printed_digits(
    key: str, label: str, flops: float, planned: Planned
):
    table, cell = next((table, cell) for table, cell in TRADEOFFS.cells if (table.key, cell.label) == (key, label))
    trial = trial_of(table, cell, planned)
    assert trial.matched
    assert float(f"{trial.matched.train_flops.of('2nd'):.2e}") == flops


def test_every_setting_of_the_specs_is_a_row_of_its_table(planned: Planned):
    for table in TRADEOFFS.tables:
        settings = sum(len(plan.trials) for _, plan in map(planned, FILES_OF[table.key]))
        assert settings == len(table.cells)


def test_every_spec_asks_for_the_seeds_that_a_verdict_needs(planned: Planned):
    for table in TRADEOFFS.tables:
        for file in FILES_OF[table.key]:
            assert len(planned(file)[1].seeds) >= (3 if table.key == "2" else 5)


def test_the_best_validation_epoch_of_the_words_is_the_one_that_the_paper_names():
    bests = {cell.label: cell.published.val_nlls for cell in TRADEOFFS.only(["2"]).tables[0].cells}
    assert {label: nlls.index(min(nlls)) + 1 for label, nlls in bests.items()} == {"Penn Treebank": 2, "WikiText-2": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"test_nll": float("nan")},
        {"test_nll": -1.0},
        {"val_nlls": (3.0,)},
        {"printed_flops": PrintedFlops(4.13e13, 128)},
        {"printed_flops": PrintedFlops(4.12e13, 64)},
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong: dict[str, Any]):
    right: dict[str, Any] = {
        "n_params": 1_073_345,
        "context": 128,
        "windows_per_epoch": 50_000,
        "epochs": 3,
        "test_nll": 3.0549,
    }
    Published(**right, printed_flops=PrintedFlops(4.12e13, 128))
    with pytest.raises(ValueError, match=r"NLL|epochs|cost"):
        Published(**right | wrong)


def test_tables_are_chosen_by_their_keys_in_the_order_of_the_paper():
    assert [table.key for table in study_of("architecture-tradeoffs", ["heads", "1"]).tables] == ["1", "heads"]
    assert study_of("architecture-tradeoffs").tables == TRADEOFFS.tables
    assert [each.key for each in study_of("architecture-tradeoffs", ["A4", "Q7"]).answers] == ["A4", "Q7"]
    assert len(study_of("architecture-tradeoffs", ["claims"]).answers) == 6
    assert study_of("architecture-tradeoffs", ["A4"]).sweeps == ("tradeoffs-heads", "tradeoffs-equal-heads")
    with pytest.raises(InputError, match="no table `head`") as refused:
        study_of("architecture-tradeoffs", ["head"])
    assert "did you mean `heads`?" in str(refused.value)
    with pytest.raises(InputError, match="no study `architecture`"):
        study_of("architecture")


def checksum(nlls: Sequence[float]) -> float:
    """1 times the first, 2 times the second and so on: it moves with every digit and with the order."""
    return round(sum(number * nll for number, nll in enumerate(nlls, 1)), 4)


@pytest.mark.parametrize(
    ("label", "train", "val"),
    [
        ("linear", 17.243, 18.076),
        ("MLP", 14.981, 14.401),
        ("attention", 22.98, 22.367),
        ("transformer, L = 3", 21.519, 20.881),
        ("Penn Treebank", 150.4184, 254.6635),
        ("WikiText-2", 145.2872, 272.2984),
        ("learned positions", 71.3459, 70.9548),
        ("RoPE", 76.2036, 75.6578),
    ],
)
def test_curves_have_the_digits_of_the_paper(label: str, train: float, val: float):
    """The checksums were taken from the paper's text, not from what is tested."""
    (cell,) = (cell for _, cell in TRADEOFFS.cells if cell.label == label and cell.published.val_nlls)
    assert (checksum(cell.published.train_nlls), checksum(cell.published.val_nlls)) == (train, val)


@pytest.mark.parametrize(
    ("key", "nlls"),
    [
        ("1", 22.123),
        ("2", 19.9646),
        ("3", 5.993),
        ("context", 17.0635),
        ("hidden", 15.0718),
        ("heads", 14.0713),
        ("depth", 13.7858),
    ],
)
def test_test_nlls_have_the_digits_of_the_paper(key: str, nlls: float):
    (table,) = TRADEOFFS.only([key]).tables
    assert checksum([cell.published.test_nll for cell in table.cells]) == nlls
