"""What a user names, found: a study, the specs that train its tables, the folder that keeps its records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tlm_sweeps
from tlm_sweeps.errors import InputError, did_you_mean, nearest
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.loading import LoadedSweep, load_sweep
from tlm_sweeps.studies.claims import Claim
from tlm_sweeps.studies.kept import read_kept
from tlm_sweeps.studies.published import Answer, Study
from tlm_sweeps.studies.questions import Question
from tlm_sweeps.studies.tiny import TINY
from tlm_sweeps.studies.tradeoffs import TRADEOFFS
from tlm_sweeps.studies.tradeoffs_claims import CLAIMS
from tlm_sweeps.studies.tradeoffs_questions import QUESTIONS

_NAME = re.compile(r"^name:\s*(\S+)\s*$", re.MULTILINE)
_ANSWERS = (
    *(Answer(claim.name, claim.sweeps) for claim in CLAIMS),
    *(Answer(f"Q{question.number}", question.sweeps) for question in QUESTIONS),
)
_GROUPS = (("claims", "AB"), ("questions", "Q"))
"""Words that stand for all keys of a study that begin with one of these letters."""
_SHORT_KEY = 2
"""Letters of keys such as `3`, `A1` and `Q7`: each is near to all others, so none of them is guessed at."""
STUDIES = (replace(TRADEOFFS, answers=_ANSWERS), TINY)
"""All whose published numbers are here."""


def study_of(name: str, keys: Sequence[str] = ()) -> Study:
    """A study by its name, with some of its tables, claims and questions, or all.

    Args:
        name: the study's.
        keys: of tables, claims (`A1`, `B1`) and questions (`Q1`), in capitals or not; `claims` and `questions` stand
            for all of theirs.

    Raises:
        InputError: for a name or a key that does not exist.
    """
    for study in STUDIES:
        if study.name == name:
            return study.only([key for asked in keys for key in _keys_of(asked, study)])
    names = [study.name for study in STUDIES]
    raise InputError(f"no study `{name}` is known", place="STUDY", hint=did_you_mean(name, names))


def claims_of(study: Study) -> list[Claim]:
    """The claims among what is asked of a study."""
    keys = {each.key for each in study.answers}
    return [claim for claim in CLAIMS if claim.name in keys]


def questions_of(study: Study) -> list[Question]:
    """The open questions among what is asked of a study."""
    keys = {each.key for each in study.answers}
    return [question for question in QUESTIONS if f"Q{question.number}" in keys]


def specs_of(study: Study, folder: Path | None = None, seeds: int | None = None) -> list[LoadedSweep]:
    """The sweeps of a study.

    Args:
        study: whose.
        folder: where the specs are; default `sweeps/<study>` here, else beside the checkout that the package runs from.
        seeds: instead of the specs' own.

    Raises:
        InputError: when the folder is none, or a spec is not found, there twice, or cannot be read.
    """
    place = folder or _specs_folder(study)
    paths = zip(study.sweeps, _spec_files(study, place), strict=True)
    return [load_sweep(path, [] if seeds is None else [f"seeds={study.seeds_of(name, seeds)}"]) for name, path in paths]


def kept_sweeps(study: Study, folder: Path) -> dict[str, SweepResults]:
    """The kept sweeps of a study, by name.

    Args:
        study: whose.
        folder: holds a folder of the study's name, or is that folder.

    Raises:
        InputError: when no records are kept there, or cannot be read.
    """
    own = folder / study.name
    place = own if own.is_dir() else folder
    sweeps = read_kept(place)
    if not any(name in sweeps for name in study_of(study.name).sweeps):
        hint = f"name a folder that `tlm-sweeps reproduce {study.name} --to FOLDER` has filled"
        raise InputError(f"no records of {study.name} are kept here", place=str(place), hint=hint)
    return sweeps


def _keys_of(asked: str, study: Study) -> list[str]:
    """The keys that a word after `--table` stands for.

    Raises:
        InputError: it stands for none.
    """
    keys = [part.key for part in (*study.tables, *study.answers)]
    found = {word: [each.key for each in study.answers if each.key[0] in letters] for word, letters in _GROUPS}
    groups = {word: members for word, members in found.items() if members}
    meant = {key.lower(): [key] for key in keys} | groups
    if asked.lower() in meant:
        return meant[asked.lower()]
    valid = [*keys, *groups]
    words = [word for word in valid if len(word) > _SHORT_KEY]
    is_near = nearest(asked.lower(), words) is not None
    hint = did_you_mean(asked.lower(), words) if is_near else f"valid: {', '.join(valid)}"
    raise InputError(f"{study.name} has no table `{asked}`", place="--table", hint=hint)


def _spec_files(study: Study, place: Path) -> list[Path]:
    """The files of a study's sweeps in a folder, in the order of the study."""
    if not place.is_dir():
        what = "is no folder" if place.exists() else "is not there"
        hint = f"name the folder that holds the specs of {study.name}"
        raise InputError(f"the folder of the specs {what}", place=f"--specs {place}", hint=hint)
    found: dict[str, list[Path]] = {}
    for path in sorted(place.glob("*.yaml")):
        for name in _NAME.findall(path.read_text("utf-8", errors="replace")):
            found.setdefault(name, []).append(path)
    return [_only_one(name, found.get(name, []), place) for name in study.sweeps]


def _only_one(name: str, paths: Sequence[Path], place: Path) -> Path:
    if not paths:
        hint = "take the folder from the repository, or name another one with --specs"
        raise InputError(f"no spec here is of the sweep `{name}`", place=str(place), hint=hint)
    if len(paths) > 1:
        files, hint = " and ".join(path.name for path in paths), "leave one of them in the folder"
        raise InputError(f"{files} are both of the sweep `{name}`", place=str(place), hint=hint)
    return paths[0]


def _specs_folder(study: Study) -> Path:
    here = Path("sweeps") / study.name
    checkout = Path(tlm_sweeps.__file__).parents[1] / "sweeps" / study.name
    for folder in (here, checkout):
        if folder.is_dir():
            return folder
    hint = "run this in a checkout of the repository, or name the folder of the specs with --specs"
    raise InputError(f"the specs of {study.name} are not found", place=str(here), hint=hint)
