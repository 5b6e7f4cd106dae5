"""Random sweeps without problems, as files would hold them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tlm_sweeps.spec.experiment import KNOWN_CORPORA

small = st.integers(1, 512)
share = st.floats(0.001, 0.999)
rate = st.floats(0, 0.99)
positive = st.floats(1e-9, 1e9)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
name = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
flops = st.integers(1, 10**18) | st.sampled_from([2e13, 1e15, "20 TFLOPs", "1.5 GFLOPs"])


def part(required: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with some keys always and others sometimes."""
    return st.fixed_dictionaries(required or {}, optional=optional)


corpora = part(
    {"name": st.sampled_from(KNOWN_CORPORA)}, split=part(train=st.floats(0.1, 0.7)) | st.just("paper")
) | part(
    {"path": text.filter(bool), "level": st.just("word")},
    eos=st.booleans(),
    vocabulary=small,
    first_tokens=part(train=small, valid=st.none()),
)
window_options: dict[str, Any] = {"context": small, "width": small.map(lambda k: 8 * k)}
block_options: dict[str, Any] = window_options | {
    "heads": st.sampled_from([1, 2, 4]),
    "ffn_width": small,
    "norm_placement": st.sampled_from(["post", "pre"]),
    "norm": st.sampled_from(["layernorm", "rmsnorm"]),
    "activation": st.sampled_from(["relu", "gelu", "swiglu"]),
    "positions": st.sampled_from(["learned", "rope", "sinusoidal", "none"]),
    "tied_head": st.booleans(),
    "biases": st.booleans(),
    "dropout": rate,
    "dropout_at": st.lists(st.sampled_from(["embedding", "attention", "ffn", "residual"]), unique=True),
}
window_models = part({"kind": st.just("linear")}, **window_options) | part(
    {"kind": st.just("mlp")}, hidden=small, dropout=rate, **window_options
)
block_models = part({"kind": st.just("attention")}, **block_options) | part(
    {"kind": st.just("transformer")}, depth=small, **block_options
)
training_options: dict[str, Any] = {
    "learning_rate": positive,
    "betas": st.tuples(rate, rate),
    "schedule": part(kind=st.sampled_from(["constant", "cosine"]), warmup=rate, final=share),
    "clip": positive | st.none(),
    "batch_size": small,
    "windows_per_epoch": small,
}
evaluations = part(
    every=share | st.just("epoch") | st.just("7%"), windows=small, patience=small, restore_best=st.booleans()
)
ranges = st.tuples(share, share).map(sorted)
dimensions: dict[str, Any] = {
    "training.learning_rate": ranges.map(lambda bounds: {"log_uniform": bounds}) | st.lists(positive, min_size=1),
    "training.batch_size": st.sampled_from([{"int_uniform": [8, 64], "step": 8}, {"log_int_uniform": [1, 256]}, [32]]),
    "training.betas": st.just([[0.9, 0.99], [0.9, 0.999]]),
    "training.clip": st.just([None, 1.0]),
    "evaluation.restore_best": st.just([True, False]),
    "corpus.split": st.just(["paper", "official"]),
}
baselines = part(
    **{"training.batch_size": small, "training": part(learning_rate=positive), "training.clip": positive | st.none()}
)
engines = part(
    kind=st.just("optuna"),
    sampler=st.sampled_from(["random", "tpe", "gp"]),
    trials=small,
    seed=st.integers(0, 2**32 - 1),
) | part(
    {"kind": st.just("wandb")},
    method=st.sampled_from(["random", "bayes"]),
    scheduler=st.sampled_from(["server", "optuna"]),
    trials=small,
    pruner=st.sampled_from(["none", "hyperband"]),
    seed=st.integers(0, 2**32 - 1),
)


@st.composite
def sweeps(draw: st.DrawFn) -> dict[str, Any]:
    """The data of a sweep without problems, as a file would hold it."""
    match = draw(st.sampled_from(["epochs", "width", "none"]))
    has_targets = draw(st.booleans())
    model = draw(block_models if has_targets else window_models)
    training = draw(part({} if has_targets else {"predict": st.just("last")}, **training_options))
    model.setdefault("width", 16)
    if match == "width":
        del model["width"]
    if match != "epochs":
        training["epochs"] = draw(positive)
    experiment = {"corpus": draw(corpora), "model": model, "training": training, "evaluation": draw(evaluations)}
    budget_flops = draw(flops | st.lists(st.integers(1, 10**15), min_size=1, max_size=3, unique=True))
    return draw(
        part(
            {
                "name": name,
                "experiment": st.just(experiment),
                "budget": part({"flops": st.just(budget_flops), "match": st.just(match)}, tolerance=share),
            },
            question=text,
            search=part(**dimensions),
            baselines=st.dictionaries(name, baselines, max_size=2),
            engine=engines,
            seeds=small | st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3, unique=True),
            tracking=part(
                wandb=st.sampled_from(["off", "offline"]),
                tags=st.lists(text.filter(lambda tag: 1 <= len(tag) <= 64), max_size=2),
            ),
        )
    )
