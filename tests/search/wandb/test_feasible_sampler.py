"""The search behind `wandb sweep-scheduler`, driven by the client's own optimizer without a server."""

import itertools
import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from wandb.sdk.sweeps.run_state import RunState
from wandb.sdk.sweeps.scheduler.optimizer import Run, RunConfig, RunWithMetrics, make_optimizer
from wandb.sdk.sweeps.scheduler.optuna import OptunaOptimizer
from wandb.sdk.sweeps.sweep_info import SweepInfo

from tlm_sweeps.compute.planning import plan_sweep, plan_trial
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.search.wandb.config import sweep_config
from tlm_sweeps.search.wandb.feasible_sampler import FeasibleSampler
from tlm_sweeps.search.wandb.offer import offer_of
from tlm_sweeps.search.wandb.scheduling import scheduler_section, study_of
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking.tracked_run import nested

CELLS: dict[str, Any] = {"model.depth": [1, 2, 3], "model.heads": [1, 2, 3, 4]}
"""Twelve, of which the three with three heads do not fit a width of 16."""
Tiny = Callable[..., SweepSpec]
Started = Callable[[SweepSpec], OptunaOptimizer]


def engine(method: str = "random", **more: Any) -> dict[str, Any]:
    return {"kind": "wandb", "scheduler": "optuna", "method": method} | more


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """Starts the client's optimizer as its scheduler does, from the files that a launch writes."""
    ids = map(str, itertools.count())

    def start(spec: SweepSpec) -> OptunaOptimizer:
        folder = tmp_path / "runs" / spec.name
        section = scheduler_section(spec, folder)
        config = json.loads(json.dumps(sweep_config(spec, facts_reader(), scheduler=section).config))
        monkeypatch.chdir(folder)
        sweep = SweepInfo(
            id=next(ids), name="s", entity="e", project="p", config=config, controller_run_name="controller"
        )
        optimizer = make_optimizer(sweep)
        assert isinstance(optimizer, OptunaOptimizer)
        return optimizer

    return start


def asked(optimizer: OptunaOptimizer, batch: int = 3) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run ids and arguments until the optimizer has nothing left."""
    while suggestions := optimizer.ask_n_runs(batch):
        for each in suggestions:
            yield each.run_id, json.loads(json.dumps(each.config.wire_dict()))


def settings_of(args: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as an agent understands them."""
    return offer_of("r", args).settings


def told(
    state: RunState, config: Mapping[str, Any], val_nll: float | None = None, curve: tuple[tuple[int, float], ...] = ()
) -> RunWithMetrics:
    return RunWithMetrics(
        config=RunConfig.from_values(dict(config)),
        state=state,
        wandb_run_id="w",
        summary_metrics={} if val_nll is None else {"val_nll": val_nll},
        history_metrics=[{"_step": step, "val_nll": nll} for step, nll in curve],
    )


