"""Combinations of fields that cannot be, knowable from an experiment alone: no corpus is read, nothing is counted."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tlm_sweeps.errors import Problem, nearest
from tlm_sweeps.spec.contradiction import Contradiction
from tlm_sweeps.spec.encoder_contradictions import of_encoder, of_no_encoder
from tlm_sweeps.spec.encoders import BertModel, ConvolutionSpec, encoder_ffn_width_of
from tlm_sweeps.spec.experiment import KNOWN_CORPORA, CorpusSpec, ExperimentSpec, SplitShares, TrainingSpec
from tlm_sweeps.spec.models import (
    AttentionModel,
    BlockModel,
    LinearModel,
    MlpModel,
    TransformerModel,
    depth_of,
    ffn_width_of,
    kv_heads_of,
)
from tlm_sweeps.spec.yaml_scalars import write_scalar

MOST_PARAMS = 10**11
"""A model beyond this is a slip of the keyboard: its weights alone would take 400 GB."""


def contradictions(experiment: ExperimentSpec) -> list[Problem]:
    """All impossible combinations of an experiment. A width that is still open is not judged.

    >>> from tlm_sweeps.spec.experiment import CorpusSpec
    >>> model = TransformerModel(kind="transformer", width=100, heads=8)
    >>> print(*contradictions(ExperimentSpec(corpus=CorpusSpec(name="ptb"), model=model)))
    width 100 is not divisible by heads 8
      at model.heads
    <BLANKLINE>
    hint: width 96 or 104, or heads 5 or 10
    """
    return [each.problem() for each in find_contradictions(experiment)]


def find_contradictions(experiment: ExperimentSpec) -> list[Contradiction]:
    """The same with the names of all fields involved."""
    model = experiment.model
    found = [*_of_corpus(experiment.corpus), *_of_training(experiment.training)]
    if isinstance(model, LinearModel | MlpModel):
        found += _of_window_targets(experiment)
    if isinstance(model, BlockModel):
        found += _of_block(model)
    if isinstance(model, BertModel):
        found += [*of_encoder(experiment, model), *(_of_heads(model, model.width) if model.width is not None else ())]
    else:
        found += of_no_encoder(experiment)
    if not any(each.fields[0] in {"model.heads", "model.kv_heads"} for each in found):
        found += _of_size(experiment)
    return found


def _of_corpus(corpus: CorpusSpec) -> Iterator[Contradiction]:
    yield from _of_source(corpus)
    if corpus.revision is not None and corpus.hub is None:
        yield Contradiction(
            ("corpus.revision", "corpus.hub"),
            f"revision {corpus.revision} says which version of a Hub set, but `corpus.hub` is not given",
            "remove `revision`, or name a set by `hub: owner/set`",
        )
    if corpus.level == "char" and corpus.eos:
        yield Contradiction(
            ("corpus.eos", "corpus.level"),
            "eos true is for words, but level is char",
            "remove `eos`, or write `level: word`",
        )
    split = corpus.split
    if isinstance(split, SplitShares) and split.train + split.valid > 1 - 1e-9:
        yield Contradiction(
            ("corpus.split.train", "corpus.split.valid", "corpus.split"),
            f"train {split.train:g} and valid {split.valid:g} leave nothing to test on",
            "make train + valid less than 1, e.g. `split: {train: 0.8, valid: 0.1}`",
        )


def _of_source(corpus: CorpusSpec) -> Iterator[Contradiction]:
    sources = ("corpus.name", "corpus.path", "corpus.hub")
    given = [
        name for name, value in zip(sources, (corpus.name, corpus.path, corpus.hub), strict=True) if value is not None
    ]
    if not given:
        yield Contradiction(("corpus", *sources), "the corpus has no text", "add e.g. `name: python-docs`")
    if len(given) > 1:
        kept = given[0].removeprefix("corpus.")
        others = " and ".join(f"`{name.removeprefix('corpus.')}`" for name in given[1:])
        message = f"the corpus comes from {len(given)} places: {', '.join(given)}"
        yield Contradiction((given[1], *given), message, f"keep one; to keep `{kept}`, remove {others}")
    if corpus.name is not None and corpus.name not in KNOWN_CORPORA:
        close = nearest(corpus.name, KNOWN_CORPORA)
        known = f"did you mean `{close}`?" if close else f"known: {', '.join(KNOWN_CORPORA)};"
        hint = f"{known} `path:` takes any text file"
        yield Contradiction(("corpus.name",), f"no corpus is known by the name {corpus.name}", hint)


def _of_training(training: TrainingSpec) -> Iterator[Contradiction]:
    if training.weight_decay > 0 and training.optimizer == "adam":
        yield Contradiction(
            ("training.weight_decay", "training.optimizer"),
            f"weight_decay {training.weight_decay:g} has no effect in adam, which decays nothing",
            "write `optimizer: adamw`, or remove `weight_decay`",
        )
    if training.windows_per_epoch is not None and training.windows == "shuffled":
        yield Contradiction(
            ("training.windows_per_epoch", "training.windows"),
            f"windows_per_epoch {training.windows_per_epoch} is given, but a shuffled epoch is one pass over the text",
            "remove `windows_per_epoch`, or write `windows: replacement`",
        )


def _of_window_targets(experiment: ExperimentSpec) -> Iterator[Contradiction]:
    """Linear and MLP models see a window at once and predict the token after it: they have one target."""
    kind = experiment.model.kind
    if experiment.training.predict == "all":
        yield Contradiction(
            ("training.predict", "model.kind"),
            f"predict all: a {kind} model predicts only the token after its window",
            "write `training.predict: last`",
        )
    if experiment.evaluation.score == "all":
        yield Contradiction(
            ("evaluation.score", "model.kind"),
            f"score all: a {kind} model predicts only the token after its window",
            "write `evaluation.score: last`, or remove it",
        )


def _of_block(model: BlockModel) -> Iterator[Contradiction]:
    if model.heads % kv_heads_of(model):
        yield Contradiction(
            ("model.kv_heads", "model.heads", "model.kind"),
            f"heads {model.heads} is not divisible by kv_heads {kv_heads_of(model)}",
            f"kv_heads {_nearest_two(kv_heads_of(model), _divisors(model.heads))}",
        )
    if model.width is not None:
        yield from _of_heads(model, model.width)
    if model.ffn_width is not None and model.ffn_ratio is not None:
        yield Contradiction(
            ("model.ffn_ratio", "model.ffn_width", "model.kind"),
            f"ffn_width {model.ffn_width} and ffn_ratio {model.ffn_ratio:g} both size the feed-forward layer",
            "keep one of the two",
        )
    repeated = sorted({place for place in model.dropout_at if model.dropout_at.count(place) > 1})
    if repeated:
        message = f"dropout_at names {', '.join(repeated)} twice"
        yield Contradiction(("model.dropout_at", "model.kind"), message, "name every place once")


def _of_heads(model: BlockModel | BertModel, width: int) -> Iterator[Contradiction]:
    needs_pairs = isinstance(model, BlockModel) and model.positions == "rope"
    if width % model.heads:
        yield Contradiction(
            ("model.heads", "model.width", "model.kind"),
            f"width {width} is not divisible by heads {model.heads}",
            _heads_hint(model, width, needs_pairs=needs_pairs),
        )
    elif needs_pairs and width // model.heads % 2:
        yield Contradiction(
            ("model.heads", "model.width", "model.positions", "model.kind"),
            f"rope turns pairs: width {width} / heads {model.heads} is {width // model.heads}, an odd head size",
            _heads_hint(model, width, needs_pairs=True),
        )


def _heads_hint(model: BlockModel | BertModel, width: int, *, needs_pairs: bool) -> str:
    """Widths and heads that cure the division and break nothing else."""
    unit = model.heads * (2 if needs_pairs else 1)
    below = width // unit * unit
    widths = " or ".join(str(each) for each in (below, below + unit) if each > 0)
    shared = (model.kv_heads if isinstance(model, BlockModel) else None) or 1
    valid = [heads for heads in _divisors(width) if heads % shared == 0 and not (needs_pairs and width // heads % 2)]
    return f"width {widths}" + (f", or heads {_nearest_two(model.heads, valid)}" if valid else "")


def _divisors(number: int) -> list[int]:
    small = [each for each in range(1, math.isqrt(number) + 1) if number % each == 0]
    return sorted({*small, *(number // each for each in small)})


def _nearest_two(wanted: int, valid: list[int]) -> str:
    """The neighbours of a number among the valid ones."""
    below = [each for each in valid if each < wanted][-1:]
    above = [each for each in valid if each > wanted][:1]
    return " or ".join(map(str, below + above))


def _of_size(experiment: ExperimentSpec) -> Iterator[Contradiction]:
    model = experiment.model
    if model.width is None:
        return
    size = _rough_params(experiment, model.width)
    if size > MOST_PARAMS:
        shape = ", ".join(f"{name} {getattr(model, name)}" for name in _SHAPE if getattr(model, name, None) is not None)
        yield Contradiction(
            ("model.width", *(f"model.{name}" for name in _SHAPE if name != "width"), "model.kind"),
            f"{shape}: the model would have about {_rough(size)} parameters ({_rough(4 * size)} bytes)",
            f"make it smaller: at most {_rough(MOST_PARAMS)} parameters are accepted",
        )


def _rough(size: float) -> str:
    return write_scalar(int(float(f"{size:.2g}")))


_SHAPE = ("width", "depth", "context", "hidden", "ffn_width", "ffn_ratio")


def _rough_params(experiment: ExperimentSpec, width: int) -> float:
    """Parameters to within a factor of two, without the vocabulary, which only the corpus knows. Not an account."""
    model = experiment.model
    match model:
        case LinearModel():
            return float(model.context) * width
        case MlpModel():
            return (float(model.context) * width + model.hidden) * model.hidden
        case AttentionModel() | TransformerModel():
            block = 4.0 * width * width + (3 if model.activation == "swiglu" else 2) * float(width) * ffn_width_of(
                model
            )
            return depth_of(model) * block + float(model.context) * width
        case BertModel():
            block = (4.0 * width + 2.0 * encoder_ffn_width_of(model)) * width
            return model.depth * block + float(model.context) * width + _rough_weights(model.convolution)


def _rough_weights(convolution: ConvolutionSpec | None) -> float:
    if convolution is None:
        return 0.0
    return float(convolution.layers) * math.prod(convolution.kernel) * convolution.channels**2
