"""The search engine's contract, run over every sampler: feasible, new, and the same after a restart."""

import json
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.planning import PlannedTrial
from tlm_sweeps.runs.ledger import Ledger, Proposal, reading, writing
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.optuna_export import export_study
from tlm_sweeps.search.proposing import Proposer
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.sweep import SweepSpec

FACTS = CorpusFacts("text", "char", 65, 200_000, 20_000, 20_000, "abc")
SAMPLERS = ["grid", "random", "tpe", "gp", "cmaes", "nsga2"]


def facts_of(_: ExperimentSpec) -> CorpusFacts:
    return FACTS


def spec_of(sampler: str, search: dict[str, Any], **changes: Any) -> SweepSpec:
    data = {
        "name": "search",
        "experiment": {
            "corpus": {"name": "python-docs"},
            "model": {"kind": "transformer", "width": 48, "heads": 1, "context": 32},
        },
        "search": search,
        "budget": {"flops": 1e12},
        "engine": {"sampler": sampler, "trials": 12},
    }
    return SweepSpec.model_validate_json(json.dumps(data | changes))


FINITE = {"model.depth": [1, 2, 3], "model.heads": [1, 2, 5], "training.learning_rate": [1e-3, 2e-3]}
"""5 heads do not divide a width of 48: a third of the cells is infeasible."""
INFINITE = {"training.learning_rate": {"log_uniform": [1e-4, 1e-1]}, "model.depth": {"int_uniform": [1, 4]}}


def pretended_nll(planned: PlannedTrial) -> float:
    """A smooth landscape in place of training: best at depth 2, a rate of 1e-3, many heads."""
    assert planned.matched is not None
    experiment = planned.matched.experiment
    model = {"depth": 1, "heads": 1} | experiment.model.model_dump()
    rate = math.log10(experiment.training.learning_rate)
    return 2 + (model["depth"] - 2) ** 2 / 10 + (rate + 3) ** 2 / 5 - model["heads"] / 50


def trained(spec: SweepSpec, ledger: Ledger, stop: int | None = None) -> Iterator[Proposal]:
    """A whole search, one trial after the other, from wherever the ledger stands; at most `stop` proposals."""
    proposer = Proposer(spec, facts_of, ledger)
    while (stop is None or len(ledger.proposals()) < stop) and (found := proposer.next(None)) is not None:
        proposal, planned = found
        waiting = Record(
            run_id=f"r{proposal.number}",
            sweep="search",
            trial=proposal.number,
            seed=0,
            state="waiting",
            settings=proposal.settings,
            spec={},
            fingerprint=proposal.fingerprint,
        )
        if proposal.verdict != "trial":
            gone = waiting.model_copy(update={"state": "infeasible"})
            ledger.propose(proposal, (gone,) if proposal.verdict == "infeasible" else ())
            yield proposal
            continue
        ledger.propose(proposal, (waiting,))
        lease = ledger.start(waiting.run_id, 1, None, "now")
        assert lease is not None
        assert planned.cost is not None
        done = waiting.model_copy(
            update={"state": "complete", "val_nll": pretended_nll(planned), "n_params": planned.cost.n_params}
        )
        assert ledger.settle(lease, done, 1)
        proposer.tell(proposal, (done,))
        yield proposal


def whole(spec: SweepSpec, folder: Path) -> list[Proposal]:
    with writing(folder) as ledger:
        return list(trained(spec, ledger))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("space", [FINITE, INFINITE], ids=["finite", "infinite"])
def test_no_setting_is_trained_twice_and_as_many_as_asked_are(sampler: str, space: dict[str, Any], tmp_path: Path):
    if sampler == "grid" and space is INFINITE:
        pytest.skip("a grid needs a finite space; the loader refuses this one")
    proposals = whole(spec_of(sampler, space), tmp_path / "s")
    trials = [proposal for proposal in proposals if proposal.verdict == "trial"]
    assert len(trials) == 12
    assert len({proposal.fingerprint for proposal in trials}) == 12
    assert [proposal.number for proposal in proposals] == list(range(len(proposals)))
    for proposal in proposals:
        infeasible = proposal.settings.get("model.heads") == 5
        assert (proposal.verdict == "infeasible") == infeasible
        assert bool(proposal.reason) == (proposal.verdict != "trial")


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("stop", [1, 5, 9])
def test_a_search_taken_up_again_goes_on_as_an_uninterrupted_one(sampler: str, stop: int, tmp_path: Path):
    space = FINITE if sampler == "grid" else FINITE | INFINITE
    spec = spec_of(sampler, space)
    uninterrupted = whole(spec, tmp_path / "whole")
    with writing(tmp_path / "parts") as ledger:
        list(trained(spec, ledger, stop=stop))
    resumed = whole(spec, tmp_path / "parts")
    assert resumed == uninterrupted[stop:]


