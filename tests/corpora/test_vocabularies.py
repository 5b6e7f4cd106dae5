"""Where word pieces come from: trained and kept, a file, the Hub; and every file that is no vocabulary."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from tlm_sweeps.corpora.pieces import SPECIAL_PIECES
from tlm_sweeps.corpora.vocabularies import open_pieces
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.experiment import CorpusSpec, SplitShares
from tlm_sweeps.spec.passages import PiecesFile, PiecesOnHub, TrainedPieces

ANY = CorpusSpec(name="python-docs")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LINES = [*SPECIAL_PIECES, "a", "##b"]


def refused(path: Path) -> Problem:
    with pytest.raises(InputError) as error:
        open_pieces(PiecesFile(path=str(path)), ANY)
    (problem,) = error.value.problems
    assert problem.place
    assert problem.hint
    return problem


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_trained_vocabulary_is_kept_and_knows_its_text(tmp_path: Path, cache: Path):
    path = tmp_path / "mine.txt"
    path.write_text("\n\n".join(["the cat sat", "a cat", "the mat", "that rat", "no vat"] * 4), encoding="utf-8")
    corpus, spec = CorpusSpec(path=str(path)), TrainedPieces(size=40)
    first = open_pieces(spec, corpus)
    assert first.origin == "trained on mine.txt"
    (entry,) = (cache / "corpora").iterdir()
    before = entry.stat().st_mtime_ns
    again = open_pieces(spec, corpus)
    assert (again.vocabulary, again.fingerprint) == (first.vocabulary, first.fingerprint)
    assert entry.stat().st_mtime_ns == before
    (entry / "meta.json").write_text("{}", encoding="utf-8")
    assert open_pieces(spec, corpus).vocabulary == first.vocabulary
    assert open_pieces(TrainedPieces(size=30), corpus).vocabulary != first.vocabulary


def test_only_the_train_part_is_trained_on(tmp_path: Path):
    path = tmp_path / "mine.txt"
    path.write_text("aa\n\naa\n\nzz\n\nqq\n", encoding="utf-8")
    split = SplitShares(train=0.5, valid=0.25)
    assert {"z", "q"}.isdisjoint(open_pieces(TrainedPieces(), CorpusSpec(path=str(path), split=split)).vocabulary)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_file_of_pieces_is_read_in_its_order(tmp_path: Path, ending: str):
    lines = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "\u2028", "##b"]
    (tmp_path / "vocab.txt").write_bytes(ending.join([*lines, ""]).encode())
    (tmp_path / "vocab.txt.gz").write_bytes(gzip.compress(ending.join(lines).encode()))
    pieces = open_pieces(PiecesFile(path=str(tmp_path / "vocab.txt")), ANY)
    assert pieces.vocabulary == tuple(lines)
    assert pieces.encode("ab").tolist() == [6, 8]
    assert pieces.origin == "vocab.txt"
    packed = open_pieces(PiecesFile(path=str(tmp_path / "vocab.txt.gz")), ANY)
    assert packed.fingerprint == pieces.fingerprint


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["[PAD]", "[UNK]", "a"], r"lacks \[CLS\], \[SEP\], \[MASK\]"),
        ([*LINES, "a"], "line 8 .* 'a' again, after line 6"),
        ([*LINES, "", "c"], "line 8 .* nothing"),
        ([*LINES, *(str(number) for number in range(2**16))], "more than 65,536"),
        ([*LINES, "The", "Cat"], "cased vocabulary.*'The'"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path: Path, lines: list[str], wrong: str):
    path = written(tmp_path / "vocab.txt", lines)
    with pytest.raises(InputError, match=wrong):
        open_pieces(PiecesFile(path=str(path)), ANY)
    assert refused(path).place.startswith(str(path))


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path):
    written(tmp_path / "vocab.txt", LINES)
    missing = refused(tmp_path / "vocabs.txt")
    assert missing.place == "experiment.passages.pieces.path"
    assert str(tmp_path / "vocab.txt") in missing.hint
    assert "folder" in refused(tmp_path).message


def test_a_revision_must_be_a_whole_commit():
    with pytest.raises(ValidationError):
        PiecesOnHub(revision="main")


class Hub(BaseHTTPRequestHandler):
    """The one address of the Hub that a vocabulary is fetched from."""

    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def _answer(self, *, send_body: bool) -> None:
        found = self.path == f"/owner/model/resolve/{COMMIT}/vocab.txt"
        body = ("\n".join(LINES) + "\n").encode() if found else b"none"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        if found:
            self.send_header("ETag", '"abc"')
            self.send_header("X-Repo-Commit", COMMIT)
        else:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        if send_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


OPEN = """
import sys
from tlm_sweeps.corpora.vocabularies import open_pieces
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec
from tlm_sweeps.spec.passages import PiecesOnHub
try:
    pieces = open_pieces(PiecesOnHub(repository=sys.argv[1], revision=sys.argv[2]), CorpusSpec(name="python-docs"))
    print(pieces.origin, *pieces.vocabulary)
except InputError as error:
    print("refused", error)
"""


def opened_from(endpoint: str, home: Path, repository: str, **more: str) -> str:
    """What a process of its own says, whose Hub and whose Hugging Face cache are these."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("HF_HUB_OFFLINE", None)
    environment = {**kept, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", **more}
    command = [sys.executable, "-c", OPEN, repository, COMMIT]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_vocabulary_comes_from_the_hub_once(tmp_path: Path, hub: str):
    expected = f"owner/model@{COMMIT[:12]} {' '.join(LINES)}\n"
    assert opened_from(hub, tmp_path, "owner/model") == expected
    assert opened_from("http://hub.invalid", tmp_path, "owner/model") == expected


def test_a_repository_that_the_hub_does_not_have_is_refused(tmp_path: Path, hub: str):
    said = opened_from(hub, tmp_path, "owner/none")
    assert "refused vocab.txt of 'owner/none'" in said
    assert "hint:" in said


def test_a_hub_out_of_reach_is_said_at_once(tmp_path: Path):
    assert "hub.invalid) cannot be reached" in opened_from("https://hub.invalid", tmp_path, "owner/model")
