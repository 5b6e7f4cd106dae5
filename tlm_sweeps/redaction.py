"""What is never written down or said: passwords inside addresses, and what the environment keeps secret.

Texts of others (a client's exception, an address that was typed) can hold them; whatever goes into a record, a log or
onto a screen passes through here. It is a net below the rule that nothing secret is put into a text at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

WITHHELD = "***"
_USER_INFO = re.compile(r"(?<=://)[^\s/?#'\"]+@")
"""What stands before the host: user and password, or a token alone."""
_QUERY = re.compile(r"(?i)([?&;][\w.-]*(?:token|secret|password|passwd|signature|api_?key|access_?key)=)[^\s&;#'\"]+")
_SECRET_NAME = re.compile(r"(?i)(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|(?:ACCESS|SECRET)_?KEY)$")
_PASSWORD = re.compile(r"://[^/@:\s]*:([^\s]+)@")
_SHORTEST = 8
"""Characters. A shorter value is as likely a word or a number."""


def redacted(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """A text without its secrets.

    Args:
        text: anything.
        environment: whose secrets are known by the names of the variables (`WANDB_API_KEY`, `HF_TOKEN`, …), and by
            the passwords in addresses (`HTTPS_PROXY`).

    >>> redacted("no answer from https://ann:pa55@proxy.example:8080/?token=abc", {})
    'no answer from https://***@proxy.example:8080/?token=***'
    >>> redacted("the key 0123456789 is refused", {"WANDB_API_KEY": "0123456789"})
    'the key *** is refused'
    """
    for secret in _secrets(environment):
        text = text.replace(secret, WITHHELD)
    if "://" in text:
        text = _USER_INFO.sub(WITHHELD + "@", text)
    return _QUERY.sub(rf"\g<1>{WITHHELD}", text) if "=" in text else text


def without_user(address: str) -> str:
    """An address without the user and password before its host.

    >>> without_user("https://ann:pa55@wandb.example")
    'https://wandb.example'
    """
    return _USER_INFO.sub("", address)


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """Longest first: one may be a part of another."""
    found = [value for name, value in environment.items() if _SECRET_NAME.search(name)]
    found += [password for value in environment.values() if "://" in value for password in _PASSWORD.findall(value)]
    return sorted({each for each in found if len(each) >= _SHORTEST}, key=len, reverse=True)
