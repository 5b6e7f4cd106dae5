"""A spec file becomes a sweep, or one error with every problem, its line and a hint that is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec import LoadedSweep, load_sweep
from tlm_sweeps.spec.models import TransformerModel
from tlm_sweeps.spec.space import Range
from tlm_sweeps.spec.template import template

SPEC = """\
name: shape
question: Which depth?
experiment:
  corpus: {name: tiny-shakespeare, level: char}
  model:
    kind: transformer
    width: 128
    depth: 3
  training:
    learning_rate: 3e-4
  evaluation: {every: 5%}
search:
  model.depth: [1, 2, 3]
  training.learning_rate: {log_uniform: [1e-4, 3e-3]}
budget:
  flops: 2e13
  match: epochs
engine: {sampler: tpe, trials: 8}
seeds: 3
tracking: {wandb: off}
"""


def load(text: str, folder: Path, *overrides: str) -> LoadedSweep:
    """The sweep that a text describes."""
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return load_sweep(path, overrides)


def refusals(text: str, folder: Path, *overrides: str) -> list[Problem]:
    """All problems of a text, with the folder taken out of their places."""
    with pytest.raises(InputError) as refused:
        load(text, folder, *overrides)
    assert refused.value.exit_code == 2
    return [
        Problem(each.message, each.place.replace(f"{folder}/", ""), each.hint.replace(f"{folder}/", ""))
        for each in refused.value.problems
    ]


def edited(old: str, new: str) -> str:
    """The spec above with a piece replaced."""
    assert old in SPEC
    return SPEC.replace(old, new, 1)


def test_a_spec_is_read_as_people_mean_it(tmp_path: Path) -> None:
    spec = load(SPEC, tmp_path).spec
    assert spec.budget is not None
    assert spec.budget.flops == 2 * 10**13
    assert spec.experiment.model == TransformerModel(kind="transformer", width=128, depth=3)
    assert spec.experiment.training.learning_rate == 0.0003
    assert spec.experiment.evaluation.every == 0.05
    assert spec.search["training.learning_rate"] == Range(low=1e-4, high=3e-3, log=True)
    assert spec.tracking.wandb == "off"
    assert spec.seeds == 3


def test_a_field_is_found_where_it_is_written(tmp_path: Path) -> None:
    loaded = load(SPEC, tmp_path, "training.batch_size=32")
    file = tmp_path / "spec.yaml"
    assert loaded.place("experiment.model.width") == f"{file}:7 experiment.model.width"
    assert loaded.place("model.width") == f"{file}:7 experiment.model.width"
    assert loaded.place("model.heads") == f"{file}:5 experiment.model.heads"
    assert loaded.place("budget") == f"{file}:15 budget"
    assert loaded.place("engine.trials") == f"{file}:18 engine.trials"
    assert loaded.place("search.model.depth.1") == f"{file}:13 search.model.depth.1"
    assert loaded.place("training.batch_size") == "--set training.batch_size=32"


def test_the_place_of_a_searched_field_is_where_it_is_searched(tmp_path: Path) -> None:
    loaded = load(edited("model.depth: [1, 2, 3]", "model.context: [32, 64]"), tmp_path)
    assert loaded.place("model.context") == f"{tmp_path / 'spec.yaml'}:13 search.model.context"


@pytest.mark.parametrize(
    ("old", "new", "place", "message", "hint"),
    [
        ("depth: 3", "dept: 3", "8 experiment.model.dept", "unknown key `dept`", "did you mean `depth`?"),
        ("depth: 3", "n_layers: 3", "8 experiment.model.n_layers", "unknown key", "it is called `depth` here"),
        ("seeds:", "seed:", "19 seed", "unknown key `seed`", "did you mean `seeds`?"),
        (
            "depth: 3",
            "learning_rate: 3",
            "8 experiment.model.learning_rate",
            "unknown key",
            "belongs under `experiment.training`",
        ),
        (
            "name: shape",
            "model.depth: 3\nname: shape",
            "1 model.depth",
            "unknown key",
            "nest it under `experiment`: `model: {depth: …}`",
        ),
        (
            "name: shape",
            "budget.total: 3e15\nname: shape",
            "1 budget.total",
            "unknown key",
            "nest it: `budget: {total: …}`",
        ),
        (
            "kind: transformer",
            "kind: attention",
            "8 experiment.model.depth",
            "unknown key `depth`",
            "transformer, bert have it",
        ),
        (
            "kind: transformer",
            "kind: transfomer",
            "6 experiment.model.kind",
            "unknown kind",
            "did you mean `transformer`?",
        ),
        (
            "kind: transformer",
            "kind: 3",
            "6 experiment.model.kind",
            "unknown kind 3",
            "valid: attention, bert, linear, mlp, transformer",
        ),
        (
            "kind: transformer\n",
            "heads: 2\n",
            "5 experiment.model.kind",
            "missing `experiment.model.kind`",
            "kind: transformer",
        ),
        ("name: shape\n", "", "1 name", "missing `name`", "name: my-sweep"),
        ("flops: 2e13\n", "account: 6nd\n", "15 budget.flops", "missing `budget.flops`", "flops: 2e13"),
        ("depth: 3", "depth: 1.5", "8 experiment.model.depth", "must be a whole number, not 1.5", "1 or 2"),
        ("depth: 3", "depth: 3.0", "8 experiment.model.depth", "must be a whole number, not 3.0", "write 3"),
        ("depth: 3", "depth: true", "8 experiment.model.depth", "must be a whole number, not true", ""),
        (
            "depth: 3",
            'depth: "3"',
            "8 experiment.model.depth",
            'must be a whole number, not "3"',
            "remove the quotes: 3",
        ),
        ("depth: 3", "depth: 0", "8 experiment.model.depth", "must be at least 1, not 0", ""),
        ("depth: 3", "depth: -2", "8 experiment.model.depth", "must be at least 1, not -2", ""),
        ("depth: 3", "depth:", "8 experiment.model.depth", "must be a whole number, not null", "remove the line"),
        ("depth: 3", "biases: yes", "8 experiment.model.biases", "must be true or false, not `yes`", "write true"),
        (
            "learning_rate: 3e-4",
            "learning_rate: 0",
            "10 experiment.training.learning_rate",
            "must be above 0, not 0",
            "",
        ),
        (
            "learning_rate: 3e-4",
            "learning_rate: nan",
            "10 experiment.training.learning_rate",
            "must be a number, not `nan`",
            "",
        ),
        ("learning_rate: 3e-4", "betas: [0.9]", "10 experiment.training.betas", "a list of 2", ""),
        (
            "learning_rate: 3e-4",
            "betas: [0.9, 1]",
            "10 experiment.training.betas.1",
            "`betas[1]` must be below 1, not 1",
            "",
        ),
        (
            "learning_rate: 3e-4",
            "optimizer: adm",
            "10 experiment.training.optimizer",
            "one of `adam`, `adamw`",
            "`adam`",
        ),
        ("{every: 5%}", "{every: 5}", "11 experiment.evaluation.every", "must be at most 1, not 5", ""),
        ("{every: 5%}", "{every: epok}", "11 experiment.evaluation.every", "`epok`", "did you mean `epoch`?"),
        ("flops: 2e13", "flops: 1 PFLOPSs", "16 budget.flops", '"1 PFLOPSs" is no FLOP count', ""),
        ("flops: 2e13", "flops: 1e15 flop/s", "16 budget.flops", "is a rate", ""),
        ("flops: 2e13", "flops: [1e12, -1]", "16 budget.flops.1", "-1 is no FLOP count", ""),
        ("sampler: tpe", "sampler: tpr", "18 engine.sampler", "one of `grid`", "did you mean `tpe`?"),
        ("seeds: 3", "seeds: three", "19 seeds", "must be a whole number or a list, not `three`", ""),
        ("seeds: 3", "seeds: []", "19 seeds", "a list of 1 or more", ""),
        ("seeds: 3", "seeds: [1, -1]", "19 seeds.1", "`seeds[1]` must be at least 0, not -1", ""),
        ("seeds: 3", "seeds: 0", "19 seeds", "must be at least 1, not 0", ""),
        ("name: shape", "name: ../../etc/passwd", "1 name", "cannot be a name", "etc-passwd"),
        ("name: shape", "name: 2026", "1 name", "must be text, not 2026", 'quote it as it was meant: "2026"'),
        ("{wandb: off}", "offline", "20 tracking", "must be a mapping, not `offline`", ""),
        ("[1, 2, 3]", "3", "13 search.model.depth", "3 is neither a list of choices nor a range", ""),
        ("[1, 2, 3]", "[]", "13 search.model.depth", "an empty list", ""),
        ("[1, 2, 3]", "[1, {a: 2}]", "13 search.model.depth", "{a: 2} is no choice", ""),
        (
            "log_uniform",
            "loguniform",
            "14 search.training.learning_rate",
            "is no range; write uniform, log_uniform",
            "",
        ),
        ("[1e-4, 3e-3]", "[1e-4]", "14 search.training.learning_rate", "log_uniform needs two numbers", ""),
        ("[1e-4, 3e-3]", "[3e-3, 1e-4]", "14 search.training.learning_rate", "empty range: 0.003 is above 0.0001", ""),
        ("[1e-4, 3e-3]", "[0, 1]", "14 search.training.learning_rate", "must begin above 0", ""),
    ],
)
def test_a_wrong_value_is_refused_at_its_line(
    old: str, new: str, place: str, message: str, hint: str, tmp_path: Path
) -> None:
    problems = refusals(edited(old, new), tmp_path)
    (problem,) = [each for each in problems if each.place == f"spec.yaml:{place}"]
    assert message in problem.message
    assert hint in problem.hint
    for noise in ("Input should", "function-", "constrained", "valid (", "literal", "tuple", "[type="):
        assert noise not in str(problem)


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    text = edited("depth: 3", "dept: 3").replace("3e-4", "-1").replace("trials: 8", "trials: eight")
    assert [each.place for each in refusals(text, tmp_path)] == [
        "spec.yaml:8 experiment.model.dept",
        "spec.yaml:10 experiment.training.learning_rate",
        "spec.yaml:18 engine.trials",
    ]


def test_a_bare_experiment_is_told_to_nest(tmp_path: Path) -> None:
    text = "name: a\ncorpus: {name: ptb}\nmodel: {kind: linear, width: 8}\ntraining: {epochs: 1, predict: last}\n"
    (problem,) = refusals(text, tmp_path)
    assert "`corpus`, `model`, `training` stand at the top" in problem.message
    assert problem.place == "spec.yaml:2"
    assert "experiment:" in problem.hint
    head, *sections = text.splitlines()
    load("\n".join([head, "experiment:", *(f"  {line}" for line in sections)]), tmp_path)


def test_a_choice_of_many_lines_is_refused_at_its_own(tmp_path: Path) -> None:
    text = edited("[1, 2, 3]", "\n  - 1\n  - 1\n  - 2\n  - two\n")
    (problem,) = refusals(text, tmp_path)
    assert problem.place == "spec.yaml:17 search.model.depth.2"
    assert "not `two`" in problem.message


def test_overrides_are_the_same_as_writing_it_in_the_file(tmp_path: Path) -> None:
    overridden = load(
        SPEC,
        tmp_path,
        "model.width=64",
        "experiment.model.depth=2",
        "budget.flops=[1e12, 2 TFLOPs]",
        "engine.trials=3",
        "name=other",
        "search.model.depth=[1,2]",
        "search.model.heads={int_uniform: [1, 4]}",
        "training.schedule.warmup=0.1",
        "baselines.linear.model.kind=linear",
        "baselines.linear.training.predict=last",
        "seeds=[7, 8]",
    ).spec
    text = edited("width: 128", "width: 64").replace("depth: 3", "depth: 2").replace("2e13", "[1e12, 2e12]")
    text = (
        text.replace("trials: 8", "trials: 3")
        .replace("name: shape", "name: other")
        .replace("seeds: 3", "seeds: [7, 8]")
    )
    text = text.replace("[1, 2, 3]", "[1, 2]\n  model.heads: {int_uniform: [1, 4]}")
    text = text.replace("learning_rate: 3e-4", "learning_rate: 3e-4\n    schedule: {warmup: 0.1}")
    text += "baselines: {linear: {model: {kind: linear}, training: {predict: last}}}\n"
    assert overridden == load(text, tmp_path).spec


def test_an_override_changes_a_baseline_however_it_is_written(tmp_path: Path) -> None:
    for written in ("{model.width: 32, model.heads: 2}", "{model: {width: 32, heads: 2}}"):
        spec = load(SPEC + f"baselines: {{small: {written}}}\n", tmp_path, "baselines.small.model.width=16").spec
        assert spec.baselines == {"small": {"model.width": 16, "model.heads": 2}}


def test_null_unsets_a_field(tmp_path: Path) -> None:
    spec = load(SPEC, tmp_path, "training.learning_rate=null", "search.model.depth=null", "engine.trials=null").spec
    assert spec.experiment.training.learning_rate == 3e-4
    assert list(spec.search) == ["training.learning_rate"]
    assert spec.engine.trials is None


def test_a_new_model_kind_leaves_foreign_fields_behind_but_not_misspelt_ones(tmp_path: Path) -> None:
    overrides = ("model.kind=linear", "training.predict=last", "search.model.depth=null")
    assert load(SPEC, tmp_path, *overrides).spec.experiment.model.kind == "linear"
    (problem,) = refusals(edited("width: 128", "wdth: 128"), tmp_path, *overrides)
    assert problem.place == "spec.yaml:7 experiment.model.wdth"


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("model.wdth=64", "`model.wdth` is no field", "did you mean `model.width`?"),
        ("width=64", "`width` is no field", "did you mean `model.width`?"),
        ("budget.flop=64", "`budget.flop` is no field", "did you mean `budget.flops`?"),
        ("search.model.dept=[1]", "`search.model.dept` is no field", "did you mean `search.model.depth`?"),
        ("baselines.linear=3", "`baselines.linear` is no field", "baselines.NAME.FIELD=VALUE"),
        ("sees=2", "`sees` is no field", "did you mean `seeds`?"),
        ("model.width", "is not of the form name=value", "`--set model.width=VALUE`"),
        ("model.width=", "is not of the form name=value", "`--set model.width=VALUE`"),
        ("=64", "is not of the form name=value", "`--set model.width=VALUE`"),
        ("model.width=010", "`010` begins with a zero", "write 10"),
        ("model.width=[1", "this is not YAML", "bracket"),
        ("model.width=*a", "aliases", "write the value out"),
        ("model.width=sixty", "must be a whole number, not `sixty`", ""),
        ("model.heads=5", "width 128 is not divisible by heads 5", "heads 4 or 8"),
        ("model.kind=[linear]", "unknown kind [linear]", "did you mean `linear`?"),
        ("engine={sampler: tpr}", "one of `grid`", "did you mean `tpe`?"),
    ],
)
def test_a_wrong_override_is_refused_as_it_was_typed(override: str, message: str, hint: str, tmp_path: Path) -> None:
    (problem,) = refusals(SPEC, tmp_path, override)
    assert problem.place == f"--set {override}"
    assert message in problem.message
    assert hint in problem.hint


def test_reading_specs_loads_nothing_heavy() -> None:
    code = "import sys, tlm_sweeps.spec; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "optuna", "wandb", "datasets", "numpy", "pandas"} & set(loaded)


def test_messages_are_one_line_each(tmp_path: Path) -> None:
    for problem in refusals(edited("[1, 2, 3]", str(["x" * 500])), tmp_path):
        assert "\n" not in problem.message
        assert re.search(r".{220}", problem.message) is None


def test_a_field_that_is_set_is_no_longer_searched(tmp_path: Path):
    path = tmp_path / "sweep.yaml"
    path.write_text(template("searched"), encoding="utf-8")
    searched = load_sweep(path).spec.search
    assert "model.depth" in searched
    fixed = load_sweep(path, ["model.depth=3"]).spec
    assert set(fixed.search) == set(searched) - {"model.depth"}
    assert fixed.experiment.model.model_dump()["depth"] == 3
