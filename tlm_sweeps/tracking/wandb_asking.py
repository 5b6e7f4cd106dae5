"""The program that asks the real client what of W&B will work here: a JSON object a line, as soon as it is known.

`tracking.wandb_prospects` starts it as a script, so that nobody else imports the client. Of the key it says only where
it is kept. Whoever started it bounds its time: a server that is silent holds up what comes after the first line.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

_SETTINGS: dict[str, Any] = {
    "silent": True,
    # A server that is gone is asked once more, not for minutes.
    "x_graphql_timeout_seconds": 5,
    "x_graphql_retry_max": 1,
    "x_graphql_retry_wait_max_seconds": 1,
}


def main() -> None:
    """Ask and tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the client's own affair
        import wandb
        from wandb.errors import AuthenticationError, UsageError
    known = {name: value for name, value in _SETTINGS.items() if name in wandb.Settings.model_fields}
    settings = wandb.setup(wandb.Settings(**known)).settings
    server = str(settings.base_url)
    try:
        _tell(server=server)
        kept = _where_the_key_is_kept(server, settings)
        _tell(key_kept=kept)
        if kept is None:
            return
        api = wandb.Api(timeout=10)
        _tell(user=api.viewer.username, entity=api.default_entity)
        _tell(has_scheduler=api._service_api.feature_enabled("SWEEPS_LOCAL_SCHEDULER"))  # noqa: SLF001 - the client has no public question
    except (AuthenticationError, UsageError) as error:
        is_answer = hasattr(error.__cause__, "response")
        _tell(trouble=_trouble(error), **({} if is_answer else {"key_kept": None}))
    except Exception as error:  # noqa: BLE001 - it is told, whatever it is
        _tell(trouble=_trouble(error))


def _where_the_key_is_kept(server: str, settings: Any) -> str | None:
    """The place in which the client finds the key, by the client's own order; None where nobody is logged in."""
    from wandb.sdk.lib import wbauth
    from wandb.sdk.lib.wbauth import wbnetrc

    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        if os.environ.get(name):
            return name
    if (found := wbnetrc.read_netrc_auth_with_source(host=wbauth.HostUrl(server))) is not None:
        return found.source
    return "the client's settings" if settings.api_key else None


def _trouble(error: BaseException) -> str:
    """What went wrong, in words; the client hides the server's answer behind an error of its own."""
    cause = getattr(error, "exc", None) or error.__cause__ or error
    response = getattr(cause, "response", None)
    status = getattr(response, "http_status", None)
    if status in (401, 403):
        return "refuses the key"
    if status is not None and status >= 500:
        return f"answers {status}"
    return "does not answer" if hasattr(cause, "response") and not status else _first_line(error)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300].rstrip(".")


def _tell(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the client's exit would wait for what it started
