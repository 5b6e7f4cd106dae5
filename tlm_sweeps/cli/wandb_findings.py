"""W&B's part of `doctor`: what of it will work here, and in plain words what would be lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlm_sweeps.console.corpora_views import Finding
    from tlm_sweeps.tracking.wandb_prospects import Prospects

_OFFLINE = "runs that should be online are kept offline; `tlm-sweeps sync` uploads them later"


def wandb_findings() -> Iterator[Finding]:
    """Client, mode, login, server, and the packages beside the client. Takes a few seconds at most."""
    yield _mode()
    if _version("wandb") is not None:
        from tlm_sweeps.tracking.wandb_prospects import prospects

        yield from _server_findings(prospects())
    yield _package("wandb-workspaces", "`tlm-sweeps report --wandb` writes reports", "no `tlm-sweeps report --wandb`")
    yield _package(
        "sweeps",
        "W&B's own schema checks sweeps before they are sent",
        "W&B's own schema does not check sweeps before they are sent; its server does",
    )


def _mode() -> Finding:
    from tlm_sweeps.console.corpora_views import Finding

    found = "as each spec says: `tracking: {wandb: off | offline | online}`, off unless asked"
    asked = os.environ.get("WANDB_MODE")
    return Finding("W&B mode", ok=True, found=f"{found}; not heeded: WANDB_MODE={asked}" if asked else found)


def _server_findings(found: Prospects) -> Iterator[Finding]:
    from tlm_sweeps.console.corpora_views import Finding

    if found.server is None:
        lost = "no run can be told to W&B, not even offline"
        yield Finding("W&B client", ok=False, found=f"does not work: {found.trouble}; {lost}", needed=False)
        return
    if found.key_kept is None:
        why = found.trouble or "not logged in"
        lost = f"{why}: {_OFFLINE}; no W&B sweeps, agents or reports. Log in with `wandb login`"
        yield Finding("W&B login", ok=False, found=lost, needed=False)
        return
    yield Finding("W&B login", ok=True, found=f"by the key in {found.key_kept}", needed=False)
    if found.user is None:
        lost = f"{found.server} {found.trouble}: {_OFFLINE}; no W&B sweeps, agents or reports"
        yield Finding("W&B server", ok=False, found=lost, needed=False)
        return
    whose = f"{found.server} knows {found.user}; runs go to entity {found.entity} unless the spec names one"
    yield Finding("W&B server", ok=True, found=whose, needed=False)
    if found.has_scheduler is None:
        yield Finding("W&B scheduler", ok=False, found=f"{found.server} {found.trouble}", needed=False)
    elif found.has_scheduler:
        yield Finding("W&B scheduler", ok=True, found="`--scheduler optuna` works", needed=False)
    else:
        lost = "the server lacks SWEEPS_LOCAL_SCHEDULER: no `--scheduler optuna`; it proposes by itself"
        yield Finding("W&B scheduler", ok=False, found=lost, needed=False)


def _package(name: str, gained: str, lost: str) -> Finding:
    from tlm_sweeps.console.corpora_views import Finding

    version = _version(name)
    if version is None:
        return Finding(name, ok=False, found=f"not installed: {lost}", needed=False)
    return Finding(name, ok=True, found=f"{version}: {gained}", needed=False)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
