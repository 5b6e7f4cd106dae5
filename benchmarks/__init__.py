"""Benchmarks, one command each: `python -m benchmarks.one_run --help`. See benchmarks/README.md."""
