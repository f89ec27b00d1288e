"""A small server on loopback that speaks as much of Prometheus' HTTP API as a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]


class Answer(NamedTuple):
    """One response; a negative status breaks the connection without any."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


Sample = Any  # a number, or a native histogram as the API writes it


@dataclass
class Fake:
    """What the server holds: expression to (labels, {Unix seconds: sample}) of each series."""

    data: dict[str, list[tuple[dict[str, str], dict[float, Sample]]]] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)  # beside status and data
    status: dict[str, Any] = field(default_factory=dict)  # path to data
    script: list[Answer] = field(default_factory=list)  # said first, one a request
    always: Callable[[Asked], Answer | None] = lambda _: None
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if self.script:
            return self.script.pop(0)
        given = self.always(asked)
        if given is not None:
            return given
        path = asked.path.partition("?")[0]
        if path == "/api/v1/query_range":
            return self._range(asked) if asked.method == "POST" else Answer(405)
        if path in self.status and asked.method == "GET":
            return good(self.status[path])
        return Answer(404, b"404 page not found\n", (("Content-Type", "text/plain"),))

    def _range(self, asked: Asked) -> Answer:
        form = asked.form
        start, end, step = (float(form[key]) for key in ("start", "end", "step"))
        if int((end - start) / step) > 11_000:
            error = "exceeded maximum resolution of 11,000 points per timeseries."
            return failed(400, "bad_data", error)
        count = int((end - start) / step + 1e-9) + 1
        times = [round(start + i * step, 3) for i in range(count)]
        expression = form["query"]
        stamps = expression.startswith("timestamp(")
        held = self.data.get(expression.removeprefix("timestamp(")[:-1] if stamps else expression)
        result = []
        for labels, samples in held or []:
            points = [(t, t if stamps else samples[t]) for t in times if t in samples]
            kept = {k: v for k, v in labels.items() if not (stamps and k == "__name__")}
            item: dict[str, Any] = {"metric": kept}
            values = [[t, _written(v)] for t, v in points if not isinstance(v, dict)]
            histograms = [[t, v] for t, v in points if isinstance(v, dict)]
            if values:
                item["values"] = values
            if histograms:
                item["histograms"] = histograms
            if points:
                result.append(item)
        return good({"resultType": "matrix", "result": result}, **self.extras)


def _written(value: float) -> str:
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(str(value), str(value))


def good(data: Any, **extras: Any) -> Answer:
    return Answer(200, json.dumps({"status": "success", "data": data, **extras}).encode())


def failed(status: int, error_type: str, error: str) -> Answer:
    body = {"status": "error", "errorType": error_type, "error": error}
    return Answer(status, json.dumps(body).encode())


@contextmanager
def serving(fake: Fake, tls: ssl.SSLContext | None = None) -> Iterator[Fake]:
    """Serve a fake on loopback, by HTTPS where a context is given, and stop it again."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._respond()

        def do_POST(self) -> None:
            self._respond()

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            form = dict(parse_qsl(body, keep_blank_values=True))
            answer = fake.answer(Asked(self.command, self.path, dict(self.headers), form))
            if answer.status < 0:
                self.close_connection = True
                return
            self.send_response(answer.status)
            names = {name.lower() for name, _ in answer.headers}
            for name, value in answer.headers:
                self.send_header(name, value)
            if "content-length" not in names:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            if "content-length" in names:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
