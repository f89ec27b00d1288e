"""The Prometheus HTTP API: ask, try again where that helps, and read the answer strictly.

Every failure leaves as a `SourceError`; a credential never stands in its message.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, unquote, urlsplit

from canarystats.errors import InputError, SourceError, SourceErrorKind
from canarystats.sources.matrix import read_matrix, remarks

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarystats.sources.series import Grid, Series
    from canarystats.sources.transport import Response, Transport

MAX_POINTS = 11_000  # the server's own limit is one more
LONGEST_WAIT_SECONDS = 30.0
_OVERLOADED = {429, 503}
_EXCERPT = 300


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server is, and what is shown to it on every request.

    Parameters
    ----------
    url
        The server, without credentials.
    headers
        Sent with every request.
    secrets
        Texts that no message may contain.
    """

    url: str
    headers: Mapping[str, str]
    secrets: tuple[str, ...]

    def redacted(self, text: str) -> str:
        """The text with every secret replaced."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def access(
    url: str,
    *,
    bearer: str | None = None,
    basic: tuple[str, str] | None = None,
    tenant: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Access:
    """Take apart a URL and credentials.

    Raises
    ------
    InputError
        If the URL is none of HTTP, a header cannot be sent, or two credentials are given.
    """
    bare, from_url = _split_url(url)
    if sum(given is not None for given in (bearer, basic, from_url)) > 1:
        msg = "more than one of bearer, basic and the url's own user is given; give one"
        raise InputError(msg)
    basic = basic or from_url
    sent = {"User-Agent": "canarystats"}
    secrets: list[str] = []
    if bearer is not None:
        sent["Authorization"] = f"Bearer {bearer}"
        secrets.append(bearer)
    if basic is not None:
        coded = base64.b64encode(":".join(basic).encode()).decode()
        sent["Authorization"] = f"Basic {coded}"
        secrets += [coded, basic[1], quote(basic[1], safe="")]
    if tenant is not None:
        sent["X-Scope-OrgID"] = tenant
    for name, value in (headers or {}).items():
        sent[name] = value
        if len(str(value)) >= 4:  # shorter ones are settings, and stand in any text by chance
            secrets.append(value)
    for name, value in sent.items():
        _refuse_header(name, value)
    longest_first = sorted({s for s in secrets if s.strip()}, key=lambda s: (-len(s), s))
    return Access(bare, sent, tuple(longest_first))


def _split_url(url: str) -> tuple[str, tuple[str, str] | None]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in {"http", "https"} or not host:
        shown = "***@" + url.rsplit("@", 1)[1] if "@" in url else url
        msg = f"url is {shown!r}; it must be like http://prometheus:9090 (credentials apart)"
        raise InputError(msg)
    if parts.query or parts.fragment:
        msg = "url must end on the server's path; send what follows ? or # by headers="
        raise InputError(msg)
    name = f"[{host}]" if ":" in host else host
    bare = f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"
    if parts.username is None:
        return bare, None
    return bare, (unquote(parts.username), unquote(parts.password or ""))


def _refuse_header(name: str, value: object) -> None:
    sendable = isinstance(value, str) and value.isprintable() and value.isascii()
    if not sendable or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", str(name)):
        msg = f"header {name!r} cannot be sent; a header is one line of printable ASCII"
        raise InputError(msg)


class HttpApi:
    """Asks one Prometheus server.

    Parameters
    ----------
    access
        Where it is and what is shown to it.
    transport
        What carries the requests.
    timeout_seconds
        How long the server may work on a query.
    retries
        How often a request is repeated after 429, 503 or a broken connection.
    sleep
        Waits that many seconds.
    """

    def __init__(
        self,
        access: Access,
        transport: Transport,
        *,
        timeout_seconds: float,
        retries: int,
        sleep: Callable[[float], None],
    ) -> None:
        self._access = access
        self._transport = transport
        self._timeout_seconds = timeout_seconds
        self._retries = retries
        self._sleep = sleep

    def query_range(self, query: str, grid: Grid) -> tuple[list[Series], tuple[str, ...]]:
        """Evaluate a query at every time of the grid.

        Returns
        -------
        tuple
            The series, sorted by their labels, and what the server remarked: each remark begins
            with ``partial_response:`` or ``info:``.

        Raises
        ------
        SourceError
            If the server cannot be asked, refuses, or answers what its interface rules out.
        """
        answers = []
        notes: dict[str, None] = {}
        for chunk in grid.chunks(MAX_POINTS):
            form = {
                "query": query,
                "start": _seconds(chunk.first_ms),
                "end": _seconds(chunk.first_ms + (chunk.size - 1) * chunk.step_ms),
                "step": _seconds(chunk.step_ms),
                "timeout": f"{self._timeout_seconds:g}s",
                "nocache": "1",  # VictoriaMetrics would move the times otherwise
            }
            envelope = self._ask("POST", "/api/v1/query_range", form)
            answers.append(envelope.get("data"))
            notes.update(dict.fromkeys(self._access.redacted(n) for n in remarks(envelope)))
        try:
            return read_matrix(answers, grid), tuple(notes)
        except SourceError as error:
            message = self._access.redacted(f"{self._access.url}: {error} (query {query})")
            raise SourceError(error.kind, message) from error

    def status(self, path: str, tolerated: frozenset[SourceErrorKind]) -> object:
        """What a status endpoint answers as ``data``; None where the server has none such."""
        try:
            return self._ask("GET", path, {}).get("data")
        except SourceError as error:
            if error.kind in tolerated:
                return None
            raise

    def _ask(self, method: str, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        response = self._send(method, path, form)
        envelope = _envelope(response)
        good = 200 <= response.status < 300
        if good and envelope is not None and envelope.get("status") == "success":
            return envelope
        what = f"{method} {self._access.url}{path} answered {response.status}"
        if "query" in form:
            what += f" to {form['query']}"
        if good and envelope is None:
            what += ", but not JSON as Prometheus does"
        message = self._access.redacted(f"{what}: {_reason(response, envelope)}")
        raise SourceError(_kind(response.status, envelope), message)

    def _send(self, method: str, path: str, form: Mapping[str, str]) -> Response:
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                response = self._once(method, path, form)
            except SourceError as error:
                if last or error.kind is not SourceErrorKind.UNREACHABLE:
                    raise
                self._sleep(_backoff_seconds(attempt))
                continue
            if last or response.status not in _OVERLOADED or _is_query_timeout(response):
                return response
            wait = _retry_after_seconds(response)
            if wait is not None and wait > LONGEST_WAIT_SECONDS:
                return response
            self._sleep(_backoff_seconds(attempt) if wait is None else wait)
        msg = f"retries is {self._retries}; it must be at least 0"
        raise InputError(msg)

    def _once(self, method: str, path: str, form: Mapping[str, str]) -> Response:
        url = self._access.url + path
        try:
            return self._transport.send(method, url, self._access.headers, form)
        except SourceError as error:
            message = self._access.redacted(str(error))
            if message == str(error):
                raise
            raise SourceError(error.kind, message) from None
        except TimeoutError as error:
            self._fail(SourceErrorKind.TIMEOUT, f"{url}: {error or 'no answer in time'}")
        except OSError as error:
            self._fail(SourceErrorKind.UNREACHABLE, f"{url}: {error}")

    def _fail(self, kind: SourceErrorKind, message: str) -> NoReturn:
        raise SourceError(kind, self._access.redacted(message)) from None


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def _backoff_seconds(attempt: int) -> float:
    return min(0.25 * 2.0**attempt, LONGEST_WAIT_SECONDS)


def _retry_after_seconds(response: Response) -> float | None:
    """How long the server asks to be left alone; a date counts from the answer's own date."""
    text = response.header("Retry-After").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max((until - parsedate_to_datetime(response.header("Date"))).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def _envelope(response: Response) -> dict[str, Any] | None:
    try:
        data = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _is_query_timeout(response: Response) -> bool:
    envelope = _envelope(response) or {}
    return response.status == 503 and envelope.get("errorType") == "timeout"


_KINDS = (
    ({408, 499, 504}, SourceErrorKind.TIMEOUT),
    (_OVERLOADED, SourceErrorKind.OVERLOADED),
    ({401, 403, 407}, SourceErrorKind.UNAUTHORIZED),
    ({404}, SourceErrorKind.NOT_FOUND),
    (range(400, 500), SourceErrorKind.REJECTED),
    (range(500, 600), SourceErrorKind.UNREACHABLE),
)


def _kind(status: int, envelope: dict[str, Any] | None) -> SourceErrorKind:
    if envelope is not None and envelope.get("status") == "error":
        if str(envelope.get("errorType")) in {"timeout", "canceled"}:
            return SourceErrorKind.TIMEOUT
        if 200 <= status < 300:
            return SourceErrorKind.REJECTED
    for statuses, kind in _KINDS:
        if status in statuses:
            return kind
    return SourceErrorKind.MALFORMED


def _reason(response: Response, envelope: dict[str, Any] | None) -> str:
    if envelope is not None and "error" in envelope:
        return f"{envelope.get('errorType', 'error')}: {envelope['error']}"
    location = response.header("Location")
    if location:
        return "a redirect, which is not followed; give the final url"
    return _content(response)


def _content(response: Response) -> str:
    text = " ".join(response.body[:_EXCERPT].decode("utf-8", "replace").split())
    kind = response.header("Content-Type") or "no content type"
    return f"{kind}: {text}" if text else f"an empty body ({kind})"
