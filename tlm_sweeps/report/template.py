"""What all pages share: the frame with its style and scripts, and the policy that lets nothing else run.

A content security policy in the page allows only the two scripts that are written into it, by their hashes, and no
request at all: a text that came from a spec could not run or load anything even if it got past the escaping.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

from tlm_sweeps.errors import InputError

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def fill(template: str, **values: Any) -> str:
    """A page from its template.

    Args:
        template: its place in the package, such as `report/page.html`; it extends `report/frame.html`.
        values: what it shows; texts are escaped.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json_block"] = json_block
    plotly_js, page_js = _trusted(get_plotlyjs()), _trusted(_text("report/page.js"))
    return environment.get_template(template).render(
        **values,
        css=_trusted(_text("report/page.css")),
        plotly_js=plotly_js,
        page_js=page_js,
        policy=_policy(plotly_js, page_js),
    )


def write_page(page: str, path: Path) -> Path:
    """Write a page; whoever opens the path finds the old page or the whole new one.

    Raises:
        InputError: when the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(page, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise InputError(
            f"the report cannot be written: {error.strerror}", place=str(path), hint="choose another place for it"
        ) from error
    return path


def json_block(figure: Figure) -> Markup:
    r"""A figure as JSON that can stand inside a <script> element whatever texts it holds.

    >>> import plotly.graph_objects as go
    >>> "</script>" in json_block(go.Figure(layout={"title": "</script>"}))
    False
    """
    written = figure.to_json(validate=False) or "{}"
    return Markup(written.translate(str.maketrans(_UNSAFE)))  # noqa: S704 - escaped for its place on this line


def _text(name: str) -> str:
    return files("tlm_sweeps").joinpath(name).read_text(encoding="utf-8")


def _trusted(source: str) -> Markup:
    """Text of ours that goes in unescaped, as the browser reads it: the policy's hashes are over exactly this."""
    return Markup(source.replace("\r\n", "\n"))  # noqa: S704 - files of plotly and ours, with nothing of the user's in them


def _policy(*scripts: str) -> str:
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    own = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    return f"{own}; base-uri 'none'; form-action 'none'"
