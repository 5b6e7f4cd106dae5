"""`python -m tests.fuzz.specs -runs=100000`: whatever a spec file and `--set` hold, they are a sweep or refused.

libFuzzer (by atheris, extra `fuzz`) changes our own specs towards code that no input has reached yet. An input is a
spec file and, each behind a mark that no text holds, `--set` values. What stands behind the program's name is
libFuzzer's: `-runs=`, `-max_total_time=`, `-seed=`, or a file in which an earlier find was left, to be tried again.
"""

from __future__ import annotations

import contextlib
import importlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_CPU_SECONDS = 1.0
_BYTES = 100 * 2**20
_SET = b"\x00set "
_SWEEPS = Path(__file__).parents[2] / "sweeps"
_MARKS = Path(__file__).with_name("yaml.dict")
_OVERRIDES = ("model.width=64", "search={model.depth: [1, 2]}", "seeds=3", "budget={flops: 1e12}", "name=other")
_LOADER = ("tlm_sweeps.spec", "tlm_sweeps.errors", "yaml")
"""Packages whose branches libFuzzer counts."""


def main(argv: Sequence[str]) -> None:
    """Fuzz until libFuzzer has done what it was asked for; it ends the process."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(_LOADER)):
        trying = importlib.import_module("tlm_sweeps.spec.loading").load_sweep
        refused = importlib.import_module("tlm_sweeps.errors").InputError
    with tempfile.TemporaryDirectory(prefix="fuzz") as made:
        folder = Path(made)
        seeds = _write_seeds(folder)
        files = [each for each in argv[1:] if not each.startswith("-")]
        given = [argv[0], f"-dict={_write_words(folder)}", *argv[1:], *([] if files else [str(seeds)])]
        with contextlib.suppress(refused):
            trying(folder / "scaled.yaml")  # what is loaded once is no input's cost

        def try_one(content: bytes) -> None:
            written, *overrides = content.split(_SET)
            (folder / "spec.yaml").write_bytes(written)
            with _bounded(), contextlib.suppress(refused):
                trying(folder / "spec.yaml", [each.decode(errors="surrogateescape") for each in overrides])

        atheris.Setup(given, try_one)
        atheris.Fuzz()


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """See that what is done costs at most a second of the processor and 100 MB, counters included."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    seconds = time.process_time() - begun
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if seconds > _CPU_SECONDS or more > _BYTES:
        raise AssertionError(f"it took {seconds:.1f} s and {more:,} bytes")


def _write_seeds(folder: Path) -> Path:
    """Our own specs, in the folder (so that `after` finds them) and as inputs; the folder of the inputs."""
    seeds = folder / "seeds"
    seeds.mkdir()
    for path in sorted(_SWEEPS.rglob("*.yaml")):
        (folder / path.name).write_bytes(path.read_bytes())
        (seeds / path.name).write_bytes(path.read_bytes())
    for number, override in enumerate(_OVERRIDES):
        content = (_SWEEPS / "quickstart.yaml").read_bytes()
        (seeds / f"set-{number}").write_bytes(content + _SET + override.encode())
    return seeds


def _write_words(folder: Path) -> Path:
    """Names and words of specs, and what YAML is made of, as libFuzzer's dictionary."""
    schema = importlib.import_module("tlm_sweeps.spec.schema").sweep_schema()
    spelt = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in sorted(set(_words_of(schema))))
    path = folder / "words"
    path.write_text(_MARKS.read_text("ascii") + "\n".join(f'"{each}"' for each in spelt), encoding="ascii")
    return path


def _words_of(schema: Any) -> Iterator[str]:
    """Names of fields, and the texts that they may hold."""
    if isinstance(schema, list):
        for each in schema:
            yield from _words_of(each)
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (each for each in (*schema.get("enum", ()), schema.get("const")) if isinstance(each, str))
        for each in schema.values():
            yield from _words_of(each)


if __name__ == "__main__":
    main(sys.argv)
