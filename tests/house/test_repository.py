"""What the repository promises about itself: nothing of a machine, commands that exist, decisions that are listed."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import tlm_sweeps

_REPOSITORY = Path(__file__).parents[2]
_DECISIONS = _REPOSITORY / "docs" / "decisions"
_LONGEST = 450
"""Lines at which a file is to be split."""

_BOUND_TO_A_MACHINE = (
    r"(?<![\w.~-])/(wor[k]|roo[t]|hom[e]/\w+|User[s]/\w+|op[t]/\w+)/",
    r"pypi\.org/simple|files\.pythonhosted|download\.pytorch\.org",
)
"""Paths of a machine and hosts of package registries, written so that they do not match themselves."""


def git_files() -> tuple[Path, ...]:
    """Every file that is, or would be, in the repository."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout, or there is no git")
    files = (_REPOSITORY / name for name in done.stdout.split("\0") if name)
    return tuple(file for file in files if file.is_file())


def make_commands(page: Path) -> Iterator[str]:
    """The targets of the `make …` commands that a page shows."""
    code = re.findall(r"`([^`\n]+)`|^\s*\$?\s*(make [^\n]*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    for line in (inline or block for inline, block in code):
        if found := re.match(r"make ([a-z][\w-]*)", line):
            yield found[1]


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    patterns = re.compile("|".join((*_BOUND_TO_A_MACHINE, re.escape(f"{_REPOSITORY}/"))))
    found = [
        f"{file.relative_to(_REPOSITORY)}:{number}: {line.strip()[:120]}"
        for file in git_files()
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if patterns.search(line)
    ]

    assert found == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_the_make_commands_of_a_page_exist(name: str) -> None:
    for target in make_commands(_REPOSITORY / name):
        dry = ["make", "--dry-run", target]
        done = subprocess.run(dry, cwd=_REPOSITORY, capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stderr


def test_the_tests_are_run_by_one_command_everywhere() -> None:
    for name in ("CONTRIBUTING.md", ".ci/run", ".github/workflows/ci.yml"):
        assert "make test" in (_REPOSITORY / name).read_text(encoding="utf-8"), name


def test_every_decision_is_listed() -> None:
    index = (_DECISIONS / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in _DECISIONS.glob("[0-9]*.md")}

    assert set(re.findall(r"\(([0-9][\w-]*\.md)\)", index)) == pages


def test_a_decision_that_the_code_names_exists() -> None:
    named = {
        name
        for file in (_REPOSITORY / "tlm_sweeps").rglob("*.py")
        for name in re.findall(r"docs/decisions/([\w-]+\.md)", file.read_text(encoding="utf-8"))
    }

    assert named <= {page.name for page in _DECISIONS.iterdir()}


def test_no_file_of_the_package_is_too_long_to_read() -> None:
    files = [file for kind in ("py", "html", "css", "js") for file in (_REPOSITORY / "tlm_sweeps").rglob(f"*.{kind}")]
    lengths = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files}

    assert {name: length for name, length in lengths.items() if length > _LONGEST} == {}


def test_the_version_is_the_same_everywhere() -> None:
    changelog = (_REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE)

    assert newest is not None
    assert newest[1] == tlm_sweeps.__version__
    assert importlib.metadata.version("tlm-sweeps") == tlm_sweeps.__version__


def test_every_dependency_is_pinned_and_explained() -> None:
    pins = (_REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {plain_name(pin.partition("==")[0]) for pin in pins if not pin.startswith("#")}
    required = importlib.metadata.requires("tlm-sweeps") or []
    asked = {plain_name(re.split(r"[\[<>=!~; ]", each, maxsplit=1)[0]) for each in required}
    decision = (_DECISIONS / "0005-dependencies.md").read_text(encoding="utf-8")

    assert all(re.fullmatch(r"[\w.-]+==[\w.]+|#.*", pin) for pin in pins)
    assert asked <= pinned
    assert asked <= {plain_name(name) for name in re.findall(r"^\| `([\w-]+)", decision, re.MULTILINE)}


def plain_name(name: str) -> str:
    """A distribution's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
