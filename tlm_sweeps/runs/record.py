"""The record of a run: everything that reports, exports and people need to know about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["waiting", "running", "complete", "pruned", "infeasible", "failed"]


RunId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$")]
"""The name of a run's folder in its sweep's: letters, digits, `.`, `_`, `-`, so that it leads nowhere else."""


class Provenance(BaseModel):
    """Where a run came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str | None = None
    """Commit of the repository the package runs from, if any."""
    dirty: bool | None = None
    """Whether that repository had uncommitted changes."""
    versions: dict[str, str] = {}
    """Python and the packages that bear on results."""
    device: str = "cpu"
    """Processor or GPU, in words."""
    threads: int = 1
    """Threads that computed the run; results are bit-identical only for the same number."""
    corpus: dict[str, Any] = {}
    """The corpus's facts: name, level, vocabulary_size, tokens of each split, fingerprint."""
    argv: tuple[str, ...] = ()
    """The command that started the sweep."""
    earlier_commits: tuple[str, ...] = ()
    """Commits that trained the run's first steps, where another one resumed it from a checkpoint."""

    def on(self, processor: str | None) -> Provenance:
        """The same, computed on another processor; None for this one."""
        return self if processor is None else self.model_copy(update={"device": processor})

    def taken_up(self, by: Provenance, *, resumes: bool) -> Provenance:
        """Where a run comes from once a process trains it: corpus and threads stay the run's own, all else is new.

        Args:
            by: of that process.
            resumes: whether it goes on from a checkpoint, so that what was before has a part in the result.
        """
        own: dict[str, Any] = {"corpus": self.corpus, "threads": self.threads}
        if resumes and self.commit is not None and self.commit != by.commit:
            own["earlier_commits"] = (*self.earlier_commits, self.commit)
        elif resumes:
            own["earlier_commits"] = self.earlier_commits
        if resumes and self.dirty:
            own["dirty"] = True
        return by.model_copy(update=own)


class Measurement(BaseModel):
    """One evaluation during a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    """Optimizer steps done."""
    epochs: float
    train_flops: dict[str, int]
    """Spent so far, in the three accounts."""
    train_nll: float
    """Mean training loss since the previous evaluation, nats per target."""
    val_nll: float
    """Nats per target on the validation split."""
    learning_rate: float
    wall_seconds: float
    """Training time so far, evaluations included, summed over resumes."""
    positions: int | None = None
    """Trained on so far; None where an older version measured."""
    targets: int | None = None
    """Trained on so far; None where an older version measured."""
    val_accuracy: float | None = None
    """Share of the validation examples whose label is told; of runs that tell labels apart."""


class LabelScores(BaseModel):
    """How well labels are told apart on the test examples, by the weights that a run ends with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    """Test examples."""
    n_correct: int
    accuracy: float
    interval: tuple[float, float]
    """95 % of the accuracy, by Wilson's score: as if the examples were drawn anew, not the seeds."""
    macro_f1: float
    """Unweighted mean over labels; a label that is neither told nor there counts 0."""


class StartedFrom(BaseModel):
    """Where the weights that a run began with come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sweep: str
    run_id: str
    fingerprint: str
    """Of the experiment that made them."""
    sha256: str
    """Of the file of weights."""
    train_flops: dict[str, int]
    """Spent on them, in the three accounts; shared by all runs that start from them, and in none of their own."""


class Record(BaseModel):
    """One run of one trial with one seed. NLLs are nats per target; FLOPs are counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: RunId
    sweep: str
    trial: int
    seed: int
    state: State
    reason: str = ""
    """Why it is pruned, infeasible or failed."""
    baseline: str | None = None
    """Name of the baseline, when the trial was given and not searched."""
    settings: dict[str, Any]
    """The searched hyperparameters of the trial, by dotted name; with several budgets also `budget.flops`."""
    spec: dict[str, Any]
    """The resolved experiment: nothing left open."""
    fingerprint: str
    """Of the resolved experiment."""
    n_params: int | None = None
    n_params_non_embedding: int | None = None
    budget_flops: int | None = None
    account: str | None = None
    train_flops: dict[str, int] | None = None
    """Spent, in the three accounts."""
    evaluation_flops: int | None = None
    """Matrix-multiply FLOPs of all evaluations; never charged."""
    positions: int | None = None
    targets: int | None = None
    steps: int | None = None
    epochs: float | None = None
    """As run."""
    epochs_asked: float | None = None
    """As the setting said, before whole steps and a solved width moved it."""
    train_nll: float | None = None
    val_nll: float | None = None
    """The one that chooses, of the weights the run ends with: the best of the run unless `restore_best` is false."""
    test_nll: float | None = None
    """Read once, at the end, for reporting."""
    best_step: int | None = None
    test_scores: LabelScores | None = None
    """Of runs that tell labels apart."""
    started_from: StartedFrom | None = None
    """None for random weights."""
    wall_seconds: float | None = None
    stacked: int | None = None
    """Runs that were trained as one with it, itself included: they took its wall_seconds together."""
    peak_memory_bytes: int | None = None
    """Most resident memory that its worker held since the run was last taken up, what workers share included."""
    started_at: str | None = None
    """UTC, ISO 8601."""
    finished_at: str | None = None
    provenance: Provenance = Provenance()
