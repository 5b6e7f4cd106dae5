"""The commented spec that `tlm-sweeps init` prints."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.fields import Name
from tlm_sweeps.spec.yaml_scalars import write_scalar

_TEMPLATE = """\
# A sweep: a question, an experiment with some fields left open, a FLOP budget, an engine that searches.
# Unknown keys are refused; `tlm-sweeps spec check FILE` says where. `tlm-sweeps plan FILE` spends nothing.

name: {name}             # names the folder of records
question: Which depth, heads and context are best for 2e11 training FLOPs?

experiment:                  # what every run has in common; any field may be searched below instead
  corpus:
    name: python-docs        # ships with Python; also tiny-shakespeare, ptb, …, or `path: text.txt`
    level: char              # tokens are characters (or words: `word`)
  model:
    kind: transformer        # linear, mlp, attention or transformer
    width: 64                # d_model: size of a token's vector
    depth: 2                 # blocks
    heads: 4                 # attention heads; must divide the width
    context: 64              # tokens in a window
  training:
    optimizer: adamw
    learning_rate: 1e-3      # the peak of the schedule
    schedule: {{kind: cosine, warmup: 0.05}}   # shares of the run's steps
    clip: 1.0                # largest gradient norm
    batch_size: 32           # windows in a step
    predict: all             # every position is a target; `last` is one target per window
  evaluation:
    every: 10%               # of the run's steps
    windows: 200             # of the validation split; the whole split when left out

search:                      # dotted names: a list of choices, or a range
  model.depth: [1, 2, 3, 4]
  model.heads: [1, 2, 4, 8]
  model.context: [32, 64, 128]
  training.learning_rate: {{log_uniform: [3e-4, 1e-2]}}

baselines:                   # trained beside the search, at the same budget
  linear: {{model.kind: linear, training.predict: last}}

budget:
  flops: 2e11                # training FLOPs of every run; a list draws isoFLOP curves
  account: matmul            # how FLOPs are counted: matmul, 6nd or 2nd
  match: epochs              # what is solved so that every run spends the budget: epochs, width or none
  # total: 2e13              # training FLOPs of the whole sweep, never overspent

engine:
  kind: optuna               # or wandb, for agents on any machines; `sweep --engine wandb` takes this as it is
  sampler: tpe               # grid, random, tpe, gp, cmaes or nsga2
  trials: 12                 # settings to train

seeds: 1                     # runs of every setting; 3 give intervals

tracking: {{wandb: off}}       # or offline, online
"""


def template(name: str) -> str:
    """A small sweep that runs as it is, with a few words on every line.

    Raises:
        InputError: for a name that cannot name a folder.
    """
    try:
        TypeAdapter(Name).validate_python(name, strict=True)
    except ValidationError:
        rule = "letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 100"
        raise InputError(f"`{name}` cannot name a sweep", place="name", hint=f"a name holds {rule}") from None
    return _TEMPLATE.format(name=write_scalar(name))
