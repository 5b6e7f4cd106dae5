"""What encoders and the other models cannot have of each other: passages, masking, labels, and what is scored."""

from __future__ import annotations

from collections.abc import Iterator

from tlm_sweeps.spec.contradiction import Contradiction
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.experiment import CorpusSpec, ExperimentSpec, FirstTokens
from tlm_sweeps.spec.masking import MaskingSpec


def of_no_encoder(experiment: ExperimentSpec) -> Iterator[Contradiction]:
    """Fields that only a bert model has a use for."""
    kind, training = experiment.model.kind, experiment.training
    if training.predict in {"masked", "label"}:
        yield Contradiction(
            ("training.predict", "model.kind"),
            f"predict {training.predict}: a {kind} model predicts the token that comes next",
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
    for name, what in (("task", "labels are told apart by"), ("start_from", "weights of another run are for")):
        if getattr(experiment, name) is not None:
            message = f"{what} bert models; a {kind} model predicts the token that comes next"
            yield Contradiction((name, "model.kind"), message, f"remove `{name}`, or write `model.kind: bert`")


def of_encoder(experiment: ExperimentSpec, model: BertModel) -> Iterator[Contradiction]:
    """What a bert model needs, and what has no meaning for it."""
    training, context = experiment.training, model.context
    yield from _of_task(experiment, context)
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


def _of_task(experiment: ExperimentSpec, context: int) -> Iterator[Contradiction]:
    """A labelled set is told apart, and nothing else; without one, pieces are predicted."""
    task, training = experiment.task, experiment.training
    wanted = "masked" if task is None else "label"
    if training.predict != wanted:
        what = "predicts pieces that are masked" if task is None else "with a `task` tells its labels apart"
        add = f", or add `task: {{name: ag-news, length: {context}}}`" if training.predict == "label" else ""
        yield Contradiction(
            ("training.predict", "task", "model.kind"),
            f"predict {training.predict}: a bert model {what}",
            f"write `training.predict: {wanted}`{add}",
        )
    if task is None:
        if experiment.start_from is not None:
            yield Contradiction(
                ("start_from", "task", "model.kind"),
                f"start_from {experiment.start_from}: only what has a `task` begins with the weights of another run",
                "add `task` and `training.predict: label`, or remove `start_from`",
            )
        return
    if task.length != context:
        yield Contradiction(
            ("model.context", "task.length", "model.kind"),
            f"context {context} is not the examples' length, {task.length}",
            f"write `task.length: {context}`" if context >= 3 else f"write `model.context: {task.length}`",
        )
    if training.masking is not None:
        yield Contradiction(
            ("training.masking", "task", "model.kind"),
            "masking is for pre-training; a task's examples are read as they are",
            "remove `training.masking`",
        )
    if experiment.evaluation.windows is not None:
        yield Contradiction(
            ("evaluation.windows", "task", "model.kind"),
            f"windows {experiment.evaluation.windows}: the first examples of a task are those of its first labels",
            "remove `evaluation.windows`; `task.valid_per_label` says how many examples choose",
        )


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
                f"{name} {value}: a bert model is scored on whole passages or examples",
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