@pytest.mark.parametrize("sampler", ["grid", "tpe", "random"])
def test_a_finite_space_is_exhausted_and_the_search_ends(sampler: str, tmp_path: Path):
    spec = spec_of(sampler, FINITE, engine={"sampler": sampler, "trials": 100})
    trials = [proposal for proposal in whole(spec, tmp_path / "s") if proposal.verdict == "trial"]
    assert len(trials) == 12, "3 depths x 2 feasible heads x 2 rates"


def test_settings_that_come_to_the_same_experiment_are_trained_once(tmp_path: Path):
    search = {"model.kv_heads": [None, 1], "model.ffn_ratio": [None, 4.0], "model.depth": [1, 2]}
    proposals = whole(spec_of("grid", search, engine={"sampler": "grid"}), tmp_path / "s")
    verdicts = [proposal.verdict for proposal in proposals]
    assert (verdicts.count("trial"), verdicts.count("duplicate")) == (2, 6)
    assert proposals[2].reason == "the same experiment as trial 0"


def test_every_budget_of_a_list_gets_its_own_whole_search(tmp_path: Path):
    budgets = [500_000_000_000, 1_000_000_000_000, 2_000_000_000_000]
    spec = spec_of("tpe", INFINITE, budget={"flops": budgets}, engine={"sampler": "tpe", "trials": 4})
    proposals = whole(spec, tmp_path / "s")
    assert [proposal.budget_flops for proposal in proposals] == budgets * 4
    assert all(proposal.settings["budget.flops"] == proposal.budget_flops for proposal in proposals)


def test_baselines_come_first_and_are_no_part_of_the_search(tmp_path: Path):
    baselines = {"mlp": {"model.kind": "mlp", "training.predict": "last"}, "shallow": {"model.depth": 1}}
    spec = spec_of("tpe", INFINITE, baselines=baselines, engine={"sampler": "tpe", "trials": 5})
    proposals = whole(spec, tmp_path / "s")
    assert [proposal.baseline for proposal in proposals] == ["mlp", "shallow", *[None] * 5]
    without = whole(spec_of("tpe", INFINITE, engine={"sampler": "tpe", "trials": 5}), tmp_path / "t")
    assert len(without) == 5


def test_nothing_is_proposed_that_the_pool_cannot_pay(tmp_path: Path):
    spec = spec_of("random", INFINITE, budget={"flops": 1e12, "total": 1e13}, seeds=2)
    with writing(tmp_path / "s") as ledger:
        proposer = Proposer(spec, facts_of, ledger)
        assert proposer.next(2 * 10**12 - 1) is None, "both seeds must fit"
        assert proposer.next(2 * 10**12) is not None


def test_a_hopeless_budget_does_not_end_the_others(tmp_path: Path):
    spec = spec_of("random", INFINITE, budget={"flops": [1e4, 1e12]}, engine={"sampler": "random", "trials": 3})
    trials = [proposal for proposal in whole(spec, tmp_path / "s") if proposal.verdict == "trial"]
    assert [proposal.budget_flops for proposal in trials] == [10**12] * 3


def test_a_baseline_that_is_too_dear_waits_and_the_rest_goes_on(tmp_path: Path):
    budgets = [10**12, 10**14]
    spec = spec_of("random", INFINITE, budget={"flops": budgets}, baselines={"shallow": {"model.depth": 1}})
    with writing(tmp_path / "s") as ledger:
        proposer = Proposer(spec, facts_of, ledger)
        found = [proposer.next(5 * 10**13) for _ in range(3)]
        assert [each[0].baseline for each in found if each] == ["shallow", None, None]
        assert {each[0].budget_flops for each in found if each} == {10**12}
        dear = proposer.next(10**15)
        assert dear is not None
        assert (dear[0].baseline, dear[0].budget_flops) == ("shallow", 10**14)


def test_tpe_learns_where_the_valley_is(tmp_path: Path):
    def median_distance(sampler: str) -> float:
        """How far from the best rate, 1e-3, a search looks after its first trials, in decades."""
        spec = spec_of(sampler, INFINITE, engine={"sampler": sampler, "trials": 60})
        rates = [proposal.settings["training.learning_rate"] for proposal in whole(spec, tmp_path / sampler)]
        return statistics.median(abs(math.log10(rate) + 3) for rate in rates[20:])

    assert median_distance("tpe") < median_distance("random") / 2


@pytest.mark.parametrize("objectives", [["val_nll"], ["val_nll", "n_params"]])
def test_an_exported_study_is_read_by_optuna(objectives: list[str], tmp_path: Path):
    engine = {"sampler": "nsga2", "trials": 6, "objectives": objectives}
    spec = spec_of("nsga2", FINITE | INFINITE, engine=engine)
    whole(spec, tmp_path / "s")
    with reading(tmp_path / "s") as ledger:
        assert export_study(spec, ledger, tmp_path / "study.sqlite3") == 6
        records = {record.trial: record for record in ledger.records() if record.state == "complete"}
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{tmp_path / 'study.sqlite3'}")
    assert len(study.trials) == 6
    for trial in study.trials:
        record = records[trial.user_attrs["trial"]]
        assert trial.params == record.settings
        assert trial.values[0] == record.val_nll
        assert len(trial.values) == len(objectives)
