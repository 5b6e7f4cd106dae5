"""`data list`, `data get`, `data check`: the known corpora on this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlm_sweeps.cli.options import DataDir, Json

if TYPE_CHECKING:
    from tlm_sweeps.corpora.holdings import CheckResult, CorpusStatus

app = typer.Typer(help="List, get and check the known corpora.", rich_markup_mode=None, no_args_is_help=True)

Corpus = Annotated[str, typer.Argument(metavar="NAME", help="A corpus of `data list`.", show_default=False)]


@app.command("list")
def list_(data_dir: DataDir = None, *, json: Json = False) -> None:
    """List the known corpora and where they are on this machine."""
    from tlm_sweeps.console.corpora_views import corpora_view
    from tlm_sweeps.console.streams import show, write_json
    from tlm_sweeps.corpora.holdings import list_corpora

    found = list_corpora(data_dir)
    if json:
        write_json([_facts(each) for each in found])
    else:
        show(corpora_view(found))


@app.command("get")
def get(
    name: Corpus,
    dest: Annotated[
        Path | None, typer.Option("--dest", metavar="DIR", help="Data folder to put it into. Default: the cache's.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Put a corpus into a data folder.

    It is copied from this machine or downloaded, and verified. Prints its folder.
    """
    from tlm_sweeps.console.streams import show
    from tlm_sweeps.corpora.holdings import get_corpus

    show(str(get_corpus(name, dest, data_dir)))


@app.command("check")
def check(name: Corpus, data_dir: DataDir = None, *, json: Json = False) -> None:
    """Check the files of a corpus.

    Checksums and counts are compared with the known ones; exit code 1 when one differs.
    """
    from tlm_sweeps.console.corpora_views import checks_view
    from tlm_sweeps.console.streams import show, write_json
    from tlm_sweeps.corpora.holdings import check_corpus

    results = check_corpus(name, data_dir)
    if json:
        write_json([_facts(each) for each in results])
    else:
        show(checks_view(results))
    if not all(each.ok for each in results):
        raise typer.Exit(1)


def _facts(found: CorpusStatus | CheckResult) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(found).items()}
