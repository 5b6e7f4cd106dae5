"""The README of an exported model: what it is, what it was trained on and what it reached. It computes nothing."""

from __future__ import annotations

import re

from tlm_sweeps.inference.kept_models import KeptModel
from tlm_sweeps.redaction import redacted
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.units import format_count, format_flops

_LOADERS = {
    "BertForMaskedLM": "AutoModelForMaskedLM",
    "BertForSequenceClassification": "AutoModelForSequenceClassification",
}
_USE = {
    "all": "Its windows of training began anywhere in a text: it knows no beginning and no end of one.",
    "last": (
        "It was trained to predict the token after a full window only: what it says at other positions, or of a "
        "shorter text, means nothing."
    ),
    "masked": "It fills gaps of one piece each, `[MASK]`; windows are `[CLS]`, pieces, `[SEP]`, padding.",
    "label": "It tells labels apart; windows are `[CLS]`, pieces, `[SEP]`, padding.",
}
"""What one must know to use a model, by what it predicts."""


def model_card(model: KeptModel, architecture: str) -> str:
    """A page in Markdown.

    Args:
        model: that was exported.
        architecture: the class of `transformers` that reads it.
    """
    record = model.record
    loader = _LOADERS.get(architecture, "AutoModelForCausalLM")
    facts = {
        "architecture": f"{architecture} (`{record.spec['model']['kind']}` of tlm_sweeps)",
        "parameters": None if record.n_params is None else format_count(record.n_params),
        "window": f"{model.experiment.model.context} tokens",
        "text": f"{model.facts.name}, {_tokens(model)}, fingerprint {model.facts.fingerprint}",
        "training FLOPs": _flops(model),
        "validation NLL": _nll(record.val_nll),
        "test NLL": _nll(record.test_nll),
        "computed in": model.experiment.training.precision,
        "seed": str(record.seed),
        "commit of tlm_sweeps": record.provenance.commit,
    }
    rows = "\n".join(f"| {name} | {_cell(value)} |" for name, value in facts.items() if value is not None)
    return f"""\
# {_cell(model.place)}

A tiny language model, trained by tlm_sweeps and exported by `tlm-sweeps export-model`.

| | |
|---|---|
{rows}

NLLs are nats per target, over windows and positions as the run's evaluation has them. Weights are float32.

```python
from transformers import AutoTokenizer, {loader}

model = {loader}.from_pretrained(".")
tokenizer = AutoTokenizer.from_pretrained(".")
```

{_USE[model.experiment.training.predict]} It must not be given more tokens than its window holds.
"""


def _tokens(model: KeptModel) -> str:
    kind = {"char": "characters", "word": "words", None: "word pieces"}[model.facts.level]
    return f"{model.facts.vocabulary_size:,} {kind}"


def _flops(model: KeptModel) -> str | None:
    spent = model.record.train_flops or {}
    return ", ".join(f"{format_flops(each)} ({account})" for account, each in spent.items()) or None


def _nll(value: float | None) -> str | None:
    return None if value is None else format_nll(value)


def _cell(text: str | None) -> str:
    """A text that cannot leave its cell, run as HTML, or tell a secret."""
    return re.sub(r"([|<>`\\\n\r])", lambda found: f"&#{ord(found[0])};", redacted(text or ""))
