"""Which options of `reproduce` mean something together; what cannot is refused before anything is read or trained."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import typer

from tlm_sweeps.errors import InputError

_TRAINING = ("--specs", "--data-dir", "--stack", "--workers", "--device", "--retries")
"""How to train what is missing."""
_COMMAND = re.compile(r"tlm-sweeps reproduce (\S+) --from")
_HEAD = 2_000
"""Characters of a page that its command stands in."""
_NO_TRAINING = "where nothing is trained"
_WITH_COMMITTEES = frozenset({"tiny-language-models"})
"""Studies that time something."""
_TIMED = "B4"
"""The claim that does."""
_MEANINGLESS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "--again",
        "where one run is trained again",
        ("--seeds", "--to", "--html", "--findings", "--specs", "--stack", "--workers", "--no-train", "--again-latency"),
    ),
    ("--from", "where kept records are read", ("--runs-dir", "--again-latency")),
    ("--from", _NO_TRAINING, ("--to", *_TRAINING)),
    ("--no-train", _NO_TRAINING, _TRAINING),
)
"""An option, what is done with it, and what then means nothing."""


def options_given(context: typer.Context) -> frozenset[str]:
    """The options that stand on the command line."""
    default = ("DEFAULT", "DEFAULT_MAP")
    names = {each.opts[0]: context.get_parameter_source(each.name or "") for each in context.command.params}
    return frozenset(name for name, source in names.items() if source is not None and source.name not in default)


def ensure_consistent(study: str, given: Collection[str]) -> None:
    """Refuse options that mean nothing with what is asked.

    Args:
        study: its name.
        given: the options that were given.

    Raises:
        InputError: with one of the options that do not go together.
    """
    for option, what, meaningless in _MEANINGLESS:
        if option in given and not (what == _NO_TRAINING and "--again" in given):
            _ensure_none(option, what, [name for name in meaningless if name in given])
    if "--again-latency" in given and study not in _WITH_COMMITTEES:
        raise InputError(f"{study} has no committees to time", place="--again-latency", hint="leave it out")
    if "--findings" in given and "--from" not in given:
        raise InputError(
            "the page of findings is made from the kept records of the whole study",
            place="--findings",
            hint=f"keep them with `--to FOLDER`, then `tlm-sweeps reproduce {study} --from FOLDER --findings FILE`",
        )


def ensure_timed(keys: Collection[str], *, again_latency: bool) -> None:
    """Refuse to time anew where nothing that is asked for is timed.

    Args:
        keys: of the claims that are asked for.
        again_latency: the option.

    Raises:
        InputError: the claim on committees is not among them.
    """
    if again_latency and _TIMED not in keys:
        message = f"--again-latency means nothing without {_TIMED}, the claim on committees"
        raise InputError(message, place="--table", hint=f"add `--table {_TIMED}`, or leave out --again-latency")


def ensure_writable_files(paths: Mapping[str, Path | None]) -> None:
    """Refuse files that could not be written later on.

    Args:
        paths: by the options that name them; None where one does not.

    Raises:
        InputError: one is a folder, or its own folder is missing or not to be written.
    """
    for option, path in paths.items():
        if path is not None and (problem := _unwritable(path)):
            raise InputError(f"`{path}` {problem}", place=option, hint="name a file in a folder that you may write")


def _unwritable(path: Path) -> str:
    """Why a file cannot be written; empty where it can."""
    if path.is_dir():
        return "is a folder"
    if not path.parent.is_dir():
        return f"cannot be written: there is no folder `{path.parent}`"
    return "" if os.access(path if path.exists() else path.parent, os.W_OK) else "may not be written"


def _ensure_none(option: str, what: str, asked: list[str]) -> None:
    if asked:
        raise InputError(
            f"{asked[0]} means nothing {what}",
            place=f"{option} and {asked[0]}",
            hint=f"leave out {option} or {asked[0]}",
        )


def ensure_own_page(findings: Path | None, study: str) -> None:
    """Refuse to write a study's findings over the page of another one.

    Raises:
        InputError: the file is a page of findings that names the command of another study.
    """
    if findings is None or not findings.is_file():
        return
    head = findings.read_text(encoding="utf-8", errors="replace")[:_HEAD]
    named = _COMMAND.search(head) if head.startswith("# Findings") else None
    if named and named[1] != study:
        message = f"{findings} holds the findings of {named[1]}, not of {study}"
        raise InputError(message, place="--findings", hint="name another file, or move this one away")
