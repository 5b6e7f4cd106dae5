"""The command line and the small spec of its own tests; a synthetic sweep for pages."""

from tests.cli.conftest import _apart, runs, spec, tlm
from tests.report.conftest import make_record, make_results, make_spec

__all__ = ["_apart", "make_record", "make_results", "make_spec", "runs", "spec", "tlm"]
