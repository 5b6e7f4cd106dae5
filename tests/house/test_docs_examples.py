"""Every example in the docs is one that works: specs load, Python compiles, commands exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from tlm_sweeps.cli.app import app
from tlm_sweeps.spec.loading import load_sweep

_REPOSITORY = Path(__file__).parents[2]
_PAGES = (*sorted(_REPOSITORY.glob("*.md")), *sorted((_REPOSITORY / "docs").rglob("*.md")))


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Each fenced block of a language: where it stands, and its text."""
    for page in _PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{page.relative_to(_REPOSITORY)}:{line}", found[1]


_SPECS = {place: text for place, text in blocks("yaml") if re.search(r"^experiment:", text, re.MULTILINE)}
_PROGRAMS = dict(blocks("python"))


@pytest.mark.parametrize("place", _SPECS)
def test_a_spec_in_the_docs_loads(place: str, tmp_path: Path) -> None:
    file = tmp_path / "shown.yaml"
    file.write_text(_SPECS[place], encoding="utf-8")

    load_sweep(file)


@pytest.mark.parametrize("place", _PROGRAMS)
def test_python_in_the_docs_compiles(place: str) -> None:
    compile(_PROGRAMS[place], place, "exec")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a program with commands is a group
    shown = re.findall(r"(?:`|^\s*\$?\s*|bin/)tlm-sweeps ([a-z][\w-]*)", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(shown) <= set(known)
