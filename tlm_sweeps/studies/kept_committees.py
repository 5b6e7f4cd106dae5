"""Documents of a study's committees, a file each beside its records: `committees/ag-news-0.json`."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tlm_sweeps.committees.document import CommitteeDocument
from tlm_sweeps.corpora.files import write_atomically
from tlm_sweeps.errors import InputError

_FOLDER = "committees"


def keep_committee(document: CommitteeDocument, name: str, study_folder: Path) -> Path:
    """Write a document; whoever opens the file finds the old one or the whole new one.

    Args:
        document: of the committee.
        name: of the file, without its ending.
        study_folder: holds the study's records.

    Raises:
        InputError: when it cannot be written.
    """
    path = study_folder / _FOLDER / f"{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (document.model_dump_json(indent=1) + "\n").encode())
    except OSError as error:
        hint = "name a folder that you may write"
        raise InputError(f"the committee cannot be kept: {error.strerror}", place=str(path), hint=hint) from error
    return path


def read_committees(study_folder: Path) -> tuple[CommitteeDocument, ...]:
    """The documents that are kept beside a study's records; none where none are.

    Raises:
        InputError: a file is not one of ours.
    """
    return tuple(_read(path) for path in sorted((study_folder / _FOLDER).glob("*.json")))


def _read(path: Path) -> CommitteeDocument:
    try:
        return CommitteeDocument.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        hint = "take the file from the repository again, or move it away: `tlm-sweeps reproduce` then forms it anew"
        raise InputError(f"the kept committee cannot be read: {reason}", place=str(path), hint=hint) from error
