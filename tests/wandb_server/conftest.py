"""A stand-in for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wandb_server.serving import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as serves:
        yield serves
