"""What is installed is pinned and new enough, and the workflows run pinned code with the least of rights."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

_REPOSITORY = Path(__file__).parents[2]
_WORKFLOWS = sorted((_REPOSITORY / ".github" / "workflows").glob("*.yml"))
_NEWER_THAN_KNOWN_FAULTS = {"torch": (2, 10), "datasets": (4,)}
"""torch: `weights_only` that holds; datasets: no code of data sets."""


def _pins() -> dict[str, str]:
    lines = (_REPOSITORY / "constraints.txt").read_text().split()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    return {_normal(name): version for name, _, version in (line.partition("==") for line in lines)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _wanted() -> dict[str, str]:
    """Each package that is asked for, with its bounds; extras left out."""
    project = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(each for group in project["optional-dependencies"].values() for each in group)]
    found = (re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?(.*)", each) for each in asked)
    return {_normal(each[1]): each[2] for each in found if each}


def _workflow(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text())


def _steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in _workflow(path)["jobs"].values() for step in job["steps"]]


def test_every_package_that_is_asked_for_is_pinned() -> None:
    assert _wanted().keys() - _pins().keys() == set()


@pytest.mark.parametrize("name", _NEWER_THAN_KNOWN_FAULTS)
def test_what_has_known_faults_is_newer(name: str) -> None:
    least = _NEWER_THAN_KNOWN_FAULTS[name]
    asked = re.search(r">=([\d.]+)", _wanted()[name])
    assert asked is not None
    for version in (asked[1], _pins()[name]):
        assert tuple(map(int, version.split(".")[:2])) >= least


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_and_runs_actions_by_their_commits(path: Path) -> None:
    workflow, steps = _workflow(path), _steps(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    assert "pull_request_target" not in path.read_text()
    for used in (step["uses"] for step in steps if "uses" in step):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", used)
    for step in steps:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        assert "${{" not in step.get("run", "")  # what is put into a shell's line by name is text of others


def test_the_pins_are_audited() -> None:
    commands = [step.get("run", "") for path in _WORKFLOWS for step in _steps(path)]
    assert any("pip_audit" in each and "-r constraints.txt" in each for each in commands)


def test_security_md_names_its_tests_and_limits() -> None:
    from tlm_sweeps.spec.yaml_source import MAX_BYTES, MAX_DEPTH, MAX_VALUES

    page = (_REPOSITORY / "SECURITY.md").read_text()
    for limit in (f"{MAX_BYTES:,} bytes", f"{MAX_VALUES:,} values", f"{MAX_DEPTH} levels"):
        assert limit in page
