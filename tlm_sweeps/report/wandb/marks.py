"""What makes a report at W&B known again as that of a sweep: a sentence in it, which also tells readers what it is.

A title is no proof: sweeps share names, and people write reports of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tlm_sweeps.report.wandb.panels import RunsOf

if TYPE_CHECKING:
    import wandb
    from wandb.apis.public import BetaReport

_REPORTS_A_PAGE = 20
"""Each comes with all that is in it."""


def mark_of(runs: RunsOf) -> str:
    """The sentence that reports of these runs hold, and no other report."""
    what = f"the W&B sweep {runs.sweep_id}" if runs.sweep_id else f"the sweep with fingerprint {runs.fingerprint}"
    return f"Written by tlm-sweeps for {what}."


def marked_report(api: wandb.Api, entity: str, project: str, runs: RunsOf) -> str | None:
    """The id of these runs' report in a project, or None when there is none.

    A copy that somebody made of it is newer, and left alone.
    """
    mark = mark_of(runs)
    marked = [each for each in _reports(api, entity, project) if mark in _words(each.spec)]
    return min(marked, key=lambda each: str(each.created_at)).id if marked else None


def _reports(api: wandb.Api, entity: str, project: str) -> Iterator[BetaReport]:
    # A ValueError: there is no such project, it is made with its first report; or a report that is no JSON.
    with suppress(ValueError):
        yield from api.reports(f"{entity}/{project}", per_page=_REPORTS_A_PAGE)


def _words(spec: Any) -> str:
    """The markdown of a report; whatever else a server's report holds is none of ours."""
    blocks = spec.get("blocks") if isinstance(spec, dict) else None
    contents = [each.get("content") for each in blocks if isinstance(each, dict)] if isinstance(blocks, list) else []
    return "\n".join(each for each in contents if isinstance(each, str))
