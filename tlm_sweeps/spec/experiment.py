"""An experiment: corpus + model + training + evaluation, the whole of what one run needs besides its seed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tlm_sweeps.spec.families import ModelSpec
from tlm_sweeps.spec.fields import Count, Name, NonNegative, Part, Positive, Rate, RunOrSweep, Share, ShareOrNone
from tlm_sweeps.spec.masking import MaskingSpec
from tlm_sweeps.spec.passages import PassagesSpec
from tlm_sweeps.spec.tasks import TaskSpec


def _is_none(value: object) -> bool:
    """What older specs have not is left out of theirs, so that their fingerprints and checkpoints stay as they are."""
    return value is None


KNOWN_CORPORA = ("python-docs", "tiny-shakespeare", "ptb", "wikitext-2", "wikipedia-subset")
"""Corpora that are known by name. Any other text comes by `path` or `hub`."""


class SplitShares(Part):
    """Split a text by position: the first share is train, the next valid, the rest test."""

    train: Share = 0.8
    """Share of the tokens, from the beginning, that is trained on."""
    valid: Share = 0.1
    """Share that follows and chooses; the rest is test."""


class FirstTokens(Part):
    """Caps: only so many tokens from the start of each split. The study's word-level runs use 80,000/20,000/20,000."""

    train: Count | None = None
    """Tokens of train that are kept; all when left out."""
    valid: Count | None = None
    """Tokens of valid that are kept."""
    test: Count | None = None
    """Tokens of test that are kept."""


class CorpusSpec(Part):
    """Which text, and how it becomes tokens. Exactly one of `name`, `path` and `hub` says where it comes from."""

    name: Name | None = None
    """A known corpus: `python-docs`, `tiny-shakespeare`, `ptb`, `wikitext-2`, `wikipedia-subset`."""
    path: Annotated[str, Field(min_length=1)] | None = None
    """A UTF-8 text file, or a folder of them (or of train/valid/test files)."""
    hub: Annotated[str, Field(min_length=1)] | None = None
    """A text set on the Hugging Face Hub: `owner/set` or `owner/set:config`."""
    revision: str | None = None
    """Commit of the Hub set, so that the text cannot change under the name."""
    level: Literal["char", "word"] = "char"
    """Tokens are characters, or words split at white space."""
    eos: bool = False
    """Word level: put `<eos>` at the end of every line. The study does not."""
    vocabulary: Count | None = None
    """Keep only the most frequent tokens of train (words or characters), counted before any caps; the others become
    `<unk>`, which counts as one of them. All when left out: words of train, characters of the whole text."""
    split: SplitShares | Literal["paper", "official"] | None = None
    """Shares by position; `paper`: the study's exact slices; `official`: the corpus's own files. Default: official
    where the corpus has train, valid and test, else 80/10/10."""
    first_tokens: FirstTokens = FirstTokens()
    """Caps on the splits, applied after tokenising."""


class ScheduleSpec(Part):
    """How the learning rate moves over the run's steps."""

    kind: Literal["constant", "linear", "cosine"] = "constant"
    """After warm-up: stay, fall in a line, or fall along a half cosine."""
    warmup: Annotated[ShareOrNone, Field(lt=1)] = 0.0
    """Share of the steps in which the rate rises in a line from 0."""
    final: ShareOrNone = 0.0
    """Rate at the end as a share of the peak (linear and cosine)."""


class TrainingSpec(Part):
    """How the weights are fitted."""

    optimizer: Literal["adam", "adamw"] = "adam"
    """Adam, or AdamW with decoupled weight decay."""
    learning_rate: Positive = 3e-4
    """Peak learning rate. 3e-4 is the study's."""
    betas: tuple[Rate, Rate] = (0.9, 0.999)
    """Decay rates of Adam's two moments."""
    weight_decay: NonNegative = 0.0
    """Decoupled weight decay; adamw only. Not applied to biases, gains and embeddings."""
    schedule: ScheduleSpec = ScheduleSpec()
    """Learning-rate schedule."""
    clip: Positive | None = None
    """Largest gradient norm; no clipping when left out."""
    batch_size: Count = 64
    """Windows in an optimizer step."""
    epochs: Positive | None = None
    """Passes; left out where the budget solves them (`match: epochs`)."""
    windows: Literal["replacement", "shuffled"] = "replacement"
    """Windows drawn uniformly with replacement (the study's), or shuffled passes over disjoint windows."""
    windows_per_epoch: Count | None = None
    """Windows that count as an epoch (replacement only). Default: train tokens // context, one pass of positions."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """What is computed in; weights, loss and optimizer stay float32. `bf16`: bfloat16, about twice as fast where the
    processor has it. `auto`: a few steps of each are timed once, and the whole sweep keeps the faster."""
    predict: Literal["last", "all", "masked", "label"] = "all"
    """Targets of a window: its last position only (the study's) or all; linear and MLP models have only `last`. Bert
    models have only `masked`, some of the pieces that they read, and, where there is a `task`, only `label`."""
    masking: MaskingSpec | None = Field(default=None, exclude_if=_is_none)
    """How pieces are masked; bert models only. Default: the study's."""


class EvaluationSpec(Part):
    """When and on what a run is judged. Evaluation is never charged to the budget."""

    every: Share | Literal["epoch"] = 0.05
    """How often validation NLL is taken: a share of the run's steps, or each epoch. The end always counts."""
    windows: Count | None = None
    """Evaluate on the first so many windows of the split; on the whole split when left out, as with a task always."""
    stride: Count | None = None
    """Tokens between window starts. Default: 1 where the last position is scored, the context where all are."""
    score: Literal["last", "all"] | None = None
    """Positions scored in a window. Default: as `training.predict`."""
    average: Literal["targets", "batches"] = "targets"
    """Mean over targets, or (the study's) mean of batch means."""
    batch_size: Count | None = None
    """Windows in an evaluation batch. Default: the training batch size."""
    restore_best: bool = True
    """Whether test is scored with the weights of the best validation NLL instead of the last ones."""
    patience: Count | None = None
    """Stop after so many evaluations without a better one; the run then spends less than its budget."""


class ExperimentSpec(Part):
    """What one run needs, apart from its seed."""

    corpus: CorpusSpec
    """The text."""
    passages: PassagesSpec | None = Field(default=None, exclude_if=_is_none)
    """How the text becomes passages of word pieces, in place of tokens; bert models only, which must have it."""
    task: TaskSpec | None = Field(default=None, exclude_if=_is_none)
    """A labelled set that is told apart in place of predicting masked pieces: fine-tuning, bert models only. The text
    is then the one whose word pieces are used, and that the weights are pre-trained on."""
    start_from: RunOrSweep | None = Field(default=None, exclude_if=_is_none)
    """Weights that fine-tuning begins with: `sweep/run`, or `sweep`, its run of the same model, text, passages and
    seed. Random weights when left out, and nothing else is different then."""
    model: ModelSpec
    """The architecture."""
    training: TrainingSpec = TrainingSpec()
    """How it is fitted."""
    evaluation: EvaluationSpec = EvaluationSpec()
    """How it is judged."""
