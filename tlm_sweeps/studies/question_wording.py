"""What the answers to all kinds of questions have in common: a headline, reasons, verdicts in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlm_sweeps.studies.contrasts import Compared, Verdict
from tlm_sweeps.studies.wording import join, sentence

NOT_RUN = "Not run yet."
"""The headline of a question of which nothing can be judged."""
VERDICTS: dict[Verdict, str] = {
    "holds": "better",
    "reversed": "worse",
    "within noise": "within noise",
    "not run": "not run",
}
"""What a verdict says of a side and its reference, in a table."""


@dataclass(frozen=True)
class Answer:
    """A measured answer in words."""

    headline: str
    """What stands in the heading: a sentence."""
    details: str = ""
    """What is said under it."""


def reasons(compared: Sequence[Compared]) -> str:
    """Why some are not run; empty where all are."""
    found = list(dict.fromkeys(each.missing for each in compared if each.missing))
    return sentence(f"missing: {join(found)}") if found else ""
