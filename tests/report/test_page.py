"""The page as a browser, a screen reader and an attacker meet it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.browsing import drawn, needs_chromium
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.page import build_page, write_report
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import leaderboard, unranked
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.sweep import SweepSpec

HOSTILE = (
    """</script><script>alert(1)</script><img src=x onerror=alert(2)>"'&{{ 7*7 }}\u2028<a href="http://evil.example">"""
)
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements, texts and scripts of a page; complains about tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str):
        assert self.open.pop() == tag

    def handle_data(self, data: str):
        if self.open and self.open[-1] == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = attributes, before + data
        elif data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def blocks(self) -> list[dict]:
        return [json.loads(text) for attributes, text in self.scripts if attributes.get("type") == "application/json"]

    @property
    def code(self) -> list[str]:
        return [text for attributes, text in self.scripts if "type" not in attributes]


@pytest.fixture(scope="module")
def sweep(make_results: Callable[..., SweepResults]):
    return make_results()


@pytest.fixture(scope="module")
def html(sweep: SweepResults):
    return build_page(sweep)


@pytest.fixture(scope="module")
def page(html: str):
    return Page(html)


def test_it_holds_every_trial_and_the_numbers_of_the_ranked_ones(sweep: SweepResults, page: Page):
    for trial in leaderboard(sweep):
        assert f"{trial.nll:.4f}" in page.words
    for trial in unranked(sweep):
        assert trial.label in page.words
    for record in sweep.records:
        assert str(record.trial) in page.text
    assert sweep.spec.question in page.words


def test_the_rest_of_a_long_leaderboard_is_folded_away(make_results: Callable[..., SweepResults]):
    results = make_results(trials=60)
    page = Page(build_page(results))
    assert f"{len(leaderboard(results)) - 25} more" in page.words


def test_it_loads_nothing_from_anywhere(page: Page, html: str):
    for tag, attributes in page.elements:
        assert not attributes.keys() & {"src", "srcset", "data", "poster", "action", "background"}
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert (attributes.get("href") or "#").startswith("#")
        assert "url(" not in (attributes.get("style") or "")
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert not re.search(r"url\(|@import", "".join(styles))


def test_the_policy_allows_its_two_scripts_and_no_request(page: Page):
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline" not in re.findall(r"script-src[^;]*", policy)[0]
    digests = {base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in page.code}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == digests
    assert len(page.code) == 2


def test_plotly_is_inside_once(html: str):
    assert html.count("root.moduleName = factory()") == 1
    assert len(html) < 6_000_000


def test_every_figure_is_drawable_and_described(page: Page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(page.blocks) >= 9
    for block in page.blocks:
        assert block["data"]
        assert block["layout"]["height"] > 100
    for attributes in (a for _, a in page.elements if a.get("class") == "plot"):
        assert {attributes["aria-labelledby"], attributes["aria-describedby"]} <= set(ids)


def test_links_of_the_page_lead_somewhere(page: Page):
    ids = {attributes.get("id") for _, attributes in page.elements}
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links
    assert all(link is not None and link.removeprefix("#") in ids for link in links)


def test_it_has_a_language_landmarks_captions_and_scopes(page: Page):
    tags = [tag for tag, _ in page.elements]
    assert next(attributes for tag, attributes in page.elements if tag == "html") == {"lang": "en"}
    assert {"header", "main", "nav", "footer", "h1", "figcaption"} <= set(tags)
    assert tags.count("table") == tags.count("caption") > 1
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")


@pytest.fixture(scope="module")
def attacked(make_results: Callable[..., SweepResults]):
    """Results whose every free text is hostile."""
    results = make_results(search={"model.positions": [HOSTILE, "rope"], "model.depth": [1, 2, 3, 4, 6]})
    records = tuple(
        record.model_copy(
            update={
                "reason": HOSTILE if record.reason else "",
                "baseline": HOSTILE if record.baseline else None,
                "settings": record.settings | {"model.positions": HOSTILE if record.trial % 2 else "rope"},
                "provenance": record.provenance.model_copy(update={"argv": (HOSTILE,), "device": HOSTILE}),
            }
        )
        for record in results.records
    )
    spec = results.spec.model_copy(update={"question": HOSTILE})
    return replace(results, spec=spec, records=records, command=HOSTILE, created_at=HOSTILE)


@pytest.fixture(scope="module")
def attacked_page(attacked: SweepResults):
    return Page(build_page(attacked))


def test_texts_of_a_spec_cannot_become_markup_or_script(attacked_page: Page):
    page = attacked_page
    assert "img" not in {tag for tag, _ in page.elements}
    assert len(page.code) == 2
    assert not any("alert(1)" in code for code in page.code)
    assert all((a.get("href") or "#").startswith("#") for _, a in page.elements)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "49" not in next(word for word in page.words if "alert(1)" in word)


def test_texts_of_a_spec_stay_texts_inside_figures(attacked_page: Page):
    shown = json.dumps(attacked_page.blocks)
    assert "alert(1)" in shown
    assert not re.search(r"<(?!br>|/?b>|extra>|/extra>)", shown)


def test_json_blocks_hold_nothing_that_ends_a_script(attacked_page: Page):
    for attributes, text in attacked_page.scripts:
        if attributes.get("type") == "application/json":
            assert not set(text) & set("<>&\u2028\u2029")


@pytest.mark.parametrize(
    ("states", "said"),
    [(["running"] * 3 + ["failed"] * 2, "nothing to report: 3 running, 2 failed"), ([], "nothing to report: no runs")],
)
def test_without_a_complete_run_there_is_nothing_to_report(
    make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec], states: list[str], said: str
):
    records = tuple(make_record(trial=n, state=state) for n, state in enumerate(states))
    with pytest.raises(InputError, match=said) as refused:
        build_page(SweepResults(make_spec(), records, {}, 0, "", ""))
    assert "status quickstart" in str(refused.value)


def test_trials_with_a_seed_missing_make_a_page_without_a_ranking(
    make_record: Callable[..., Record], make_spec: Callable[..., SweepSpec]
):
    page = Page(build_page(SweepResults(make_spec(), (make_record(),), {}, 0, "", "")))
    assert "none is ranked" in page.text
    assert "2.0000" in page.words


def test_the_file_is_whole_or_as_it_was(
    sweep: SweepResults, html: str, tmp_path: Path, make_spec: Callable[..., SweepSpec]
):
    path = tmp_path / "new" / "report.html"
    assert write_report(sweep, path) == path
    assert path.read_text(encoding="utf-8") == html
    with pytest.raises(InputError):
        write_report(SweepResults(make_spec(), (), {}, 0, "", ""), path)
    assert path.read_text(encoding="utf-8") == html
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_said(sweep: SweepResults, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(sweep, tmp_path / "file" / "report.html")


def test_the_room_loads_no_framework_until_it_needs_one():
    code = "import sys, tlm_sweeps.report.page, tlm_sweeps.report.table; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "wandb", "datasets", "optuna"} & set(loaded)


@needs_chromium
def test_chromium_draws_every_figure_without_a_complaint(attacked: SweepResults, tmp_path: Path):
    path = write_report(attacked, tmp_path / "report.html")
    page = Page(drawn(path, tmp_path))
    plots = [attributes for _, attributes in page.elements if "plot" in (attributes.get("class") or "").split()]
    assert plots
    assert all("js-plotly-plot" in (attributes["class"] or "") for attributes in plots)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert not any("evil" in (attributes.get("href") or "") for _, attributes in page.elements)
