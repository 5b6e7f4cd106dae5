"""A classification task: which labelled set, and how many examples of each label."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tlm_sweeps.spec.fields import Count, Part

TaskName = Literal["ag-news", "dbpedia-14", "fewrel"]
"""Labelled sets that are known by name."""


class TaskSpec(Part):
    """A labelled set and the examples that are drawn from it, the same number for every label."""

    name: TaskName
    """Which set: its labels, its files and which of its columns are the text."""
    hub: Annotated[str, Field(min_length=1)] | None = None
    """Take it from the Hugging Face Hub (`owner/set` or `owner/set:config`) in place of local files."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    """Commit of the Hub set, 40 hexadecimal digits; must be given with `hub`: a branch may move, and its examples."""
    train_per_label: Count | None = None
    """Examples of each label that are trained on. Default: the study's (1,000, 100 and 630)."""
    valid_per_label: Count = 10
    """Examples of each label for choosing, drawn from those that are neither train nor test. The study has none."""
    test_per_label: Count | None = None
    """Examples of each label that are judged on. Default: the study's (1,000, 100 and 70)."""
    length: Annotated[int, Field(ge=3)] = 128
    """Positions of an example, `[CLS]` and `[SEP]` included: the model's context. What does not fit is cut off."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draw. Test examples do not depend on how many are trained on."""