def written_by_an_agent(settings: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """What matters of the config of a run that was trained: its proposal is no longer in it."""
    return {"model": {"kind": "transformer"}, "settings": nested(settings), "seed": seed, "_wandb": {}}


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_each_cell_that_fits_is_proposed_once_and_no_other(tiny: Tiny, started: Started, method: str) -> None:
    spec = tiny(search=CELLS, engine=engine(method, trials=100))
    optimizer = started(spec)
    proposed = []
    for number, (run_id, args) in enumerate(asked(optimizer)):
        proposed.append(canonical_json(settings_of(args)))
        optimizer.tell_run(run_id, told(RunState.FINISHED, {}, 2.0 + number / 100))
    fit = [canonical_json(trial.settings) for trial in plan_sweep(spec, facts_reader()).feasible]
    assert len(fit) == 9
    assert sorted(proposed) == sorted(fit)


def test_in_an_infinite_space_as_many_as_are_wanted_all_of_which_fit(tiny: Tiny, started: Started) -> None:
    searched = {"model.heads": [1, 2, 3, 4], "training.learning_rate": {"log_uniform": [1e-4, 1e-1]}}
    spec = tiny(search=searched, engine=engine("bayes", trials=14))
    optimizer = started(spec)
    proposed = []
    for run_id, args in asked(optimizer):
        settings = settings_of(args)
        proposed.append(settings)
        optimizer.tell_run(run_id, told(RunState.FINISHED, {}, math.log(settings["training.learning_rate"]) ** 2))
    assert len(proposed) == 14
    assert all(plan_trial(spec, settings, facts_reader()).feasible for settings in proposed)


def test_the_study_shows_settings_in_the_words_of_the_spec(tiny: Tiny, started: Started) -> None:
    optimizer = started(tiny(search={"model.depth": [3, 1], "model.heads": [2]}, engine=engine("grid")))
    assert len(list(asked(optimizer))) == 2
    assert [trial.params for trial in optimizer.study.trials] == [
        {"model.depth": 3, "model.heads": 2},
        {"model.depth": 1, "model.heads": 2},
    ]


def test_after_a_restart_what_w_and_b_remembers_is_not_proposed_again(tiny: Tiny, started: Started) -> None:
    spec = tiny(search=CELLS, engine=engine("bayes", trials=100))
    before = [args for (_, args), _ in zip(asked(started(spec), batch=1), range(5), strict=False)]
    finished, running, waiting = before[:3], before[3], before[4]

    optimizer = started(spec)
    for args in finished:
        optimizer.tell_existing_finished_run(
            told(RunState.FINISHED, written_by_an_agent(settings_of(args)), sum(settings_of(args).values()))
        )
    adopted = [
        optimizer.tell_existing_active_run(Run(RunConfig.from_values(config), state, "w"))
        for config, state in (
            (written_by_an_agent(settings_of(running)), RunState.RUNNING),
            ({name: each["value"] for name, each in waiting.items()}, RunState.PENDING),
        )
    ]
    for run_id in adopted:
        optimizer.tell_run(run_id, told(RunState.FINISHED, {}, 2.0))
    after = [args for _, args in asked(optimizer)]
    everything = [canonical_json(settings_of(args)) for args in (*before, *after)]
    assert len(everything) == len(set(everything)) == 9
    assert [trial.params for trial in optimizer.study.trials][:3] == [settings_of(args) for args in finished]
    assert [trial.value for trial in optimizer.study.trials][:3] == [
        sum(settings_of(args).values()) for args in finished
    ]


def test_lists_among_the_choices_come_back_as_they_went(tiny: Tiny, started: Started) -> None:
    spec = tiny(search={"training.betas": [[0.9, 0.95], [0.9, 0.99]], "model.depth": [1, 2]}, engine=engine("bayes"))
    waiting, finished = (args for (_, args), _ in zip(asked(started(spec), batch=1), range(2), strict=False))
    optimizer = started(spec)
    config = {name: each["value"] for name, each in waiting.items()}
    optimizer.tell_existing_active_run(Run(RunConfig.from_values(config), RunState.PENDING, "w"))
    optimizer.tell_existing_finished_run(told(RunState.FINISHED, written_by_an_agent(settings_of(finished)), 1.0))
    rest = [settings_of(args) for _, args in asked(optimizer)]
    assert len(rest) == 2
    assert settings_of(waiting) not in rest
    assert settings_of(finished) not in rest


def test_a_further_seed_of_a_trial_is_no_trial_of_its_own(tiny: Tiny, started: Started) -> None:
    spec = tiny(search=CELLS, engine=engine("bayes", trials=2), seeds=2)
    optimizer = started(spec)
    settings = {"model.depth": 1, "model.heads": 1}
    optimizer.tell_existing_finished_run(told(RunState.FINISHED, written_by_an_agent(settings, seed=1), 1.0))
    optimizer.tell_existing_finished_run(told(RunState.FINISHED, written_by_an_agent(settings, seed=0), 2.0))
    rest = [settings_of(args) for _, args in asked(optimizer)]
    assert len(rest) == 1
    assert settings not in rest


def test_a_run_of_something_else_is_refused_and_harms_nothing(tiny: Tiny, started: Started) -> None:
    optimizer = started(tiny(search=CELLS, engine=engine("grid")))
    for config in ({"lr": 1}, {"settings": {"model": {"depth": 7, "heads": 1}}}, {"settings": {"model": {"depth": 1}}}):
        with pytest.raises(Exception, match=r"settings|does not say"):
            optimizer.tell_existing_finished_run(told(RunState.FINISHED, config, 1.0))
    assert len(list(asked(optimizer))) == 9


def test_baselines_come_first_and_are_remembered(tiny: Tiny, started: Started) -> None:
    spec = tiny(
        search=CELLS,
        engine=engine("bayes", trials=1),
        baselines={"linear": {"model.kind": "linear", "training.predict": "last"}},
        experiment={
            "model": {"kind": "transformer", "width": 16, "context": 8},
            "training": {"batch_size": 8, "predict": "last"},
        },
    )
    optimizer = started(spec)
    first, second = asked(optimizer)
    offer = offer_of("r", first[1])
    assert offer.baseline == "linear"
    assert set(settings_of(second[1])) == set(CELLS)
    again = started(spec)
    again.tell_existing_finished_run(told(RunState.FINISHED, written_by_an_agent(offer.settings), 3.0))
    assert [offer_of("r", args).baseline for _, args in asked(again)] == [None]


def test_budgets_take_turns(tiny: Tiny, started: Started) -> None:
    spec = tiny(search=CELLS, engine=engine("bayes", trials=4), budget={"flops": [1e9, 2e9]})
    optimizer = started(spec)
    flops = []
    for run_id, args in asked(optimizer, batch=1):
        flops.append(settings_of(args)["budget.flops"])
        optimizer.tell_run(run_id, told(RunState.FINISHED, {}, 1e9 / flops[-1]))  # more compute is better
    assert flops == [1e9, 2e9] * 4


def test_no_more_is_proposed_than_the_total_pays_for(tiny: Tiny, started: Started) -> None:
    spec = tiny(search=CELLS, engine=engine("grid"), budget={"flops": 1e9, "total": 5e9}, seeds=2)
    assert len(list(asked(started(spec)))) == 2


def test_a_trial_that_does_badly_for_what_it_spent_is_stopped(tiny: Tiny, started: Started) -> None:
    """Steps are no measure: at one budget a shallow model takes more of them than a deep one."""
    spec = tiny(
        search={"model.depth": [1, 2, 3, 4], "model.heads": [1, 2, 4]}, engine=engine(trials=100, pruner="hyperband")
    )
    optimizer = started(spec)
    stopped: dict[bool, int] = {False: 0, True: 0}
    for number, (run_id, args) in enumerate(asked(optimizer, batch=1)):
        matched = plan_trial(spec, settings_of(args), facts_reader()).matched
        assert matched is not None
        is_bad = number % 2 == 1
        curve = tuple((round(matched.steps.total * share), 9.0 if is_bad else 3.0 - share) for share in (0.1, 0.3, 0.6))
        optimizer.tell_run(run_id, told(RunState.RUNNING, {}, curve=curve))
        if optimizer.prune_run(run_id, told(RunState.RUNNING, {})):
            stopped[is_bad] += 1
        else:
            optimizer.tell_run(run_id, told(RunState.FINISHED, {}, curve[-1][1]))
    assert stopped[True] > 0
    assert stopped[False] == 0


def test_bayes_finds_a_planted_optimum_sooner_than_random(tiny: Tiny) -> None:
    searched = {"model.heads": [1, 2, 3, 4], "training.learning_rate": {"log_uniform": [1e-5, 1.0]}}

    def best(method: str, seed: int) -> float:
        spec = tiny(search=searched, engine=engine(method, trials=20, seed=seed))
        study = optuna.create_study(sampler=FeasibleSampler(spec, facts_reader()))
        sampler = study.sampler
        assert isinstance(sampler, FeasibleSampler)
        while not sampler.is_exhausted(study):
            trial = study.ask()
            settings = sampler.arguments(trial)
            distance = math.log10(settings["training.learning_rate"]) + 2.5
            study.tell(trial, distance**2 + abs(settings["model.heads"] - 2))
        return study.best_value

    medians = {method: statistics.median(best(method, seed) for seed in range(9)) for method in ("bayes", "random")}
    assert medians["bayes"] < medians["random"]


def test_another_text_here_is_refused_in_words(tiny: Tiny, started: Started, text: Path) -> None:
    spec = tiny(search=CELLS, engine=engine())
    started(spec)
    config = json.loads(json.dumps(sweep_config(spec, facts_reader()).config))
    assert config["parameters"]["tlm"]
    text.write_text(text.read_text(encoding="utf-8").upper(), encoding="utf-8")
    with pytest.raises(ValueError, match="is another text here than in the sweep `tiny`"):
        study_of("another", config, Path.cwd())


def test_two_schedulers_of_one_sweep_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    spec = tiny(search=CELLS, engine=engine())
    section = scheduler_section(spec, tmp_path)
    config = sweep_config(spec, facts_reader(), scheduler=section).config
    study_of("one", config, tmp_path)
    with pytest.raises(ValueError, match="another scheduler drives this W&B sweep"):
        study_of("one", config, tmp_path)
    study_of("two", config, tmp_path)
