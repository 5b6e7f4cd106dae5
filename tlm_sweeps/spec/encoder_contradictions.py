"""What encoders and the other models cannot have of each other: passages, masking, and what is scored."""

from __future__ import annotations

from collections.abc import Iterator

from tlm_sweeps.spec.contradiction import Contradiction
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.experiment import CorpusSpec, ExperimentSpec, FirstTokens
from tlm_sweeps.spec.masking import MaskingSpec


def of_no_encoder(experiment: ExperimentSpec) -> Iterator[Contradiction]:
    """Fields that only a bert model has a use for."""
    kind, training = experiment.model.kind, experiment.training
    if training.predict == "masked":
        yield Contradiction(
            ("training.predict", "model.kind"),
            f"predict masked: a {kind} model predicts the token that comes next",
            "write `training.predict: last`" + ("" if kind in {"linear", "mlp"} else " or `all`, or `kind: bert`"),
        )
    if experiment.passages is not None:
        yield Contradiction(
            ("passages", "model.kind"),
            f"passages are for bert models; a {kind} model reads the text's tokens",
            "remove `passages`, or write `model.kind: bert`",
        )
    if training.masking is not None:
        yield Contradiction(
            ("training.masking", "model.kind"),
            f"masking is for bert models; a {kind} model sees every token before its target",
            "remove `training.masking`, or write `model.kind: bert`",
        )


def of_encoder(experiment: ExperimentSpec, model: BertModel) -> Iterator[Contradiction]:
    """What a bert model needs, and what has no meaning for it."""
    training, context = experiment.training, model.context
    if training.predict != "masked":
        yield Contradiction(
            ("training.predict", "model.kind"),
            f"predict {training.predict}: a bert model predicts pieces that are masked",
            "write `training.predict: masked`",
        )
    if training.windows != "shuffled":
        yield Contradiction(
            ("training.windows", "model.kind"),
            f"windows {training.windows}: a bert model passes over its passages in random order",
            "write `training.windows: shuffled`",
        )
    yield from _of_passages(experiment, context)
    yield from _of_masking(training.masking)
    yield from _of_evaluation(experiment)
    yield from _of_tokens(experiment.corpus)


def _of_passages(experiment: ExperimentSpec, context: int) -> Iterator[Contradiction]:
    if experiment.passages is None:
        yield Contradiction(
            ("passages", "model.kind"),
            "a bert model reads passages of word pieces, and `passages` is not given",
            f"add `passages: {{pieces: {{kind: trained, size: 8192}}, length: {context}}}` beside `corpus`",
        )
    elif experiment.passages.length != context:
        length = experiment.passages.length
        yield Contradiction(
            ("model.context", "passages.length", "model.kind"),
            f"context {context} is not the passages' length, {length}",
            f"write `model.context: {length}`" + (f" or `passages.length: {context}`" if context >= 3 else ""),
        )


def _of_masking(masking: MaskingSpec | None) -> Iterator[Contradiction]:
    if masking is not None and masking.masked + masking.random > 1 + 1e-9:
        yield Contradiction(
            ("training.masking.masked", "training.masking.random"),
            f"masked {masking.masked:g} and random {masking.random:g} are more than all predicted places",
            "make masked + random at most 1, e.g. `masking: {masked: 0.8, random: 0.1}`",
        )


def _of_evaluation(experiment: ExperimentSpec) -> Iterator[Contradiction]:
    for name in ("score", "stride"):
        value = getattr(experiment.evaluation, name)
        if value is not None:
            yield Contradiction(
                (f"evaluation.{name}", "model.kind"),
                f"{name} {value}: a bert model is scored on masked pieces of whole passages",
                f"remove `evaluation.{name}`",
            )


def _of_tokens(corpus: CorpusSpec) -> Iterator[Contradiction]:
    """Options of the tokens that a bert model does not read; left out, or said as they are by default, they may be."""
    caps = "write `passages.first_passages` in its place"
    for name, default, hint in (
        ("level", "char", "remove `level`: pieces are neither characters nor words"),
        ("eos", False, "remove `eos`"),
        ("vocabulary", None, "write `passages.pieces.size` in its place"),
        ("first_tokens", FirstTokens(), caps),
    ):
        if getattr(corpus, name) != default:
            place = f"corpus.{name}"
            yield Contradiction((place, "model.kind"), f"`{place}` has no meaning for a bert model's passages", hint)
