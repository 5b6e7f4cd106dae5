"""The command line and the small spec of its own tests."""

from tests.cli.conftest import _apart, spec, tlm

__all__ = ["_apart", "spec", "tlm"]
