"""Impossible combinations are named with their values, and following a hint cures them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.spec import ExperimentSpec, contradictions
from tlm_sweeps.spec.models import TransformerModel


def experiment(**sections: dict[str, Any]) -> ExperimentSpec:
    """A small transformer with some fields set."""
    corpus = {"name": "ptb"} | sections.get("corpus", {})
    model = sections.get("model", {})
    whole_model = {"kind": "transformer", "width": 64} | model
    data = {**sections, "corpus": corpus, "model": whole_model}
    return ExperimentSpec.model_validate(data, strict=False)


def test_an_ordinary_experiment_has_none() -> None:
    assert contradictions(experiment()) == []


@pytest.mark.parametrize(
    ("sections", "place", "message", "cure"),
    [
        (
            {"model": {"width": 100, "heads": 8}},
            "model.heads",
            "width 100 is not divisible by heads 8",
            {"model": {"width": 104, "heads": 8}},
        ),
        (
            {"model": {"kv_heads": 3}},
            "model.kv_heads",
            "heads 4 is not divisible by kv_heads 3",
            {"model": {"kv_heads": 2}},
        ),
        (
            {"model": {"width": 36, "positions": "rope"}},
            "model.heads",
            "width 36 / heads 4 is 9, an odd",
            {"model": {"width": 40, "positions": "rope"}},
        ),
        (
            {"model": {"ffn_width": 9, "ffn_ratio": 2.5}},
            "model.ffn_ratio",
            "ffn_width 9 and ffn_ratio 2.5",
            {"model": {"ffn_width": 9}},
        ),
        (
            {"model": {"dropout_at": ["ffn", "ffn"]}},
            "model.dropout_at",
            "names ffn twice",
            {"model": {"dropout_at": ["ffn"]}},
        ),
        (
            {"model": {"kind": "linear"}},
            "training.predict",
            "predict all: a linear model",
            {"model": {"kind": "linear"}, "training": {"predict": "last"}},
        ),
        (
            {"model": {"kind": "mlp"}, "training": {"predict": "last"}, "evaluation": {"score": "all"}},
            "evaluation.score",
            "score all: a mlp model",
            {"model": {"kind": "mlp"}, "training": {"predict": "last"}},
        ),
        ({"corpus": {"eos": True}}, "corpus.eos", "eos true is for words", {"corpus": {"eos": True, "level": "word"}}),
        ({"corpus": {"name": None}}, "corpus", "the corpus has no text", {"corpus": {"name": "python-docs"}}),
        ({"corpus": {"path": "a.txt"}}, "corpus.path", "from 2 places: corpus.name, corpus.path", {"corpus": {}}),
        ({"corpus": {"name": "tiny-shakespear"}}, "corpus.name", "no corpus", {"corpus": {"name": "tiny-shakespeare"}}),
        ({"corpus": {"name": "imdb"}}, "corpus.name", "no corpus", {"corpus": {"name": None, "path": "imdb.txt"}}),
        (
            {"corpus": {"revision": "abc"}},
            "corpus.revision",
            "revision abc",
            {"corpus": {"name": None, "hub": "o/s", "revision": "abc"}},
        ),
        (
            {"corpus": {"split": {"train": 0.9}}},
            "corpus.split.train",
            "train 0.9 and valid 0.1",
            {"corpus": {"split": {"train": 0.89}}},
        ),
        (
            {"training": {"weight_decay": 0.1}},
            "training.weight_decay",
            "no effect in adam",
            {"training": {"weight_decay": 0.1, "optimizer": "adamw"}},
        ),
        (
            {"training": {"windows": "shuffled", "windows_per_epoch": 5}},
            "training.windows_per_epoch",
            "windows_per_epoch 5",
            {"training": {"windows_per_epoch": 5}},
        ),
        (
            {"model": {"width": 10**9, "depth": 10**6}},
            "model.width",
            "width 1000000000, depth 1000000",
            {"model": {"width": 128, "depth": 10}},
        ),
        (
            {"model": {"kind": "linear", "width": 10**6, "context": 10**6}, "training": {"predict": "last"}},
            "model.width",
            "1e12 parameters (4e12 bytes)",
            {},
        ),
    ],
)
def test_a_contradiction_is_named_and_cured(
    sections: dict[str, Any], place: str, message: str, cure: dict[str, Any]
) -> None:
    (problem,) = contradictions(experiment(**sections))
    assert problem.place == place
    assert message in problem.message
    assert problem.hint
    assert contradictions(experiment(**cure)) == []


def test_what_needs_the_width_waits_for_it() -> None:
    assert contradictions(experiment(model={"width": None, "heads": 7, "positions": "rope"})) == []


def test_a_transformer_may_be_scored_everywhere_though_trained_on_the_last_position() -> None:
    assert contradictions(experiment(training={"predict": "last"}, evaluation={"score": "all"})) == []


def test_the_largest_shapes_that_can_be_written_are_refused_quickly() -> None:
    huge = experiment(model={"width": 10**12 - 11, "heads": 10**12 - 7, "depth": 10**12, "context": 10**12})
    assert [each.place for each in contradictions(huge)] == ["model.heads"]


@given(
    width=st.integers(1, 300),
    heads=st.integers(1, 40),
    kv_heads=st.none() | st.integers(1, 8),
    positions=st.sampled_from(["learned", "rope"]),
)
def test_every_width_and_head_count_that_a_hint_names_is_possible(
    width: int, heads: int, kv_heads: int | None, positions: str
) -> None:
    given_ = {"width": width, "heads": heads, "kv_heads": kv_heads, "positions": positions}
    found = {each.place: each for each in contradictions(experiment(model=given_))}
    fits = width % heads == 0 and (positions == "learned" or width // heads % 2 == 0)
    assert fits == ("model.heads" not in found)
    assert (heads % (kv_heads or heads) == 0) == ("model.kv_heads" not in found)
    for problem in found.values():
        for name, numbers in re.findall(r"(width|kv_heads|heads) (\d+(?: or \d+)*)", problem.hint):
            for number in map(int, numbers.split(" or ")):
                cured = experiment(model=given_ | {name: number})
                assert problem.place not in {each.place for each in contradictions(cured)}
                assert isinstance(cured.model, TransformerModel)
