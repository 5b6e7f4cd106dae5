"""Specs that cannot be: one message with the value, the place and a hint; exit code 2, no traceback, nothing written.

What a spec says wrongly is refused by `spec check`; what only its text or the arithmetic shows, by `plan`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SPEC

Tlm = Callable[..., Any]

FILES: dict[str, tuple[bytes | str, str]] = {
    "nothing but a comment": ("# later\n", "the spec is empty"),
    "a list": ("- name: tiny\n", "must be a mapping, got a list"),
    "a word": ("tiny\n", "must be a mapping, got `tiny`"),
    "JSON with a number for a mapping": ('{"name": "x", "experiment": 3}', "`experiment` must be a mapping, not 3"),
    "a tab": (SPEC.replace("  corpus", "\tcorpus"), "a tab is not allowed"),
    "an open bracket": (SPEC.replace("sampler: grid}", "sampler: grid"), "a bracket that is not closed"),
    "a key twice": (SPEC + "name: other\n", "`name` is written twice"),
    "an anchor": ("a: &a [1, 2]\n" + SPEC, "anchors (`&a`) are not allowed"),
    "an alias bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchors"),
    "a Python object": (SPEC + 'x: !!python/object/apply:os.system ["true"]\n', "YAML tags"),
    "a merge key": (SPEC + "<<: {a: 1}\n", "merge keys"),
    "two documents": (SPEC + "---\nname: b\n", "a second document"),
    "brackets without end": ("a: " + "[" * 500 + "]" * 500, "nested deeper"),
    "megabytes": ("# " + "x" * 2_000_000 + "\n" + SPEC, "larger than 262,144 bytes"),
    "UTF-16": (SPEC.encode("utf-16"), "not UTF-8"),
    "a NUL": (SPEC.encode() + b"\0", "U+0000"),
    "a key that is a number": (SPEC + "3: 4\n", "a key must be text, not `3`"),
    "a key that is a list": ("? [a, b]\n: 3\n" + SPEC, "a key must be text"),
    "no name": (SPEC.replace("name: tiny\n", ""), "missing `name`"),
    "no experiment": ("name: a\n", "missing `experiment`"),
    "an experiment on top": ("name: a\ncorpus: {name: python-docs}\nmodel: {kind: linear}\n", "indent corpus, model"),
    "no corpus": ("name: a\nexperiment: {model: {kind: linear, width: 8}}\n", "missing `experiment.corpus`"),
    "no model": ("name: a\nexperiment: {corpus: {name: python-docs}}\n", "missing `experiment.model`"),
    "no kind": (SPEC.replace("kind: transformer, ", ""), "missing `experiment.model.kind`"),
    "a misspelt kind": (SPEC.replace("transformer", "transformr"), "did you mean `transformer`?"),
    "a bert model without passages": (SPEC.replace("transformer", "bert"), "`passages` is not given"),
    "a name that is a number": (SPEC.replace("name: tiny", "name: 2026"), "must be text, not 2026"),
    "a name with other letters": (SPEC.replace("name: tiny", "name: größe"), "cannot be a name"),
    "a name that goes up": (SPEC.replace("name: tiny", "name: .."), "cannot be a name"),
    "a long name": (SPEC.replace("name: tiny", "name: " + "a" * 101), "at most 100 long"),
    "seeds that are searched": (SPEC.replace("model.heads: [2, 3]", "seeds: [1, 2]"), "but of the sweep"),
    "a budget that is searched": (SPEC.replace("model.heads: [2, 3]", "budget.flops: [1e9]"), "write a list"),
    "a section that is searched": (SPEC.replace("model.heads: [2, 3]", "model: [1]"), "a whole section"),
    "seeds of a baseline": (SPEC.replace("model.kind: linear,", "seeds: 3,"), "but of the sweep"),
}

FIELDS = {
    "training.learning_rate=nan": "must be a number, not `nan`",
    "training.learning_rate=.inf": "no finite number",
    "training.learning_rate=1e400": "too large",
    "training.learning_rate=-1e-3": "above 0, not -1e-3",
    "training.learning_rate=true": "must be a number, not true",
    "training.learning_rate=1e-3x": "must be a number",
    "training.epochs=2": "solved by `budget.match: epochs`",
    "training.optimizer=sgd": "one of `adam`, `adamw`",
    "training.weight_decay=0.1": "no effect in adam",
    "training.precision=fp16": "did you mean `bf16`?",
    "training.betas=[0.9]": "a list of 2",
    "training.schedule.warmup=1": "below 1",
    "training.predict=first": "`masked`, `label`, not `first`",
    "model.depth=0": "at least 1, not 0",
    "model.depth=1.5": "whole number",
    "model.depth=1000000000": "parameters",
    "model.width=-8": "at least 1, not -8",
    "model.dropout=1": "below 1",
    "model.context=0": "at least 1",
    "budget.flops=0": "no FLOP count",
    "budget.flops=nan": "no FLOP count",
    "budget.flops=1 PFLOPSs": "FLOPs, GFLOPs, TFLOPs, PFLOPs",
    "budget.flops=1e15 flop/s": "is a rate",
    "budget.flops=[]": "a list of 1 or more",
    "budget.match=depth": "one of `epochs`, `width`, `none`",
    "budget.tolerance=2": "at most 1",
    "budget.total=1e3": "less than one run's",
    "budget=null": "no budget is given",
    "seeds=0": "at least 1",
    "seeds=1000000000000": "at most 10000",
    "seeds=[1, 1]": "names 1 twice",
    "seeds=[4294967296]": "below 4294967296",
    "engine.sampler=[grid]": "did you mean `grid`?",
    "engine.kind=ray": "valid: optuna, wandb",
    "engine.objectives=[test_nll]": "one of `val_nll`",
    "engine.trials=0": "at least 1",
    "search.model.depth=[]": "nothing to choose from",
    "search.model.depth=2": "neither a list of choices nor a range",
    "search.model.depth={int_uniform: [3, 1]}": "empty range",
    "search.training.learning_rate={log_uniform: [0, 1]}": "must begin above 0",
    "search.training.learning_rate={uniform: [1e-3, 1e-2]}": "a grid needs finitely many values",
    "search.model.dept=[1, 2]": "did you mean `search.model.depth`?",
    "search.seeds=[1, 2]": "but of the sweep",
    "corpus={}": "no text",
    "corpus={name: python-docs, path: a.txt}": "comes from 2 places",
    "corpus={path: nowhere.txt}": "does not exist",
    "corpus={path: /dev/zero}": "neither a file nor a folder",
    "corpus={path: empty}": "holds no text files",
    "corpus={path: white.txt}": "holds no text",
    "corpus={path: latin.txt}": "no UTF-8 text",
    "corpus={path: short.txt}": "has no tokens",
    "corpus={path: torn.gz}": "no whole gzip file",
    "corpus={path: loop.txt}": "does not exist",
    "corpus={path: short.txt, split: paper}": "for the study's corpora",
    "corpus={path: short.txt, split: official}": "no files of its own",
    "corpus={name: ../../etc/passwd}": "cannot be a name",
    "corpus={name: python-docs, revision: abc}": "which version of a Hub set",
    "corpus={hub: owner/none}": "cannot be loaded from the Hub",
    "corpus.level=byte": "one of `char`, `word`",
    "corpus.vocabulary=1": "nothing to predict",
    "corpus.split={train: 0.9, valid: 0.2}": "nothing to test on",
    "evaluation.every=never": "no share",
    "evaluation.windows=0": "at least 1",
    "tracking.wandb=yes": "one of `off`, `offline`, `online`",
    "tracking.project=a/b": "cannot be a name",
    "model.__init__=3": "no field",
    "model.depth": "not of the form name=value",
    "=3": "not of the form name=value",
}
"""What `--set` can get wrong, in a spec that is right."""


@pytest.fixture
def folder(spec: Path) -> Path:
    """Where commands are run: the spec, and texts that are none."""
    folder = spec.parent
    (folder / "empty").mkdir()
    (folder / "white.txt").write_text(" \n\n")
    (folder / "latin.txt").write_bytes(b"Gr\xf6\xdfe")
    (folder / "short.txt").write_text("abc")
    (folder / "torn.gz").write_bytes(b"\x1f\x8b\x08torn")
    (folder / "loop.txt").symlink_to("loop.txt")
    return folder


def assert_refused(answer: Any, said: str, folder: Path, before: list[Path]) -> None:
    """One message for people, and nothing else."""
    assert answer.code == 2
    assert "error: " in answer.err
    assert said in answer.err
    assert "\nhint: " in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert sorted(folder.rglob("*")) == before


def test_a_link_that_leads_nowhere_is_not_what_was_meant(tlm: Tlm, folder: Path):
    (folder / "loops.txt").write_text("A text.")
    assert "did you mean `loops.txt`?" in tlm("plan", "tiny.yaml", "--set", "corpus={path: loop.txt}").err


@pytest.mark.parametrize(("content", "said"), FILES.values(), ids=FILES.keys())
def test_a_file_that_is_no_spec_is_refused(tlm: Tlm, folder: Path, content: bytes | str, said: str):
    (folder / "bad.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(folder.rglob("*"))
    answer = tlm("spec", "check", "bad.yaml")
    assert_refused(answer, said, folder, before)
    assert "at bad.yaml" in answer.err


@pytest.mark.parametrize(("written", "said"), FIELDS.items(), ids=FIELDS.keys())
def test_a_value_that_cannot_be_is_refused(tlm: Tlm, folder: Path, written: str, said: str):
    before = sorted(folder.rglob("*"))
    assert_refused(tlm("plan", "tiny.yaml", "--set", written), said, folder, before)
