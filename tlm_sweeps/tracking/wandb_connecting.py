"""A connection to W&B's server that never asks, never waits for long, and fails in words for people."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tlm_sweeps.errors import InputError
from tlm_sweeps.redaction import redacted

if TYPE_CHECKING:
    import wandb

REQUEST_SECONDS = 10
"""How long the server has to answer a request, retries included."""


@contextmanager
def connected() -> Iterator[wandb.Api]:
    """The public API of the server that this machine is logged in to; what goes wrong inside becomes an `InputError`.

    Raises:
        InputError: when nobody is logged in, the key is refused, or the server does not answer.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the client's own affair
        import wandb
        from wandb.errors import AuthenticationError, CommError, UsageError
        from wandb.sdk.lib import wbauth
        from wandb.sdk.lib.service.service_connection import WandbApiFailedError
    known = {name: value for name, value in _settings().items() if name in wandb.Settings.model_fields}
    try:
        server = wandb.setup(wandb.Settings(**known)).settings.base_url
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))} `{first['input']}`: {first['msg']}"
        hint = "see the environment variables that begin with WANDB_, and `wandb status`"
        raise InputError(f"W&B's client does not take its settings: {what}", hint=hint) from None
    hint = "log in with `wandb login`, or set WANDB_API_KEY (and WANDB_BASE_URL for a server of your own)"
    try:
        if wbauth.authenticate_session(host=server, source="tlm-sweeps", prompt=False, update_session=False) is None:
            raise InputError(f"not logged in to W&B at {server}", hint=hint)
        yield wandb.Api(timeout=REQUEST_SECONDS)
    except AuthenticationError as error:
        cause = error.__cause__
        if status_of(cause) in (401, 403):
            raise InputError(f"W&B at {server} refuses the API key", hint=hint) from None
        if isinstance(cause, WandbApiFailedError):
            raise _no_answer(server) from None
        raise InputError(f"the W&B login cannot be used: {first_line(error)}", hint=hint) from None
    except UsageError as error:
        raise InputError(f"W&B cannot be used: {first_line(error)}", hint=hint) from None
    except (WandbApiFailedError, CommError) as error:
        if is_unanswered(error):
            raise _no_answer(server) from None
        raise InputError(f"W&B at {server} refused a request: {first_line(error)}", hint=hint) from None


def _settings() -> dict[str, Any]:
    return {
        "silent": True,  # what is to be said, the command says
        # Some requests have no deadline of their own: these bound the client's retries, which go on for minutes.
        "x_graphql_timeout_seconds": REQUEST_SECONDS,
        "x_graphql_retry_max": 2,
        "x_graphql_retry_wait_max_seconds": 2,
    }


@contextmanager
def without_litter() -> Iterator[None]:
    """The client makes an empty folder for each run that it reads about: where they go with the rest."""
    name, before = "WANDB_DIR", os.environ.get("WANDB_DIR")
    with tempfile.TemporaryDirectory(prefix="tlm-sweeps-") as folder:
        os.environ[name] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def is_unanswered(error: Exception) -> bool:
    """Whether a request failed because the server did not answer, or said that it could not."""
    cause = getattr(error, "exc", None) or error  # what the public API wraps
    status = status_of(cause)
    return hasattr(cause, "response") and (status is None or status >= 500)


def status_of(error: object) -> int | None:
    """The HTTP status behind a failed request; None where there was no answer."""
    response = getattr(error, "response", None)
    return getattr(response, "http_status", None) or None


def _no_answer(server: str) -> InputError:
    hint = "see whether the server can be reached from here; WANDB_BASE_URL chooses another one"
    return InputError(f"W&B at {server} does not answer", hint=hint)


def first_line(error: BaseException) -> str:
    """What a failed request says, as far as people read it: answers of servers can be pages long."""
    return redacted(str(error).strip().partition("\n")[0])[:300] or type(error).__name__
