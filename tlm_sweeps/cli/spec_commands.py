"""`init`, `spec check`, `spec schema`: writing and checking specs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from tlm_sweeps.cli.options import DataDir, Json, Sets, Spec
from tlm_sweeps.errors import InputError

app = typer.Typer(help="Check specs; their JSON schema.", rich_markup_mode=None, no_args_is_help=True)


def init(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write.")] = Path("sweep.yaml"),
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The sweep's name. Default: the file's.")
    ] = None,
) -> None:
    """Write a commented spec to start from."""
    from tlm_sweeps.console.streams import say
    from tlm_sweeps.spec.template import template

    text = template(name if name is not None else _name_from(path))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"`{path}` exists", hint="name a file that does not: `tlm-sweeps init other.yaml`") from None
    except OSError as error:
        raise InputError(
            f"cannot write `{path}`: {error.strerror}", hint="name a file in a folder you may write"
        ) from None
    say(f"wrote {path}; look at what it costs with `tlm-sweeps plan {path}`")


@app.command("check")
def check(spec: Spec, sets: Sets = None, data_dir: DataDir = None, *, json: Json = False) -> None:
    """Say whether a spec is valid and feasible. Trains nothing."""
    from tlm_sweeps.cli.locating import located
    from tlm_sweeps.compute.feasibility import ensure_feasible
    from tlm_sweeps.compute.planning import space_size
    from tlm_sweeps.console.spec_view import checked_line
    from tlm_sweeps.console.streams import show, write_json
    from tlm_sweeps.corpora.texts import facts_reader
    from tlm_sweeps.spec.fingerprint import fingerprint
    from tlm_sweeps.spec.loading import load_sweep

    loaded = load_sweep(spec, sets or ())
    with located(loaded):
        ensure_feasible(loaded.spec, facts_reader(data_dir))
    if not json:
        show(checked_line(loaded.spec))
        return
    budget = loaded.spec.budget.model_dump(mode="json") if loaded.spec.budget else None
    size = space_size(loaded.spec)
    write_json({"name": loaded.spec.name, "settings": size, "budget": budget, "fingerprint": fingerprint(loaded.spec)})


@app.command("schema")
def schema() -> None:
    """Print the JSON schema of specs, for editors."""
    from tlm_sweeps.console.streams import write_json
    from tlm_sweeps.spec.schema import sweep_schema

    write_json(sweep_schema())


def _name_from(path: Path) -> str:
    """A sweep name out of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("._-")[:100] or "sweep"
