"""Writing a W&B Report to the server, once: called again, the same report is brought up to date.

The sweep's folder remembers which one it is. Where it does not, on another machine say, the server is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import warnings
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tlm_sweeps.errors import InputError
from tlm_sweeps.redaction import redacted
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.wandb.document import Place, build_report
from tlm_sweeps.report.wandb.marks import marked_report
from tlm_sweeps.report.wandb.workspaces import reports
from tlm_sweeps.tracking.wandb_connecting import connected, is_unanswered, status_of

if TYPE_CHECKING:
    import wandb

FILE = "wandb-report.json"
"""In the sweep's folder: which report is the sweep's."""
_NO_SLUG = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class Published:
    """A sweep's report at W&B."""

    url: str
    report_id: str
    server: str
    entity: str
    project: str
    written_at: str
    """UTC, ISO 8601."""
    note: str = ""
    """What it says of panels that stay empty."""


def publish(results: SweepResults, place: Place, folder: Path) -> Published:
    """Write the report, or bring the one that was written before up to date; edits made at W&B are lost.

    Args:
        results: what it tells.
        place: where it goes; the login's own entity where none is said.
        folder: the sweep's, which remembers the report.

    Raises:
        InputError: when no run is complete, or W&B cannot be asked.
    """
    build_report(results, place)  # what is wrong with the results is said before anybody is asked
    with connected() as api:
        entity = place.entity or api.default_entity
        if not entity:
            raise InputError("this W&B login has no default entity", hint="say whose report it is: `--entity NAME`")
        place = replace(place, entity=entity)
        report = build_report(results, place)
        before = remembered(folder)
        is_there = before is not None and _is_there(before, api, place)
        known = before.report_id if before and is_there else marked_report(api, entity, place.project, place.runs)
        if known is not None:
            report.id = known
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the client's own affair
            report.save()
        server = redacted(str(api.settings["base_url"]))
        found = Published(
            url=f"{_pages(api)}{entity}/{place.project}/reports/{_slug(report.title)}--{report.id.rstrip('=')}",
            report_id=report.id,
            server=server,
            entity=entity,
            project=place.project,
            written_at=datetime.now(UTC).isoformat(timespec="seconds"),
            note=place.note,
        )
    _remember(found, folder)
    return found


def remembered(folder: Path) -> Published | None:
    """The report that was written for this sweep; None when there is none, or what is kept of it cannot be read."""
    try:
        return Published(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_there(before: Published, api: wandb.Api, place: Place) -> bool:
    """Whether the report is still where this one goes."""
    if (before.server, before.entity, before.project) != (
        redacted(str(api.settings["base_url"])),
        place.entity,
        place.project,
    ):
        return False
    from wandb.sdk.lib.service.service_connection import WandbApiFailedError

    wr, _ = reports()
    try:
        # A path of its own: it cannot read every server's addresses.
        wr.Report.from_url(f"/{before.entity}/{before.project}/reports/report--{before.report_id}", as_model=True)
    except TypeError:  # it is given null for a report that was deleted
        return False
    except WandbApiFailedError as error:
        if is_unanswered(error) or status_of(error) == 401:
            raise
        return False
    return True


def _remember(found: Published, folder: Path) -> None:
    unfinished = folder / f".{FILE}.{os.getpid()}.unfinished"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / FILE)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        hint = f"the report has been written: {found.url}"
        raise InputError(
            f"cannot remember the report: {error.strerror}", place=str(folder / FILE), hint=hint
        ) from error


def _pages(api: wandb.Api) -> str:
    """Where the server's pages are, which is not where it is asked."""
    from wandb_workspaces._graphql import get_app_url  # as reports find their own address

    return get_app_url(api).rstrip("/") + "/"


def _slug(title: str) -> str:
    """The part of an address that is for people: W&B looks at the id behind it only."""
    return _NO_SLUG.sub("-", title).strip("-") or "report"
