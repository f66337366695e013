"""A stub of the API on the loopback address, and the command line as a person calls it."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app

Answer = tuple[int, str, bytes]


class StubApi:
    """Answers by method and path (without query), in order, the last answer for ever; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def on(self, method: str, path: str, body: Any, status: int = 200) -> None:
        """One more JSON answer for this call."""
        self._add(method, path, (status, "application/json", json.dumps(body).encode()))

    def text(self, path: str, content: str, kind: str = "text/csv") -> None:
        """One more text for this address, a CSV download by default."""
        self._add("GET", path, (200, kind, content.encode()))

    def problem(self, method: str, path: str, status: int, detail: str, **more: Any) -> None:
        """One more problem+json answer for this call; `retry_after` becomes a header."""
        body = {"type": "about:blank", "title": "x", "status": status, "detail": detail, **more}
        self._add(method, path, (status, "application/problem+json", json.dumps(body).encode()))

    def stream(self, path: str, pages: list[dict[str, Any]]) -> None:
        """One more event stream, which ends after these pages."""
        text = ": hello\n\n" + "".join(f"event: progress\ndata: {json.dumps(page)}\n\n" for page in pages)
        self._add("GET", path, (200, "text/event-stream", text.encode()))

    def _add(self, method: str, path: str, answer: Answer) -> None:
        self._answers.setdefault((method, path), []).append(answer)

    def answer(self, method: str, path: str) -> Answer:
        known = self._answers.get((method, path))
        if not known:
            return 404, "application/problem+json", b'{"detail": "There is no such thing."}'
        return known.pop(0) if len(known) > 1 else known[0]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                stub.asked.append((self.command, self.path, body))
                stub.headers.append(dict(self.headers))
                status, kind, content = stub.answer(self.command, self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if status == 409 and b"retry_after" in content:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                return

        return Handler


@pytest.fixture
def stub() -> Iterator[StubApi]:
    server = StubApi()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def relance(stub: StubApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call `relance …` against the stub, with a key and an empty data directory."""
    for name in ("RELANCE_BOOTSTRAP_API_KEY", "RELANCE_DATABASE_URL", "RELANCE_WASSENGER_URL", "TEMPORAL_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RELANCE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("RELANCE_API_URL", stub.url)
    monkeypatch.setenv("RELANCE_API_KEY", "rl_test")

    def call(*arguments: str, **more: Any) -> Result:
        return CliRunner().invoke(app, list(arguments), **more)

    return call
