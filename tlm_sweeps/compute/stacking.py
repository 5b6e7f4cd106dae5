"""Which runs can be trained as one, their weights stacked: those that differ in seed and learning rate only."""

from __future__ import annotations

from dataclasses import asdict

from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.memory import LOGITS_AT_ONCE
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.spec.models import LinearModel


def stack_key(experiment: ExperimentSpec, steps: Steps, facts: TextFacts) -> str | None:
    """What runs have in common that can be stacked; None for a run that must be trained by itself.

    Dropout draws from one stream per run, a large vocabulary's logits are made in parts, and an encoder's batch norm
    keeps statistics of its own batches: none of these can be stacked.
    """
    model, training = experiment.model, experiment.training
    if isinstance(model, BertModel) or (not isinstance(model, LinearModel) and model.dropout > 0):
        return None
    targets = training.batch_size * (model.context if training.predict == "all" else 1)
    if targets * facts.vocabulary_size > LOGITS_AT_ONCE:
        return None
    alike = experiment.model_dump(mode="json")
    for free in ("learning_rate", "schedule", "epochs"):
        alike["training"].pop(free)
    return fingerprint({"experiment": alike, "steps": asdict(steps), "corpus": facts.fingerprint})
