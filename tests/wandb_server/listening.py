"""The HTTP side of the stand-in: keys, paths, troubles."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from tests.wandb_server import artifacts, file_stream, graphql, requeueing
from tests.wandb_server.refusing import Refusal, Refused
from tests.wandb_server.state import State

_SHORTEST_KEY = 40


class Listener(ThreadingHTTPServer):
    """Listens on a free port of the loopback."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, state: State) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Close the connection at once where the server has disappeared."""
        del request, client_address
        return not self.state.faults.gone

    def service_actions(self) -> None:
        """Between requests: see who has been silent for too long."""
        with self.state.lock:
            requeueing.settle_silent(self.state)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error; anything else is one of the stand-in."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Listener  # pyright: ignore[reportIncompatibleVariableOverride] - narrower than what socketserver declares

    @property
    def _state(self) -> State:
        return self.server.state

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            told = json.loads(body or b"{}")
        except ValueError:
            told = {}
        name = graphql.name_of(told) if self.path == "/graphql" else self.path.rpartition("/")[2]
        if self._is_served(name):
            self._answer(name, told)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._is_served("upload"):
            self._attempt("upload", lambda: self._store(body))

    def do_GET(self) -> None:
        if self._is_served("download"):
            self._attempt("download", self._fetch)

    def _answer(self, name: str, told: dict[str, Any]) -> None:
        def answer() -> bytes:
            if self.path.startswith("/sdk/otel/"):  # the client on its own health, without a key, after a while
                return b"{}"
            self._check_key()
            match self.path.strip("/").split("/"):
                case ["graphql"]:
                    found = graphql.answer(self._state, told)
                case ["files", entity, project, run, "file_stream"]:
                    found = file_stream.take(self._state, unquote(entity), unquote(project), unquote(run), told)
                case _:
                    raise Refused(f"nothing is served under {self.path}", status=404)
            return json.dumps(found).encode()

        self._attempt(name, answer)

    def _attempt(self, name: str, answer: Any) -> None:
        with self._state.lock:
            try:
                content, status = answer(), 200
            except Refused as refused:
                content, status = _errors(refused.message), refused.status
                self._state.refusals.append(Refusal(name, refused.message, refused.status))
            except Exception:  # noqa: BLE001 - a fault of the stand-in: say it where tests look
                content, status = _errors("the stand-in failed"), 400
                self._state.refusals.append(Refusal(name, traceback.format_exc(), 400))
        self._reply(status, content)

    def _is_served(self, name: str) -> bool:
        """Count the request, and do to it what the troubles that are on do."""
        faults = self._state.faults
        with self._state.lock:
            self._state.requests.append(name)
            status = faults.strike(name)
        if faults.slow_seconds:
            faults.closing.wait(faults.slow_seconds)
        while faults.silent and not faults.closing.is_set():
            faults.closing.wait(0.05)
        if faults.gone or faults.closing.is_set() or status == 0:
            self.close_connection = True
            return False
        if status:
            self._reply(status, _errors("the server has a trouble"))
            return False
        return True

    def _check_key(self) -> None:
        kind, _, secret = self.headers.get("Authorization", "").partition(" ")
        try:
            user, _, key = base64.b64decode(secret, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = key = ""
        if self._state.faults.refuses_key or kind != "Basic" or user != "api" or len(key) < _SHORTEST_KEY:
            raise Refused("user is not logged in", status=401)

    def _files(self) -> tuple[dict[str, bytes], str]:
        match self.path.strip("/").split("/"):
            case ["storage", "runs", entity, project, run, *parts]:
                found = self._state.find_project(unquote(entity), unquote(project))
                if found is not None and unquote(run) in found.runs:
                    return found.runs[unquote(run)].files, unquote("/".join(parts))
            case ["storage", "artifacts", ident, *parts]:
                return artifacts.find(self._state, unquote(ident)).files, unquote("/".join(parts))
        raise Refused(f"nothing is stored under {self.path}", status=404)

    def _store(self, body: bytes) -> bytes:
        files, name = self._files()
        files[name] = body
        return b""

    def _fetch(self) -> bytes:
        files, name = self._files()
        if name not in files:
            raise Refused(f"no file {name}", status=404)
        return files[name]

    def _reply(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""


def _errors(message: str) -> bytes:
    return json.dumps({"errors": [{"message": message}], "data": None}).encode()
