"""What changed between two specs is told field by field."""

from __future__ import annotations

from pathlib import Path

from tlm_sweeps.spec import SweepSpec, difference, load_sweep

TEXT = """\
name: a
experiment: {corpus: {name: ptb}, model: {kind: transformer, width: 64}}
search: {model.depth: [1, 2], training.learning_rate: {log_uniform: [1e-4, 1e-2]}}
budget: {flops: 2e13}
"""


def spec(folder: Path, *overrides: str) -> SweepSpec:
    """The sweep above with some fields set."""
    path = folder / "spec.yaml"
    path.write_text(TEXT)
    return load_sweep(path, overrides).spec


def test_a_change_is_one_line_with_both_values(tmp_path: Path) -> None:
    new = spec(tmp_path, "budget.flops=3e13", "search.model.depth=[1, 2, 3]", "question=How deep?", "model.heads=8")
    assert difference(spec(tmp_path), new) == [
        'question: "" → "How deep?"',
        "experiment.model.heads: 4 → 8",
        "search.model.depth: [1, 2] → [1, 2, 3]",
        "budget.flops: 2e13 → 3e13",
    ]


def test_what_only_one_has_is_a_dash(tmp_path: Path) -> None:
    new = spec(tmp_path, "search.training.learning_rate=null", "search.model.heads=[2]", "baselines.b.model.depth=1")
    assert difference(spec(tmp_path), new) == [
        "search.training.learning_rate: {log_uniform: [1e-4, 0.01]} → —",
        "search.model.heads: — → [2]",
        "baselines.b.model.depth: — → 1",
    ]


def test_writing_a_default_is_no_difference(tmp_path: Path) -> None:
    assert difference(spec(tmp_path), spec(tmp_path, "model.heads=4", "budget.account=matmul", "seeds=1")) == []
