"""Whether a failure is that of an entity (a user or team) that the account does not have.

The client cannot be trusted to say so: told that an entity is not there, it asks for the same in older words, and
hands on what the server says of those. So the account is asked, and only after a failure: an administrator may use
entities that are not among the account's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tlm_sweeps.errors import InputError, RunError, did_you_mean
from tlm_sweeps.tracking.wandb_connecting import is_unanswered

if TYPE_CHECKING:
    import wandb


@contextmanager
def naming_unknown_entity(api: wandb.Api, entity: str) -> Iterator[None]:
    """A `RunError` inside becomes an `InputError` where the entity explains it; else it stays as it is."""
    try:
        yield
    except RunError as error:
        cause = error.__cause__
        if isinstance(cause, Exception) and is_unanswered(cause):
            raise
        own = _own(api)
        if not own or entity in own:
            raise
        raise InputError(f"W&B has no entity `{entity}` for you", hint=did_you_mean(entity, own)) from error


def _own(api: wandb.Api) -> set[str]:
    """The account's user, entity and teams; empty when it cannot be asked."""
    from wandb.sdk.lib.service.service_connection import WandbApiFailedError

    try:
        account = api.viewer
    except (ValueError, WandbApiFailedError):  # then the failure that led here is the one to tell
        return set()
    return {name for name in (account.entity, account.username, *account.teams) if name}
